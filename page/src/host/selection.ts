// SPDX-License-Identifier: Apache-2.0
// The selected Deployment in the page's own address, so that a link can contain it.

import type { DeploymentOption } from "../api/contract";

export function selectedOption(search: string, options: readonly DeploymentOption[]): DeploymentOption | null {
  const query = new URLSearchParams(search);
  const [connection, deployment] = [query.get("connection"), query.get("deployment")];
  if (!connection && !deployment) return options.length === 1 ? options[0]! : null;
  return options.find((option) => option.connection === connection && option.deployment === deployment) ?? null;
}

/** Whether the address names a Deployment that is not offered. */
export const namesUnknownOption = (search: string, options: readonly DeploymentOption[]): boolean =>
  new URLSearchParams(search).has("deployment") && selectedOption(search, options) === null;

/** The whole path: with Airflow's <base>, a query alone would lead to another page. */
export const linkTo = (path: string, { connection, deployment }: DeploymentOption): string =>
  `${path}?${new URLSearchParams({ connection, deployment })}`;
