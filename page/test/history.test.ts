// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromFirstPage, appendPage, hasChanged, mergeFirstPage } from "../src/model/history";
import { daily, deploy, page } from "./builders";

const ids = ({ rows }: { rows: readonly { id: string }[] }) => rows.map((row) => row.id).join("");
const loaded = fromFirstPage(page(daily({ id: "d" }, { id: "c" }, { id: "b" }, { id: "a" }), "4"));

test("an older page is added below, and a row that moved down meanwhile appears once", () => {
  const more = appendPage(loaded, page([deploy("a"), deploy("z")], null));
  assert.equal(ids(more), "dcbaz");
  assert.equal(more.cursor, null);
});

test("a new first page adds new deploys on top and keeps the older rows and the cursor", () => {
  const fresh = mergeFirstPage(loaded, page([deploy("e"), deploy("d", { status: "failed" })], "2"));
  assert.equal(ids(fresh), "edcba");
  assert.equal(fresh.rows[1]!.status, "failed");
  assert.equal(fresh.cursor, "4");
});

test("a first page that covers all loaded rows replaces them", () => {
  assert.equal(mergeFirstPage(loaded, page(daily({ id: "d" }, { id: "c" }, { id: "b" }, { id: "a" }), "9")).cursor, "9");
});

test("a first page without known rows replaces them all, so that there is no gap", () => {
  const fresh = mergeFirstPage(loaded, page(daily({ id: "y" }, { id: "x" }), "2"));
  assert.equal(ids(fresh), "yx");
  assert.equal(fresh.cursor, "2");
});

test("a history has changed when another deploy is the latest or runs", () => {
  assert.equal(hasChanged(loaded, page(daily({ id: "d" }, { id: "c" }))), false);
  assert.equal(hasChanged(loaded, page(daily({ id: "e", status: "in progress" }, { id: "d" }))), true);
  assert.equal(hasChanged(loaded, page(daily({ id: "d", status: "failed" }, { id: "c" }))), true);
});

test("an older page does not change the summary of the latest deploys", () => {
  const newer = page([deploy("a"), deploy("z")]);
  const other = { ...newer.summary, latest_id: "e", read_at: "2026-11-28T12:05:00+00:00" };
  assert.deepEqual(appendPage(loaded, { ...newer, summary: other }).summary, loaded.summary);
});

test("a history has changed when the reasons against every deploy change", () => {
  const first = page(daily({ id: "d" }, { id: "c" }));
  const off = { code: "ROLLBACK-OFF", reason: "It is off.", remedy: "Switch it on." };
  assert.equal(hasChanged(loaded, { ...first, summary: { ...first.summary, obstacles: [off] } }), true);
});
