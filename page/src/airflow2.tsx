// SPDX-License-Identifier: Apache-2.0
// The same page on its own, inside the layout of Airflow 2.

import { h, render } from "preact";
import type { Host } from "./host/host";
import { DeployHistoryPage } from "./ui/page";

const root = document.getElementById("deploy-history");
if (root) {
  const host: Host = {
    airflow: 2,
    base: new URL(root.dataset["base"] ?? "/", window.location.origin).href,
    csrf: root.dataset["csrf"] ?? null,
    zoneKey: "selected-timezone",
  };
  // The types are React's, but Preact runs. Only this file depends on that.
  render(h(DeployHistoryPage as never, { host } as never), root);
}
