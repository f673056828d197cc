// SPDX-License-Identifier: Apache-2.0
// The selected Deployment, the filters and one deploy in the page's own address, so that a link can contain them.

import type { DeploymentOption } from "../api/contract";

/** The Deployment of an option that stands for all of its connection. */
export const ALL = "*";

export function selectedOption(search: string, options: readonly DeploymentOption[]): DeploymentOption | null {
  const query = new URLSearchParams(search);
  const [connection, deployment] = [query.get("connection"), query.get("deployment")];
  if (!connection && !deployment) return options.length === 1 && options[0]!.deployment !== ALL ? options[0]! : null;
  if (!deployment || deployment === ALL) return null;
  const offered = options.filter((option) => option.connection === connection);
  const all = offered.find((option) => option.deployment === ALL);
  return offered.find((option) => option.deployment === deployment) ?? (all ? { ...all, deployment, label: deployment } : null);
}

/** Whether the address names a Deployment that is not offered. */
export const namesUnknownOption = (search: string, options: readonly DeploymentOption[]): boolean =>
  new URLSearchParams(search).has("deployment") && selectedOption(search, options) === null;

/** Change parameters of the address in place; null removes one. Airflow's own history state is kept. */
export function replaceQuery(changes: Readonly<Record<string, string | null>>): void {
  const query = new URLSearchParams(window.location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  const address = `${window.location.pathname}${query.size ? "?" : ""}${query}`;
  if (query.toString() === window.location.search.slice(1)) return;
  window.history.replaceState(window.history.state, "", address);
}

/** The whole path: with Airflow's <base>, a query alone would lead to another page. */
export const linkTo = (path: string, option: DeploymentOption | null): string =>
  option ? `${path}?${new URLSearchParams({ connection: option.connection, deployment: option.deployment })}` : path;
