// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { makeClient } from "../src/api/client";
import { Problem, problemOf } from "../src/api/problem";
import { answer, conf } from "./builders";

const option = {
  connection: "cloud",
  deployment: "stellar orbit&4821",
  label: "Billing",
  dag_id: "back",
  may_roll_back: true,
  reason: null,
};

interface Sent {
  url: string;
  init: RequestInit & { headers: Record<string, string> };
}
const sent: Sent[] = [];
const real = globalThis.fetch;

/** Answer one request after the other so, the last answer again and again; what was sent is remembered. */
function answering(...answers: [status: number, body: string][]) {
  sent.length = 0;
  globalThis.fetch = (async (url: string, init: Sent["init"]) => {
    const [status, body] = answers[Math.min(sent.length, answers.length - 1)]!;
    sent.push({ url, init });
    return new Response(body, { status });
  }) as typeof fetch;
}
afterEach(() => {
  globalThis.fetch = real;
});

const start = answer().start!;
const airflow2 = makeClient("https://airflow/base/", "a-csrf-token");
const airflow3 = makeClient("https://airflow/base/", null);

test("a read is a GET to Airflow itself, with exactly the given parameters", async () => {
  answering([200, "{}"]);
  await airflow2.history(option, { cursor: null });
  const { url, init } = sent[0]!;
  assert.equal(url, "https://airflow/base/rollback/api/history?connection=cloud&deployment=stellar+orbit%264821");
  assert.equal(init.method, "GET");
  assert.equal(init.credentials, "same-origin");
  assert.deepEqual(init.headers, { Accept: "application/json" });
});

test("an update, the next page and a plan have their parameters in the query", async () => {
  answering([200, "{}"]);
  await airflow3.history(option, { fresh: "now" });
  await airflow3.history(option, { cursor: "c/2", searching: true });
  await airflow3.plan(option, "d1", "image", "d3");
  assert.match(sent[0]!.url, /&fresh=now$/);
  assert.match(sent[1]!.url, /&cursor=c%2F2&searching=1$/);
  assert.match(sent[2]!.url, /&target=d1&scope=image&expected_current_deploy_id=d3$/);
});

test("the start is JSON with the run's id, on Airflow 2 with the CSRF token", async () => {
  answering([200, '{"dag_run_id": "mine", "state": "queued"}']);
  await airflow2.start(start, { ...conf, description: "why" }, "mine");
  await airflow3.start(start, conf, "mine");
  const { url, init } = sent[0]!;
  assert.equal(url, start.url);
  assert.equal(init.method, "POST");
  assert.equal(init.headers["Content-Type"], "application/json");
  assert.equal(init.headers["X-CSRFToken"], "a-csrf-token");
  assert.equal("X-CSRFToken" in sent[1]!.init.headers, false);
  assert.deepEqual(JSON.parse(init.body as string), {
    logical_date: null,
    dag_run_id: "mine",
    conf: { ...conf, description: "why" },
  });
});

test("an existing run with this id is the started one", async () => {
  answering([409, '{"detail": "exists"}'], [200, '{"dag_run_id": "mine 1", "state": "running"}']);
  assert.deepEqual(await airflow3.start(start, conf, "mine 1"), { dag_run_id: "mine 1", state: "running" });
  assert.equal(sent[1]!.url, "/api/v2/dags/back/dagRuns/mine%201");
});

test("a conflict without such a run is shown unchanged", async () => {
  answering([409, '{"error": {"code": "BAD-REQUEST", "message": "It is paused.", "remedy": ""}}'], [404, "{}"]);
  await assert.rejects(airflow3.start(start, conf, "mine"), { message: "It is paused." });
});

test("another refusal is not taken for a start", async () => {
  answering([403, '{"detail": "Forbidden"}']);
  await assert.rejects(airflow3.start(start, conf, "mine"), { code: "NO-RIGHT", status: 403 });
});

test("a login page instead of data means that the session has ended", async () => {
  answering([200, "<!doctype html>"]);
  await assert.rejects(airflow3.options(), { code: "NOT-LOGGED-IN" });
});

const ERRORS: [status: number, body: unknown, code: string, words: RegExp][] = [
  [424, { error: { code: "TOKEN-EXPIRED", message: "It expired.", remedy: "Make one." } }, "TOKEN-EXPIRED", /^It expired\.$/],
  [401, { detail: "Not authenticated" }, "NOT-LOGGED-IN", /session/],
  [403, { detail: "Forbidden" }, "NO-RIGHT", /Forbidden/],
  [403, null, "NO-RIGHT", /may not/],
  [422, { detail: [{ msg: "too long" }, { msg: "missing" }] }, "FAILED", /too long; missing/],
  [400, { detail: { reason: "bad conf" } }, "FAILED", /bad conf/],
  [400, null, "NOT-LOGGED-IN", /session/], // Airflow 2's page about a CSRF token without a session
  [500, "a page", "FAILED", /500/],
];
for (const [status, body, code, words] of ERRORS) {
  test(`${status} ${JSON.stringify(body)} is ${code}`, () => {
    const problem = problemOf(status, body);
    assert.ok(problem instanceof Problem);
    assert.equal(problem.code, code);
    assert.equal(problem.status, status);
    assert.match(problem.message, words);
  });
}
