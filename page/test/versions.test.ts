// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { compareRuntimes, GROUPINGS } from "../src/model/versions";

test("Runtimes are sorted by number, and those of Airflow 3 come after those of Airflow 2", () => {
  const sorted = ["3.1-2", "12.7.1", "3.3-1", "5.0.0", "12.10.0", "3.1-12"].sort(compareRuntimes);
  assert.deepEqual(sorted, ["5.0.0", "12.7.1", "12.10.0", "3.1-2", "3.1-12", "3.3-1"]);
});

test("a word that is not a version has a stable place too", () => {
  assert.equal(compareRuntimes("not known", "not known"), 0);
  assert.ok(compareRuntimes("not known", "12.1.0") < 0);
  assert.ok(compareRuntimes("12.1.0", "not known") > 0);
});

test("versions are grouped by series and by major version", () => {
  assert.deepEqual(GROUPINGS.map((by) => by("3.1-12")), ["3.1-12", "3.1", "3.x"]);
  assert.deepEqual(GROUPINGS.map((by) => by("12.7.1")), ["12.7.1", "12.7", "12.x"]);
  assert.deepEqual(GROUPINGS.map((by) => by("not known")), ["not known", "not known", "not known"]);
});
