// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { blocked, confOf, isUnanswered, mistakesIn, newRunId, whyNotNow } from "../src/model/order";
import { answer, conf } from "./builders";

test("a description is required, and not longer than is kept", () => {
  assert.deepEqual(mistakesIn({ description: "Invoices doubled", typedName: "" }, answer()), {});
  assert.match(mistakesIn({ description: " \n ", typedName: "" }, answer()).description!, /Say why/);
  assert.match(mistakesIn({ description: "x".repeat(21), typedName: "" }, answer()).description!, /20 .* 21/);
  assert.deepEqual(mistakesIn({ description: "😀".repeat(20), typedName: "" }, answer()), {});
});

test("a rollback over the major version asks for the name, exactly", () => {
  const cross = answer({ confirm_name: "Billing" });
  for (const typedName of ["", "billing", "Billing2"]) {
    assert.match(mistakesIn({ description: "x", typedName }, cross).typedName!, /Billing/);
  }
  assert.deepEqual(mistakesIn({ description: "x", typedName: "Billing" }, cross), {});
});

test("a name can be typed however it is spaced", () => {
  const cross = answer({ confirm_name: " Billing  and orders " });
  assert.deepEqual(mistakesIn({ description: "x", typedName: "Billing and orders" }, cross), {});
  assert.match(mistakesIn({ description: "x", typedName: "Billingandorders" }, cross).typedName!, /Type/);
});

test("a start that was refused is over; one without an answer may have gone through", () => {
  assert.deepEqual([400, 401, 403, 404, 409, 422].filter((status) => isUnanswered({ status })), []);
  assert.deepEqual([0, 500, 502, 504].filter((status) => !isUnanswered({ status })), []);
});

test("the loss is acknowledged only where it was typed, and the stale guard is kept", () => {
  const entry = { description: "  Invoices doubled ", typedName: "" };
  assert.deepEqual(confOf(entry, answer(), conf), { ...conf, description: "Invoices doubled" });
  const cross = confOf(entry, answer({ confirm_name: "Billing" }), conf);
  assert.equal(cross.acknowledge_airflow_3_to_2, true);
  assert.equal(cross.expected_current_deploy_id, "d3");
});

test("nothing can be started against the rules or without the right", () => {
  assert.equal(blocked(answer()), null);
  assert.match(blocked(answer({}, false))!, /not possible/);
  assert.equal(blocked(answer({ may_roll_back: false, reason: "You lack it.", start: null })), "You lack it.");
});

test("nothing can be started while something goes on, by whichever key", () => {
  const going = { id: "d4", since: "2026-11-28T10:00:00Z", rollback: true, target: "d2", description: "", created_by: "bo" };
  assert.equal(whyNotNow(answer()), null);
  assert.match(whyNotNow(answer({ going_on: going }))!, /by bo is going on/);
  assert.match(whyNotNow(answer({ going_on: going }, false))!, /not possible/);
});

test("a run's name is one that Airflow accepts", () => {
  const name = newRunId(new Date("2026-11-23T17:00:00Z"), "x1y2z3");
  assert.equal(name, "deploy_history__2026-11-23T17:00:00.000Z_x1y2z3");
  assert.match(name, /^[A-Za-z0-9_.~:+-]+$/);
});
