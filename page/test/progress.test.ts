// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Deploy } from "../src/api/contract";
import { type LoadedHistory } from "../src/model/history";
import { progressOf, type Started, stateToShow } from "../src/model/progress";
import { daily, summary } from "./builders";

const started: Started = {
  runId: "run",
  runUrl: "",
  runPage: "",
  target: "d1",
  targetName: "release-1",
  latestId: "d3",
  expectedCurrentDeployId: "d3",
  description: "Orders fail",
};

const before = daily({ id: "d3" }, { id: "d2" }, { id: "d1" });

/** The history with more deploys on top; the latest that succeeded runs. */
function after(...newer: (Partial<Deploy> & { id: string })[]): LoadedHistory {
  const rows = [...daily(...newer), ...before];
  return { summary: summary(rows.find((row) => row.status === "succeeded")!.id, rows[0]!.id), rows, cursor: null };
}

const back = (change: Partial<Deploy>) => ({ id: "d4", rollback: { target: "d1", scope: null }, description: "Orders fail", ...change });

const CASES: [what: string, state: string | null, loaded: LoadedHistory, step: string, result: string | null, words: RegExp][] = [
  ["nothing was read yet", null, after(), "run", null, /started/],
  ["the run waits", "queued", after(), "run", null, /waits/],
  ["the run plans", "running", after(), "submit", null, /checks the plan/],
  ["the run ended before its deploy shows", "success", after(), "submit", null, /has ended.*no rollback is in the history/],
  ["the platform works", "running", after(back({ status: "in progress" })), "finish", null, /is rolling “Billing” back to “release-1”/],
  ["it runs again, the run checks", "running", after(back({})), "finish", null, /has brought “release-1” back/],
  ["it runs again", "success", after(back({})), "finish", "done", /“Billing” runs “release-1” again/],
  ["a Dag changed the description", "success", after(back({ description: "Other" })), "finish", "done", /runs “release-1” again/],
  ["another deploy landed on top", "success", after({ id: "d5" }, back({})), "finish", "done", /brought “release-1” back.*“tag-d5” by ana.silva landed/],
  ["the platform failed, the run not yet", "running", after(back({ status: "failed", status_reason: "helm" })), "finish", null, /: helm$/],
  ["the platform failed", "failed", after(back({ status: "failed", status_reason: "helm" })), "finish", "failed", /: helm$/],
  ["the run died, or another tab was faster", "failed", after(back({ status: "in progress" })), "submit", "failed", /is bringing “release-1” back all the same: this run.* or another/],
  ["the same, and it runs again", "failed", after(back({})), "submit", "failed", /run failed.*has brought “release-1” back/],
  ["another tab gave another reason", "failed", after(back({ description: "Other", created_by: "bo" })), "submit", "refused", /“tag-d4” by bo landed/],
  ["another tab's rollback is not this run's", "running", after(back({ description: "Other" })), "submit", null, /checks the plan/],
  ["the run failed alone", "failed", after(), "submit", "failed", /log says why/],
  ["somebody else was faster", "failed", after({ id: "d4", created_by: "bo" }), "submit", "refused", /“tag-d4” by bo landed/],
  ["somebody else has begun", "failed", after({ id: "d4", status: "in progress" }), "submit", "refused", /tag-d4/],
];
for (const [what, state, loaded, step, result, words] of CASES) {
  test(`${what}: ${step}, ${result ?? "in progress"}`, () => {
    const progress = progressOf(started, state, loaded);
    assert.deepEqual([progress.step, progress.result], [step, result]);
    assert.match(progress.words, words);
  });
}

test("an older rollback to the same deploy is not taken for this one", () => {
  const rows = daily({ id: "d3", rollback: { target: "d1", scope: null } }, { id: "d2" }, { id: "d1" });
  const progress = progressOf(started, "running", { summary: summary("d3", "d3"), rows, cursor: null });
  assert.equal(progress.step, "submit");
});

test("an older rollback is not taken for this one either while the latest deploy of the plan was not read yet", () => {
  const rows = daily({ id: "d2", rollback: { target: "d1", scope: null }, status: "failed" }, { id: "d1" });
  const progress = progressOf(started, "running", { summary: summary("d1", "d2"), rows, cursor: null });
  assert.deepEqual([progress.step, progress.result], ["submit", null]);
});

test("the end of a run counts only with a history that was read after it", () => {
  assert.equal(stateToShow("running", "failed", false), "running");
  assert.equal(stateToShow(null, "success", false), null);
  assert.equal(stateToShow("running", "failed", true), "failed");
  assert.equal(stateToShow("queued", "running", false), "running");
  assert.equal(stateToShow("running", null, true), "running");
});
