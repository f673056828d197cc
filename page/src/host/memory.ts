// SPDX-License-Identifier: Apache-2.0
// What outlives a reload or a login in this tab: the browser's session storage.

const PREFIX = "airflow-rollback:";

export function recall<T>(key: string): T | null {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + key) ?? "null") as T | null;
  } catch {
    return null; // the browser forbids it, or another version wrote it
  }
}

/** Keep a value; null removes it. */
export function keep(key: string, value: unknown): void {
  try {
    if (value === null) sessionStorage.removeItem(PREFIX + key);
    else sessionStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // Then it is lost with the page, as without this module.
  }
}
