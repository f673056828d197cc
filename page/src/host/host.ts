// SPDX-License-Identifier: Apache-2.0
// The Airflow that shows the page.

import type { ZoneKey } from "./zone";

export interface Host {
  airflow: 2 | 3;
  /** Where Airflow is, ending in a slash. */
  base: string;
  /** What Airflow 2 wants to see with every change. */
  csrf: string | null;
  zoneKey: ZoneKey;
}
