// SPDX-License-Identifier: Apache-2.0
// The words for deploys that appear in more than one place.

import type { Deploy, GoingOn } from "../api/contract";

/** IMAGE_AND_DAG becomes Image and Dag; a word that is new to us stays readable. */
export function typeWords(type: string): string {
  const words = type.toLowerCase().replaceAll("_", " ").replace(/\bdag(s?)\b/g, "Dag$1");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What people call a deploy: its tag, else its id. */
export const nameOf = (deploy: Pick<Deploy, "id" | "image_tag">): string => deploy.image_tag ?? deploy.id;

export const shortCommit = (commit: string): string => commit.slice(0, 7);

/** The sentence that says why nothing can be started now. */
export function goingOnWords(going: GoingOn): string {
  const by = going.created_by ? ` by ${going.created_by}` : "";
  const what = going.rollback ? `A rollback${going.target ? ` to deploy ${going.target}` : ""}` : "A deploy";
  return `${what}${by} is going on. Rolling back is possible when it has ended.`;
}

export const scopeWords = (scope: string): string =>
  ({ image: "Image", dags: "Dags", image_and_dags: "Image and Dags" })[scope] ?? scope;

/** Healthy, unhealthy or something that we have no colour for. */
export function healthTone(health: string): "good" | "bad" | "plain" {
  if (/^(healthy|running|ok)$/i.test(health)) return "good";
  return /unhealthy|fail|error|down/i.test(health) ? "bad" : "plain";
}
