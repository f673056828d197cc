// SPDX-License-Identifier: Apache-2.0
// What is known of a deploy history, newest first, and how a page that was read changes it.

import type { Deploy, Summary, HistoryPage } from "../api/contract";

export interface Known {
  summary: Summary;
  rows: readonly Deploy[];
  /** Where to read on; null at the end. */
  cursor: string | null;
}

export const begin = (page: HistoryPage): Known => ({ summary: page.summary, rows: page.rows, cursor: page.next_cursor });

/**
 * Add the next older page. Rows that are known already moved down meanwhile.
 *
 * The summary stays: it belongs to the latest rows. A newer one would hide from hasMoved() that they are outdated, and
 * another server process may even tell an older one.
 */
export function extend(known: Known, page: HistoryPage): Known {
  const ids = new Set(known.rows.map((row) => row.id));
  const rows = [...known.rows, ...page.rows.filter((row) => !ids.has(row.id))];
  return { summary: known.summary, rows, cursor: page.next_cursor };
}

/** Put a newly read first page over what is known, keeping what is older. */
export function renew(known: Known, page: HistoryPage): Known {
  const ids = new Set(page.rows.map((row) => row.id));
  const overlap = known.rows.some((row) => ids.has(row.id));
  if (!overlap) return begin(page);
  const older = known.rows.slice(known.rows.findLastIndex((row) => ids.has(row.id)) + 1);
  return { summary: page.summary, rows: [...page.rows, ...older], cursor: older.length ? known.cursor : page.next_cursor };
}

/** Whether what older rows say (possible or not, rolled back from or not) may have changed with the summary. */
export const hasMoved = (known: Known, page: HistoryPage): boolean =>
  known.summary.running?.id !== page.summary.running?.id ||
  known.summary.latest_id !== page.summary.latest_id ||
  codesOf(known.summary) !== codesOf(page.summary);

/** What speaks against every deploy, an older row's verdict included. */
const codesOf = ({ obstacles }: Summary): string => obstacles.map(({ code }) => code).join();
