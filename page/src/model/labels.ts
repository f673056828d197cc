// SPDX-License-Identifier: Apache-2.0
// Texts about deploys that several parts of the page show.

import type { Deploy, InProgress } from "../api/contract";

/** IMAGE_AND_DAG becomes Image and Dag. An unknown type stays readable. */
export function typeLabel(type: string): string {
  const words = type.toLowerCase().replaceAll("_", " ").replace(/\bdag(s?)\b/g, "Dag$1");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The name of a deploy: its tag, else its id. */
export const nameOf = (deploy: Pick<Deploy, "id" | "image_tag">): string => deploy.image_tag ?? deploy.id;

export const shortCommit = (commit: string): string => commit.slice(0, 7);

/** The reason why nothing can be started now. */
export function inProgressText(going: InProgress): string {
  const by = going.created_by ? ` by ${going.created_by}` : "";
  const what = going.rollback ? `A rollback${going.target ? ` to deploy ${going.target}` : ""}` : "A deploy";
  return `${what}${by} is in progress. A rollback is possible when it has ended.`;
}

export const scopeLabel = (scope: string): string =>
  ({ image: "Image", dags: "Dags", image_and_dags: "Image and Dags" })[scope] ?? scope;

/** Healthy, unhealthy, or plain for an unknown word. */
export function healthTone(health: string): "good" | "bad" | "plain" {
  if (/^(healthy|running|ok)$/i.test(health)) return "good";
  return /unhealthy|fail|error|down/i.test(health) ? "bad" : "plain";
}
