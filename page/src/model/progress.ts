// SPDX-License-Identifier: Apache-2.0
// The progress of a rollback that this page started, from the Dag run and the history.

import type { Deploy } from "../api/contract";
import type { LoadedHistory } from "./history";
import { isolated, nameOf, quoted } from "./labels";

/** A rollback that was started from this page. */
export interface Started {
  runId: string;
  runUrl: string;
  runPage: string;
  target: string;
  targetName: string;
  /** The latest deploy and the running one when the plan was made. */
  latestId: string;
  expectedCurrentDeployId: string | null;
  /** As it was sent to the Dag. */
  description: string;
}

export type Step = "run" | "submit" | "finish";
export type Result = "done" | "failed" | "refused";

export interface Progress {
  step: Step;
  result: Result | null;
  words: string;
}

const going = (step: Step, words: string): Progress => ({ step, result: null, words });
const ended = (step: Step, result: Result, words: string): Progress => ({ step, result, words });

/**
 * @param state the Dag run's state; null until it is read
 */
export function progressOf(started: Started, state: string | null, loaded: LoadedHistory): Progress {
  const rollback = rollbackOf(started, state, loaded.rows);
  return rollback ? ofRollback(rollback, started, state, loaded) : ofRun(started, state, loaded);
}

/**
 * The rollback of this run: the latest deploy that went back to the target after the plan was made, with the run's
 * description. Another user may roll back to the same target, so any other counts only if the run has succeeded: a Dag
 * may change the description.
 */
function rollbackOf({ latestId, target, description }: Started, state: string | null, rows: readonly Deploy[]): Deploy | undefined {
  const before = rows.findIndex((row) => row.id === latestId);
  // If it is missing, the rows are older than the plan.
  const newer = rows.slice(0, Math.max(0, before)).filter((row) => row.rollback?.target === target);
  return newer.find((row) => row.description.startsWith(description)) ?? (state === "success" ? newer[0] : undefined);
}

function ofRollback(rollback: Deploy, started: Started, state: string | null, loaded: LoadedHistory): Progress {
  const [name, target] = [quoted(loaded.summary.name), quoted(started.targetName)];
  if (rollback.status === "failed") {
    const why = rollback.status_reason ? `: ${rollback.status_reason}` : ".";
    const words = `The platform could not finish the rollback ${rollback.id}${why}`;
    return isOver(state) ? ended("finish", "failed", words) : going("finish", words);
  }
  // Two users may give the same reason for the same target.
  if (state === "failed") return ended("submit", "failed", ofFailedRunBeside(rollback, target));
  if (rollback.status !== "succeeded") return going("finish", `The platform is rolling ${name} back to ${target}.`);
  if (state !== "success") return going("finish", `Deploy ${rollback.id} has brought ${target} back. The Dag run has not ended yet.`);
  if (loaded.summary.running?.id === rollback.id) {
    return ended("finish", "done", `Done. ${name} runs ${target} again (deploy ${rollback.id}).`);
  }
  const on = loaded.rows.find((row) => row.id === loaded.summary.running?.id);
  const what = on ? describe(on) : "another deploy";
  return ended("finish", "done", `Deploy ${rollback.id} brought ${target} back; then ${what} landed on top of it.`);
}

const ofFailedRunBeside = ({ id, status }: Deploy, target: string): string =>
  `The Dag run failed; its log says why. Deploy ${id} ${status === "succeeded" ? "has brought" : "is bringing"} ${target} back ` +
  "all the same: this run requested it, or another one did.";

function ofRun(started: Started, state: string | null, { summary, rows }: LoadedHistory): Progress {
  if (state === "failed") return ofFailedRun(started, summary.running?.id ?? null, summary.latest_id, rows);
  if (state === "success") {
    return going("submit", "The Dag run has ended, and no rollback is in the history yet. See the run's log.");
  }
  if (state === "running") {
    return going("submit", "The Dag run checks the plan again and requests the rollback from the platform.");
  }
  return going("run", state === "queued" ? "The Dag run waits for its turn." : "The Dag run was started.");
}

function ofFailedRun(started: Started, running: string | null, latest: string | null, rows: readonly Deploy[]): Progress {
  if (running === started.expectedCurrentDeployId && latest === started.latestId) {
    return ended("submit", "failed", "The Dag run failed, and no rollback is in the history. The run's log says why.");
  }
  const other = rows.find((row) => row.id === (running !== started.expectedCurrentDeployId ? running : latest));
  const what = other ? describe(other) : "another deploy";
  return ended("submit", "refused", `Refused, because ${what} landed meanwhile. Nothing was changed. Read the current history and make a new plan.`);
}

const describe = (deploy: Deploy): string => `${quoted(nameOf(deploy))}${deploy.created_by ? ` by ${isolated(deploy.created_by)}` : ""}`;

const isOver = (state: string | null): boolean => state === "failed" || state === "success";

/**
 * The run's state to show. The end of a run counts only with a history that was read after it: an older history
 * would not contain the rollback.
 *
 * @param read the state that Airflow returned; null without a response
 * @param isRead whether the history was read after that
 */
export function stateToShow(before: string | null, read: string | null, isRead: boolean): string | null {
  return read === null || (isOver(read) && !isRead) ? before : read;
}
