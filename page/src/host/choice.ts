// SPDX-License-Identifier: Apache-2.0
// The choice of a Deployment in the page's own address, so that a link carries it.

import type { Place } from "../api/contract";

export function chosenIn(search: string, places: readonly Place[]): Place | null {
  const query = new URLSearchParams(search);
  const [connection, deployment] = [query.get("connection"), query.get("deployment")];
  if (!connection && !deployment) return places.length === 1 ? places[0]! : null;
  return places.find((place) => place.connection === connection && place.deployment === deployment) ?? null;
}

/** Tell whether the address names a Deployment that is not offered. */
export const namesAnother = (search: string, places: readonly Place[]): boolean =>
  new URLSearchParams(search).has("deployment") && chosenIn(search, places) === null;

/** The whole path: Airflow's <base> would lead a bare query elsewhere. */
export const linkTo = (path: string, { connection, deployment }: Place): string =>
  `${path}?${new URLSearchParams({ connection, deployment })}`;
