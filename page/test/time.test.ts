// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeClock, utc } from "../src/model/time";

const NOW = Date.parse("2026-11-23T17:00:00Z");

test("a time is formatted in the user's zone and in UTC", () => {
  const clock = makeClock("Asia/Kolkata", NOW);
  assert.equal(clock.stamp("2026-11-23T20:04:59+00:00"), "2026-11-24 01:34");
  assert.equal(clock.day("2026-11-23T20:04:59+00:00"), "24 Nov 2026");
  assert.equal(utc("2026-11-23T20:04:59+01:00"), "2026-11-23 19:04:59 UTC");
});

test("midnight is 00:00, not 24:00", () => {
  assert.equal(makeClock("UTC", NOW).stamp("2026-11-23T00:00:00Z"), "2026-11-23 00:00");
});

test("an unknown zone falls back to the browser's own", () => {
  const clock = makeClock("Nowhere/Land", NOW);
  assert.equal(clock.zone, "America/New_York");
  assert.equal(clock.stamp("2026-11-23T17:00:00Z"), "2026-11-23 12:00");
});

const AGES: [iso: string, words: string][] = [
  ["2026-11-23T17:00:30Z", "just now"], // a clock ahead of the server
  ["2026-11-23T16:59:01Z", "just now"],
  ["2026-11-23T16:59:00Z", "1 min ago"],
  ["2026-11-23T14:30:00Z", "2 h ago"],
  ["2026-11-20T16:00:00Z", "3 d ago"],
  ["2026-09-20T16:00:00Z", "2 mo ago"],
  ["2024-11-20T16:00:00Z", "2 y ago"],
];
for (const [iso, words] of AGES) {
  test(`${iso} was ${words}`, () => assert.equal(makeClock("UTC", NOW).ago(iso), words));
}
