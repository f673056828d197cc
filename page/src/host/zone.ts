// SPDX-License-Identifier: Apache-2.0
// The time zone that the person chose in Airflow; the browser's own until they did.

/** Where Airflow keeps the choice in the browser. */
export type ZoneKey = "timezone" | "selected-timezone";

const CHANGES: [target: EventTarget, name: string][] = [
  [window, "storage"], // in another tab
  [window, "local-storage"], // Airflow 3, in this tab
  [document, "timezone"], // Airflow 2, in this tab
];

export function readZone(key: ZoneKey): string {
  const chosen = localStorage.getItem(key)?.replaceAll('"', "");
  return chosen || Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Call back when the choice may have changed; returns how to stop. */
export function watchZone(changed: () => void): () => void {
  for (const [target, name] of CHANGES) target.addEventListener(name, changed);
  return () => {
    for (const [target, name] of CHANGES) target.removeEventListener(name, changed);
  };
}
