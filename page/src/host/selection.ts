// SPDX-License-Identifier: Apache-2.0
// The choice of a Deployment in the page's own address, so that a link carries it.

import type { DeploymentOption } from "../api/contract";

export function chosenIn(search: string, options: readonly DeploymentOption[]): DeploymentOption | null {
  const query = new URLSearchParams(search);
  const [connection, deployment] = [query.get("connection"), query.get("deployment")];
  if (!connection && !deployment) return options.length === 1 ? options[0]! : null;
  return options.find((option) => option.connection === connection && option.deployment === deployment) ?? null;
}

/** Tell whether the address names a Deployment that is not offered. */
export const namesAnother = (search: string, options: readonly DeploymentOption[]): boolean =>
  new URLSearchParams(search).has("deployment") && chosenIn(search, options) === null;

/** The whole path: Airflow's <base> would lead a bare query elsewhere. */
export const linkTo = (path: string, { connection, deployment }: DeploymentOption): string =>
  `${path}?${new URLSearchParams({ connection, deployment })}`;
