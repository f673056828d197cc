// SPDX-License-Identifier: Apache-2.0
// The Airflow that shows the page.

import type { ZoneKey } from "./zone";

export interface Host {
  airflow: 2 | 3;
  /** The address of Airflow, with a slash at its end. */
  base: string;
  /** The token that Airflow 2 requires with every change. */
  csrf: string | null;
  zoneKey: ZoneKey;
}
