// SPDX-License-Identifier: Apache-2.0
// What is known of a deploy history, newest first, and how a page that was read changes it.

import type { Deploy, Head, HistoryPage } from "../api/contract";

export interface Known {
  head: Head;
  rows: readonly Deploy[];
  /** Where to read on; null at the end. */
  cursor: string | null;
}

export const begin = (page: HistoryPage): Known => ({ head: page.head, rows: page.rows, cursor: page.next_cursor });

/**
 * Add the next older page. Rows that are known already moved down meanwhile.
 *
 * The head stays: it belongs to the newest rows. A newer one would hide from hasMoved() that they are outdated, and
 * another server process may even tell an older one.
 */
export function extend(known: Known, page: HistoryPage): Known {
  const ids = new Set(known.rows.map((row) => row.id));
  const rows = [...known.rows, ...page.rows.filter((row) => !ids.has(row.id))];
  return { head: known.head, rows, cursor: page.next_cursor };
}

/** Put a newly read first page over what is known, keeping what is older. */
export function renew(known: Known, page: HistoryPage): Known {
  const ids = new Set(page.rows.map((row) => row.id));
  const overlap = known.rows.some((row) => ids.has(row.id));
  if (!overlap) return begin(page);
  const older = known.rows.slice(known.rows.findLastIndex((row) => ids.has(row.id)) + 1);
  return { head: page.head, rows: [...page.rows, ...older], cursor: older.length ? known.cursor : page.next_cursor };
}

/** Whether what older rows say (possible or not, rolled back from or not) may have changed with the head. */
export const hasMoved = (known: Known, page: HistoryPage): boolean =>
  known.head.running?.id !== page.head.running?.id ||
  known.head.newest_id !== page.head.newest_id ||
  codesOf(known.head) !== codesOf(page.head);

/** What speaks against every deploy, an older row's verdict included. */
const codesOf = ({ obstacles }: Head): string => obstacles.map(({ code }) => code).join();
