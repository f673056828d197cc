// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { blockedReason, confOf, isUnanswered, findFieldErrors, newRunId, disabledReason } from "../src/model/start";
import { answer, conf } from "./builders";

test("a description is required, up to its limit", () => {
  assert.deepEqual(findFieldErrors({ description: "Invoices doubled", typedName: "" }, answer()), {});
  assert.match(findFieldErrors({ description: " \n ", typedName: "" }, answer()).description!, /A reason is required/);
  assert.match(findFieldErrors({ description: "x".repeat(21), typedName: "" }, answer()).description!, /20 .* 21/);
  assert.deepEqual(findFieldErrors({ description: "😀".repeat(20), typedName: "" }, answer()), {});
});

test("a rollback to another major version requires the exact name", () => {
  const cross = answer({ confirm_name: "Billing" });
  for (const typedName of ["", "billing", "Billing2"]) {
    assert.match(findFieldErrors({ description: "x", typedName }, cross).typedName!, /Billing/);
  }
  assert.deepEqual(findFieldErrors({ description: "x", typedName: "Billing" }, cross), {});
});

test("spaces in a typed name do not matter", () => {
  const cross = answer({ confirm_name: " Billing  and orders " });
  assert.deepEqual(findFieldErrors({ description: "x", typedName: "Billing and orders" }, cross), {});
  assert.match(findFieldErrors({ description: "x", typedName: "Billingandorders" }, cross).typedName!, /Type/);
});

test("a refused start is over; one without a response may have started the run", () => {
  assert.deepEqual([400, 401, 403, 404, 409, 422].filter((status) => isUnanswered({ status })), []);
  assert.deepEqual([0, 500, 502, 504].filter((status) => !isUnanswered({ status })), []);
});

test("the loss is acknowledged only with a typed name, and the stale guard is kept", () => {
  const entry = { description: "  Invoices doubled ", typedName: "" };
  assert.deepEqual(confOf(entry, answer(), conf), { ...conf, description: "Invoices doubled" });
  const cross = confOf(entry, answer({ confirm_name: "Billing" }), conf);
  assert.equal(cross.acknowledge_airflow_3_to_2, true);
  assert.equal(cross.expected_current_deploy_id, "d3");
});

test("nothing can be started against the rules or without the right", () => {
  assert.equal(blockedReason(answer()), null);
  assert.match(blockedReason(answer({}, false))!, /not possible/);
  assert.equal(blockedReason(answer({ may_roll_back: false, reason: "You lack it.", start: null })), "You lack it.");
});

test("nothing can be started while a deploy is in progress", () => {
  const going = { id: "d4", since: "2026-11-28T10:00:00Z", rollback: true, target: "d2", description: "", created_by: "bo" };
  assert.equal(disabledReason(answer()), null);
  assert.match(disabledReason(answer({ in_progress: going }))!, /by bo is in progress/);
  assert.match(disabledReason(answer({ in_progress: going }, false))!, /not possible/);
});

test("Airflow accepts the id of a run", () => {
  const name = newRunId(new Date("2026-11-23T17:00:00Z"), "x1y2z3");
  assert.equal(name, "deploy_history__2026-11-23T17:00:00.000Z_x1y2z3");
  assert.match(name, /^[A-Za-z0-9_.~:+-]+$/);
});
