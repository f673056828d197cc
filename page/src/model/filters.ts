// SPDX-License-Identifier: Apache-2.0
// The filters for the loaded deploys.

import type { Deploy } from "../api/contract";
import { compareRuntimes } from "./versions";

/** An empty text does not filter. */
export interface Filters {
  search: string;
  status: string;
  type: string;
  runtime: string;
  possible: boolean;
}

export const NO_FILTERS: Filters = { search: "", status: "", type: "", runtime: "", possible: false };

/** The filters as parameters of the page's address; null for those that do not filter. */
export const filterQuery = ({ possible, ...texts }: Filters): Record<keyof Filters, string | null> => ({
  search: texts.search.trim() || null,
  status: texts.status || null,
  type: texts.type || null,
  runtime: texts.runtime || null,
  possible: possible ? "1" : null,
});

export function filtersOf(query: URLSearchParams): Filters {
  const text = (name: string) => query.get(name) ?? "";
  return { search: text("search"), status: text("status"), type: text("type"), runtime: text("runtime"), possible: query.get("possible") === "1" };
}

export const isFiltered = (filters: Filters): boolean =>
  filters.possible || Boolean(filters.search.trim() || filters.status || filters.type || filters.runtime);

export function applyFilters(rows: readonly Deploy[], filters: Filters): readonly Deploy[] {
  if (!isFiltered(filters)) return rows;
  const words = filters.search.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => matches(row, filters) && words.every((word) => searchText(row).includes(word)));
}

const matches = (row: Deploy, { status, type, runtime, possible }: Filters): boolean =>
  (!possible || row.can_roll_back) &&
  (!status || row.status === status) &&
  (!type || row.type === type) &&
  (!runtime || row.runtime === runtime);

const texts = new WeakMap<Deploy, string>();

/** The searchable text of a row. It is built once, because each key press reads it. */
function searchText(row: Deploy): string {
  let text = texts.get(row);
  if (text === undefined) {
    const parts = [row.id, row.created_by, row.description, row.type, row.status, row.image_tag, row.runtime];
    text = [...parts, row.airflow, row.dag_bundle, row.git_commit].filter(Boolean).join("\n").toLowerCase();
    texts.set(row, text);
  }
  return text;
}

export interface Choices {
  statuses: string[];
  types: string[];
  runtimes: string[];
}

/** The values of the filters: those that occur. */
export function choicesIn(rows: readonly Deploy[]): Choices {
  const runtimes = distinct(rows.map((row) => row.runtime ?? ""));
  return {
    statuses: distinct(rows.map((row) => row.status)).sort(),
    types: distinct(rows.map((row) => row.type)).sort(),
    runtimes: runtimes.sort((one, other) => compareRuntimes(other, one)),
  };
}

const distinct = (values: string[]): string[] => [...new Set(values)].filter(Boolean);
