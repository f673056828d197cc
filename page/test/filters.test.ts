// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { applyFilters, choicesIn, type Filters, filterQuery, filtersOf, isFiltered, NO_FILTERS } from "../src/model/filters";
import { deploy } from "./builders";

const rows = [
  deploy("a", { description: "Fix invoices", git_commit: "1f2e3d4c5b", runtime: "3.1-12" }),
  deploy("b", { created_by: "Bo.Lindqvist", status: "failed", can_roll_back: false, runtime: "3.1-8" }),
  deploy("c", { type: "DAG_ONLY", runtime: null, airflow: null, dag_bundle: "2026-11-20T10" }),
];

const CASES: [change: Partial<Filters>, ids: string][] = [
  [{}, "abc"],
  [{ search: "  " }, "abc"],
  [{ search: "INVOICES" }, "a"],
  [{ search: "1f2e3d" }, "a"],
  [{ search: "lindqvist" }, "b"],
  [{ search: "tag-c" }, "c"],
  [{ search: "2026-11-20t10" }, "c"],
  [{ search: "release failed" }, "b"], // every word, in any field
  [{ search: "nothing like it" }, ""],
  [{ status: "failed" }, "b"],
  [{ type: "DAG_ONLY" }, "c"],
  [{ runtime: "3.1-8" }, "b"],
  [{ possible: true }, "ac"],
  [{ possible: true, runtime: "3.1-8" }, ""],
];
for (const [change, ids] of CASES) {
  test(`${JSON.stringify(change)} leaves ${ids || "nothing"}`, () => {
    const left = applyFilters(rows, { ...NO_FILTERS, ...change });
    assert.equal(left.map((row) => row.id).join(""), ids);
  });
}

test("without filters the list is the same object, so that nothing is drawn again", () => {
  assert.equal(applyFilters(rows, NO_FILTERS), rows);
  assert.equal(isFiltered({ ...NO_FILTERS, search: " " }), false);
});

test("the filters offer the values that occur, the latest Runtime first", () => {
  assert.deepEqual(choicesIn([...rows, deploy("d", { runtime: "12.7.1" })]), {
    statuses: ["failed", "succeeded"],
    types: ["DAG_ONLY", "IMAGE_AND_DAG"],
    runtimes: ["3.1-12", "3.1-8", "12.7.1"],
  });
});

test("a link contains the filters", () => {
  const filters: Filters = { search: "a&b", status: "failed", type: "", runtime: "3.1-8", possible: true };
  const given = Object.entries(filterQuery(filters)).filter((entry): entry is [string, string] => entry[1] !== null);
  assert.deepEqual(given.map(([name]) => name), ["search", "status", "runtime", "possible"]);
  assert.deepEqual(filtersOf(new URLSearchParams(given)), filters);
  assert.deepEqual(filtersOf(new URLSearchParams("?deployment=x")), NO_FILTERS);
});
