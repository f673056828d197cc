// SPDX-License-Identifier: Apache-2.0
// What a person fills in before a rollback, and what is sent to Airflow.

import type { Conf, PlanAnswer } from "../api/contract";
import { goingOnWords } from "./words";

export interface Entry {
  description: string;
  typedName: string;
}

export interface Mistakes {
  description?: string;
  typedName?: string;
}

/** Why the rollback cannot be started whatever is filled in; null when it can. */
export function blocked(answer: PlanAnswer): string | null {
  if (!answer.plan.allowed) return "This rollback is not possible.";
  if (!answer.may_roll_back || !answer.start) return answer.reason ?? "You may not roll back here.";
  return null;
}

/** The same, and why it has to wait; null when it can be started now. */
export const whyNotNow = (answer: PlanAnswer): string | null =>
  blocked(answer) ?? (answer.going_on && goingOnWords(answer.going_on));

export function mistakesIn(entry: Entry, answer: PlanAnswer): Mistakes {
  const found: Mistakes = {};
  const length = [...entry.description.trim()].length;
  if (!length) found.description = "Say why. It is written to the deploy history.";
  if (length > answer.description_limit) {
    found.description = `At most ${answer.description_limit} characters are kept; these are ${length}.`;
  }
  if (answer.confirm_name !== null && inOneSpacing(entry.typedName) !== inOneSpacing(answer.confirm_name)) {
    found.typedName = `Type ${answer.confirm_name}, exactly so.`;
  }
  return found;
}

/** Nobody sees how many spaces a name has, or whether one is at its end. */
const inOneSpacing = (name: string): string => name.trim().replace(/\s+/g, " ");

export const confOf = (entry: Entry, answer: PlanAnswer, conf: Conf): Conf => ({
  ...conf,
  description: entry.description.trim(),
  acknowledge_airflow_3_to_2: answer.confirm_name !== null,
});

/**
 * A press that nobody has answered. It may have started the run, so what it asked for is kept until that is known,
 * also when the dialog is closed and opened again: another name would be another rollback.
 */
export interface Unanswered {
  runId: string;
  scope: string | null;
  entry: Entry;
}

/** Whether it is not known, after a problem, if the run was started: no answer, or one of a server in trouble. */
export const isUnanswered = ({ status }: { status: number }): boolean => status === 0 || status >= 500;

/** A name for the Dag run that stays the same when a person presses again after an answer was lost. */
export const newRunId = (now: Date, random: string): string => `deploy_history__${now.toISOString()}_${random}`;
