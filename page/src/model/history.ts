// SPDX-License-Identifier: Apache-2.0
// The loaded part of a deploy history, newest first, and its changes with each page that is read.

import type { Deploy, Summary, HistoryPage } from "../api/contract";

export interface LoadedHistory {
  summary: Summary;
  rows: readonly Deploy[];
  /** The cursor of the next page; null at the end. */
  cursor: string | null;
}

export const fromFirstPage = (page: HistoryPage): LoadedHistory => ({ summary: page.summary, rows: page.rows, cursor: page.next_cursor });

/**
 * Add the next older page. Rows that are loaded already moved down meanwhile.
 *
 * The summary stays, because it belongs to the latest rows. A newer one would hide from hasChanged() that they are
 * outdated, and another server process may even return an older one.
 */
export function appendPage(loaded: LoadedHistory, page: HistoryPage): LoadedHistory {
  const ids = new Set(loaded.rows.map((row) => row.id));
  const rows = [...loaded.rows, ...page.rows.filter((row) => !ids.has(row.id))];
  return { summary: loaded.summary, rows, cursor: page.next_cursor };
}

/** Replace the first rows by a newly read first page. Keep the older rows. */
export function mergeFirstPage(loaded: LoadedHistory, page: HistoryPage): LoadedHistory {
  const ids = new Set(page.rows.map((row) => row.id));
  const overlap = loaded.rows.some((row) => ids.has(row.id));
  if (!overlap) return fromFirstPage(page);
  const older = loaded.rows.slice(loaded.rows.findLastIndex((row) => ids.has(row.id)) + 1);
  return { summary: page.summary, rows: [...page.rows, ...older], cursor: older.length ? loaded.cursor : page.next_cursor };
}

/** Whether the content of older rows (possible, rolled back from) may have changed with the summary. */
export const hasChanged = (loaded: LoadedHistory, page: HistoryPage): boolean =>
  loaded.summary.running?.id !== page.summary.running?.id ||
  loaded.summary.latest_id !== page.summary.latest_id ||
  codesOf(loaded.summary) !== codesOf(page.summary);

/** The reasons against every deploy. They change the older rows too. */
const codesOf = ({ obstacles }: Summary): string => obstacles.map(({ code }) => code).join();
