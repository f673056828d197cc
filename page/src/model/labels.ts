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

/** A long name, such as an image tag of 127 characters, shortened in its middle for a button. */
export const shortName = (name: string): string => (name.length > 44 ? `${name.slice(0, 28)}…${name.slice(-12)}` : name);

const RIGHT_TO_LEFT = "[\\u0590-\\u08ff\\ufb1d-\\ufdff\\ufe70-\\ufeff\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]";
const BIDI = new RegExp(RIGHT_TO_LEFT);
const QUOTES_AND_RUNS = new RegExp(`“[^”]*${RIGHT_TO_LEFT}[^”]*”|${RIGHT_TO_LEFT}(?:[^A-Za-z:“”()]*${RIGHT_TO_LEFT})*`, "g");

/** A text of others within a plain text: its direction does not change that of the words around it. */
export const isolated = (text: string): string => (BIDI.test(text) ? `\u2068${text}\u2069` : text);

/** A name of others within a sentence. */
export const quoted = (name: string): string => `“${isolated(name)}”`;

/** A sentence of the server: the texts of others in it do not change the direction of the words around them. */
export const sentence = (text: string): string =>
  text.replace(QUOTES_AND_RUNS, (found) => (found.startsWith("“") ? quoted(found.slice(1, -1)) : isolated(found)));

/** Why there is no rollback to a deploy, in a word or two. */
export function refusalLabel({ runs_now, status, reasons }: Deploy): string {
  if (runs_now) return "runs now";
  if (status !== "succeeded") return status === "unknown" ? "not known" : status;
  return { "TARGET-RUNS-ALREADY": "same content", "TARGET-EXPIRED": "too old" }[reasons[0]?.code ?? ""] ?? "not possible";
}

export const shortCommit = (commit: string): string => commit.slice(0, 7);

/** The reason why nothing can be started now. */
export function inProgressText(going: InProgress): string {
  const by = going.created_by ? ` by ${isolated(going.created_by)}` : "";
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
