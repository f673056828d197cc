// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Deploy } from "../src/api/contract";
import { layOut, marksBetween, UNKNOWN_LANE } from "../src/model/chart";
import { daily, deploy } from "./builders";

const dayIn = (zone: string) => (iso: string) => new Date(iso).toLocaleDateString("en-GB", { timeZone: zone });
const layOutInUtc = (rows: readonly Deploy[], width: number) => layOut(rows, width, dayIn("UTC"));

const lanesOf = (...runtimes: (string | null)[]) =>
  layOutInUtc(daily(...runtimes.map((runtime, at) => ({ id: String(at), runtime }))), 800).lanes.map((lane) => lane.name);

test("deploys are ordered by time, do not overlap, and are all in the chart", () => {
  const chart = layOutInUtc(daily({ id: "c" }, { id: "b" }, { id: "a" }), 800);
  assert.deepEqual(chart.marks.map((mark) => mark.deploy.id), ["a", "b", "c"]);
  const xs = chart.marks.map((mark) => mark.x);
  assert.ok(xs.every((x, at) => x > 0 && x < 800 && (at === 0 || x - xs[at - 1]! >= 12)));
});

test("a longer pause gets more room, within a limit", () => {
  const at = (day: number, id: string) => deploy(id, { created_at: new Date(Date.UTC(2026, 0, day)).toISOString() });
  const rows = [at(404, "e"), at(403, "d"), at(6, "c"), at(2, "b"), at(1, "a")];
  const [a, b, c, d] = layOutInUtc(rows, 400).marks.map((mark) => mark.x) as [number, number, number, number];
  assert.ok(c - b > b - a);
  assert.ok(d - c < 5 * (b - a));
});

test("deploys at the same moment still lie side by side", () => {
  const same = [deploy("b"), deploy("a")];
  const [a, b] = layOutInUtc(same, 100).marks;
  assert.ok(b!.x - a!.x >= 12);
});

test("the latest Runtime is the top lane", () => {
  assert.deepEqual(lanesOf("3.1-12", "12.7.1", "3.1-2"), ["3.1-12", "3.1-2", "12.7.1"]);
});

test("a deploy of Dags alone stays in the lane of the running Runtime", () => {
  assert.deepEqual(lanesOf(null, "3.1-12"), ["3.1-12"]);
  assert.deepEqual(lanesOf("3.1-12", null), ["3.1-12"]);
  assert.deepEqual(lanesOf(null, null), [UNKNOWN_LANE]);
});

test("a failed upgrade does not change the lane of the next deploy of Dags", () => {
  const rows = daily({ id: "c", runtime: null }, { id: "b", runtime: "3.3-1", status: "failed" }, { id: "a" });
  const [a, b, c] = layOutInUtc(rows, 400).marks;
  assert.equal(a!.y, c!.y);
  assert.ok(b!.y < a!.y);
});

test("many Runtimes are grouped by series, and very many by major version", () => {
  const patches = Array.from({ length: 9 }, (_, at) => `12.7.${at}`);
  assert.deepEqual(lanesOf("3.1-1", ...patches), ["3.1", "12.7"]);
  const series = Array.from({ length: 9 }, (_, at) => `12.${at}.0`);
  assert.deepEqual(lanesOf("3.1-1", ...series), ["3.x", "12.x"]);
});

test("a rollback's arc leads to its target, or out of the chart if the target is not loaded", () => {
  const rows = daily(
    { id: "d", rollback: { target: "a", scope: null } },
    { id: "c", rollback: { target: "long ago", scope: null } },
    { id: "b" },
    { id: "a" },
  );
  const { arcs, marks } = layOutInUtc(rows, 400);
  const [open, arc] = arcs as [(typeof arcs)[0], (typeof arcs)[0]];
  assert.deepEqual([arc.open, arc.to.x, arc.from.x], [false, marks[0]!.x, marks[3]!.x]);
  assert.deepEqual([open.open, open.to.x], [true, 0]);
  assert.ok(arcs.every(({ top }) => top >= 0));
});

test("a span goes from one success to the next, past failures, up to the right edge", () => {
  const { spans, marks, width } = layOutInUtc(daily({ id: "c" }, { id: "b", status: "failed" }, { id: "a" }), 400);
  assert.deepEqual(spans.map(({ x1, x2 }) => [x1, x2]), [[marks[0]!.x, marks[2]!.x], [marks[2]!.x, width]]);
});

test("the labels of days do not overlap", () => {
  const rows = daily(...Array.from({ length: 200 }, (_, at) => ({ id: String(at) })));
  const { ticks, width } = layOutInUtc(rows, 800);
  assert.ok(width > 800);
  assert.ok(ticks.length > 5 && ticks.every(({ x }, at) => at === 0 || x - ticks[at - 1]!.x >= 90));
});

test("a day has one tick, and begins in the user's zone", () => {
  // 22:30, 23:30 and 00:30 UTC, then a month later.
  const times = ["2026-12-20T10:00:00Z", "2026-11-21T00:30:00Z", "2026-11-20T23:30:00Z", "2026-11-20T22:30:00Z"];
  const rows = times.map((created_at, at) => deploy(String(at), { created_at }));
  const days = (zone: string) => layOut(rows, 4000, dayIn(zone)).ticks.map(({ day }) => day);
  assert.deepEqual(days("UTC"), ["20/11/2026", "21/11/2026", "20/12/2026"]);
  assert.deepEqual(days("Asia/Tokyo"), ["21/11/2026", "20/12/2026"]);
});

test("only the visible marks among ten thousand are read", () => {
  const { marks } = layOutInUtc(daily(...Array.from({ length: 10_000 }, (_, at) => ({ id: String(at) }))), 800);
  const seen = marksBetween(marks, 1000, 2000);
  assert.ok(seen.length > 10 && seen.length < 100);
  assert.deepEqual(seen, marks.filter(({ x }) => x >= 1000 && x < 2000));
});

test("an empty history gives an empty chart", () => {
  const { marks, lanes, spans, arcs } = layOutInUtc([], 800);
  assert.deepEqual([marks, lanes, spans, arcs], [[], [], [], []]);
});
