// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { begin, extend, hasMoved, renew } from "../src/model/history";
import { daily, deploy, page } from "./builders";

const ids = ({ rows }: { rows: readonly { id: string }[] }) => rows.map((row) => row.id).join("");
const known = begin(page(daily({ id: "d" }, { id: "c" }, { id: "b" }, { id: "a" }), "4"));

test("an older page goes below, and a row that moved down meanwhile counts once", () => {
  const more = extend(known, page([deploy("a"), deploy("z")], null));
  assert.equal(ids(more), "dcbaz");
  assert.equal(more.cursor, null);
});

test("a new first page puts new deploys on top and keeps what is older, and where to read on", () => {
  const fresh = renew(known, page([deploy("e"), deploy("d", { status: "failed" })], "2"));
  assert.equal(ids(fresh), "edcba");
  assert.equal(fresh.rows[1]!.status, "failed");
  assert.equal(fresh.cursor, "4");
});

test("a first page that reaches as far as what is known takes its place", () => {
  assert.equal(renew(known, page(daily({ id: "d" }, { id: "c" }, { id: "b" }, { id: "a" }), "9")).cursor, "9");
});

test("a first page of new deploys alone leaves no gap behind it", () => {
  const fresh = renew(known, page(daily({ id: "y" }, { id: "x" }), "2"));
  assert.equal(ids(fresh), "yx");
  assert.equal(fresh.cursor, "2");
});

test("a history has moved when another deploy is the latest or runs", () => {
  assert.equal(hasMoved(known, page(daily({ id: "d" }, { id: "c" }))), false);
  assert.equal(hasMoved(known, page(daily({ id: "e", status: "in progress" }, { id: "d" }))), true);
  assert.equal(hasMoved(known, page(daily({ id: "d", status: "failed" }, { id: "c" }))), true);
});

test("an older page does not change the summary: what was read of the latest deploys is as old as before", () => {
  const newer = page([deploy("a"), deploy("z")]);
  const other = { ...newer.summary, latest_id: "e", read_at: "2026-11-28T12:05:00+00:00" };
  assert.deepEqual(extend(known, { ...newer, summary: other }).summary, known.summary);
});

test("a history has moved when other things speak against every deploy", () => {
  const first = page(daily({ id: "d" }, { id: "c" }));
  const off = { code: "ROLLBACK-OFF", reason: "It is off.", remedy: "Switch it on." };
  assert.equal(hasMoved(known, { ...first, summary: { ...first.summary, obstacles: [off] } }), true);
});
