// SPDX-License-Identifier: Apache-2.0
// The requests that the page makes. All go to Airflow's own origin; none carries a token of a platform.

import type { Conf, DeploymentList, HistoryPage, DeploymentOption, PlanAnswer, Options, Run, Start } from "./contract";
import { Problem, problemOf } from "./problem";

const SECONDS_TO_ANSWER = 60;
const CONFLICT = 409;

export interface HistoryOptions {
  cursor?: string | null;
  searching?: boolean;
  /** "1" to poll, "now" if the user requests an update. */
  fresh?: "1" | "now";
}

export interface Client {
  options(): Promise<Options>;
  /** A page of all Deployments of a connection. */
  deployments(connection: string, search: string, start: number): Promise<DeploymentList>;
  /** A page of the history. A search gets as many rows as the server can read within a few seconds. */
  history(option: DeploymentOption, options: HistoryOptions): Promise<HistoryPage>;
  plan(option: DeploymentOption, target: string, scope: string | null, current: string | null): Promise<PlanAnswer>;
  /** Start the Dag run of this id. If it was started before, return that run. */
  start(start: Start, conf: Conf, runId: string): Promise<Run>;
  run(address: string): Promise<Run>;
}

/**
 * @param base the address of Airflow, with a slash at its end
 * @param csrf the token that Airflow 2 requires with every change
 */
export function makeClient(base: string, csrf: string | null): Client {
  const api = (path: string, query: Record<string, string | null | undefined>): string => {
    const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
    return `${base}rollback/api/${path}?${new URLSearchParams(given)}`;
  };
  const of = (option: DeploymentOption) => ({ connection: option.connection, deployment: option.deployment });
  return {
    options: () => request(api("options", {})),
    deployments: (connection, search, start) => request(api("deployments", { connection, search, start: String(start) })),
    history: (option, { cursor, searching, fresh }) =>
      request(api("history", { ...of(option), cursor, searching: searching ? "1" : null, fresh })),
    plan: (option, target, scope, current) => request(api("plan", { ...of(option), target, scope, expected_current_deploy_id: current })),
    start: (start, conf, runId) =>
      request<Run>(start.url, { ...start.body, conf, dag_run_id: runId }, csrf).catch((error: unknown) => {
        // A run with this id exists already, or there is another conflict.
        if (!(error instanceof Problem) || error.status !== CONFLICT) throw error;
        return request<Run>(runAddress(start.run_url, runId)).catch(() => Promise.reject(error));
      }),
    run: (address) => request(address),
  };
}

export const runAddress = (address: string, runId: string): string =>
  address.replaceAll("{run_id}", encodeURIComponent(runId));

/** Send a request for JSON. A body is sent as JSON. */
async function request<T>(url: string, body?: unknown, csrf: string | null = null): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (csrf) headers["X-CSRFToken"] = csrf;
  const response = await fetch(url, {
    method: body === undefined ? "GET" : "POST",
    credentials: "same-origin",
    headers,
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(SECONDS_TO_ANSWER * 1000),
  });
  const content: unknown = await response.json().catch(() => null);
  if (!response.ok) throw problemOf(response.status, content);
  // For example, a login page instead of JSON.
  if (content === null) throw new Problem("NOT-LOGGED-IN", "Airflow sent a page instead of data.", "Log in again.");
  return content as T;
}
