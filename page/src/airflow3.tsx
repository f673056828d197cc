// SPDX-License-Identifier: Apache-2.0
// The plugin component. Airflow 3 reads it from `globalThis` by the name of the app.

import type { Host } from "./host/host";
import { DeployHistoryPage } from "./ui/page";

const host: Host = {
  airflow: 3,
  base: document.querySelector("base")?.href ?? `${window.location.origin}/`,
  csrf: null,
  zoneKey: "timezone",
};

function DeployHistory() {
  return <DeployHistoryPage host={host} />;
}

Object.assign(globalThis, { "Deploy History": DeployHistory, AirflowPlugin: DeployHistory });
