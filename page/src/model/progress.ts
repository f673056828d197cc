// SPDX-License-Identifier: Apache-2.0
// How far a rollback that was started here has come, from what Airflow and the platform say.

import type { Deploy } from "../api/contract";
import type { Known } from "./history";
import { nameOf } from "./words";

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
}

export type Step = "run" | "submit" | "finish";
export type Ending = "done" | "failed" | "refused";

export interface Progress {
  step: Step;
  ending: Ending | null;
  words: string;
}

const going = (step: Step, words: string): Progress => ({ step, ending: null, words });
const ended = (step: Step, ending: Ending, words: string): Progress => ({ step, ending, words });

/**
 * @param state the Dag run's state; null before it was read
 */
export function progressOf(started: Started, state: string | null, known: Known): Progress {
  const rollback = rollbackOf(started, known.rows);
  return rollback ? ofRollback(rollback, started, state, known) : ofRun(started, state, known);
}

/** The latest deploy that went back to the target after the plan was made. */
function rollbackOf({ latestId, target }: Started, rows: readonly Deploy[]): Deploy | undefined {
  const before = rows.findIndex((row) => row.id === latestId);
  // Without it the rows are older than the plan.
  const newer = rows.slice(0, Math.max(0, before));
  return newer.find((row) => row.rollback?.target === target);
}

function ofRollback(rollback: Deploy, { targetName }: Started, state: string | null, known: Known): Progress {
  if (rollback.status === "failed") {
    const why = rollback.status_reason ? `: ${rollback.status_reason}` : ".";
    return ended("finish", "failed", `The platform could not finish the rollback ${rollback.id}${why}`);
  }
  if (rollback.status === "succeeded" && known.summary.running?.id === rollback.id) {
    return ended("finish", "done", `Done. ${known.summary.name} runs ${targetName} again (deploy ${rollback.id}).`);
  }
  if (rollback.status === "succeeded") {
    const on = known.rows.find((row) => row.id === known.summary.running?.id);
    const what = on ? wordsFor(on) : "another deploy";
    return ended("finish", "done", `Deploy ${rollback.id} brought ${targetName} back; then ${what} landed on top of it.`);
  }
  const unwatched = state === "failed" ? " The Dag run has failed meanwhile; the platform goes on by itself." : "";
  return going("finish", `The platform is rolling ${known.summary.name} back to ${targetName}.${unwatched}`);
}

function ofRun(started: Started, state: string | null, { summary, rows }: Known): Progress {
  if (state === "failed") return ofFailedRun(started, summary.running?.id ?? null, summary.latest_id, rows);
  if (state === "success") {
    return going("submit", "The Dag run has ended, and no rollback shows in the history yet. The run's log says what it did.");
  }
  if (state === "running") {
    return going("submit", "The Dag run checks the plan once more and asks the platform for the rollback.");
  }
  return going("run", state === "queued" ? "The Dag run waits for its turn." : "The Dag run was started.");
}

function ofFailedRun(started: Started, running: string | null, latest: string | null, rows: readonly Deploy[]): Progress {
  if (running === started.expectedCurrentDeployId && latest === started.latestId) {
    return ended("submit", "failed", "The Dag run failed, and no rollback shows in the history. The run's log says why.");
  }
  const other = rows.find((row) => row.id === (running !== started.expectedCurrentDeployId ? running : latest));
  const what = other ? wordsFor(other) : "another deploy";
  return ended("submit", "refused", `Refused, because ${what} landed meanwhile. Nothing was changed. Look at the history as it is now and plan anew.`);
}

const wordsFor = (deploy: Deploy): string => `${nameOf(deploy)}${deploy.created_by ? ` by ${deploy.created_by}` : ""}`;

/**
 * The run's state to go by. That it has ended counts only with a history that was read afterwards: an older one
 * would say that no rollback came of it.
 *
 * @param read what Airflow said just now; null when it did not answer
 * @param isRead whether the history was read after that
 */
export function stateToShow(before: string | null, read: string | null, isRead: boolean): string | null {
  const isOver = read === "failed" || read === "success";
  return read === null || (isOver && !isRead) ? before : read;
}
