// SPDX-License-Identifier: Apache-2.0
// The time zone that the user chose in Airflow; by default the browser's own.

/** The key under which Airflow stores it in the browser. */
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

/** Call `changed` when the choice may have changed. Returns a function that stops this. */
export function watchZone(changed: () => void): () => void {
  for (const [target, name] of CHANGES) target.addEventListener(name, changed);
  return () => {
    for (const [target, name] of CHANGES) target.removeEventListener(name, changed);
  };
}
