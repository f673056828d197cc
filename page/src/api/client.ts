// SPDX-License-Identifier: Apache-2.0
// The requests that the page makes. All go to Airflow's own origin; none carries a token of a platform.

import type { Conf, HistoryPage, DeploymentOption, PlanAnswer, Options, Run, Start } from "./contract";
import { Problem, problemOf } from "./problem";

const SECONDS_TO_ANSWER = 60;
const CONFLICT = 409;

export interface HistoryOptions {
  cursor?: string | null;
  searching?: boolean;
  /** "1" to look for news now and then, "now" where a person asks for them. */
  fresh?: "1" | "now";
}

export interface Client {
  options(): Promise<Options>;
  /** A page of the history; who searches gets as many as can be read within a few seconds. */
  history(option: DeploymentOption, options: HistoryOptions): Promise<HistoryPage>;
  plan(option: DeploymentOption, target: string, scope: string | null, current: string | null): Promise<PlanAnswer>;
  /** Start the Dag run of this id; when it was started before, that is it. */
  start(start: Start, conf: Conf, runId: string): Promise<Run>;
  run(address: string): Promise<Run>;
}

/**
 * @param base where Airflow is, ending in a slash
 * @param csrf what Airflow 2 wants to see with every change
 */
export function makeClient(base: string, csrf: string | null): Client {
  const api = (path: string, query: Record<string, string | null | undefined>): string => {
    const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
    return `${base}rollback/api/${path}?${new URLSearchParams(given)}`;
  };
  const of = (option: DeploymentOption) => ({ connection: option.connection, deployment: option.deployment });
  return {
    options: () => ask(api("options", {})),
    history: (option, { cursor, searching, fresh }) =>
      ask(api("history", { ...of(option), cursor, searching: searching ? "1" : null, fresh })),
    plan: (option, target, scope, current) => ask(api("plan", { ...of(option), target, scope, expected_current_deploy_id: current })),
    start: (start, conf, runId) =>
      ask<Run>(start.url, { ...start.body, conf, dag_run_id: runId }, csrf).catch((error: unknown) => {
        // There is a run of this name already, or something else is in the way.
        if (!(error instanceof Problem) || error.status !== CONFLICT) throw error;
        return ask<Run>(runAddress(start.run_url, runId)).catch(() => Promise.reject(error));
      }),
    run: (address) => ask(address),
  };
}

export const runAddress = (address: string, runId: string): string =>
  address.replaceAll("{run_id}", encodeURIComponent(runId));

/** Ask for JSON; with a body, send that as JSON. */
async function ask<T>(url: string, body?: unknown, csrf: string | null = null): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (csrf) headers["X-CSRFToken"] = csrf;
  const answer = await fetch(url, {
    method: body === undefined ? "GET" : "POST",
    credentials: "same-origin",
    headers,
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(SECONDS_TO_ANSWER * 1000),
  });
  const read: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw problemOf(answer.status, read);
  // A log-in page in place of JSON, for one.
  if (read === null) throw new Problem("NOT-LOGGED-IN", "Airflow sent a page instead of data.", "Log in again.");
  return read as T;
}
