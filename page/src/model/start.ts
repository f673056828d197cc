// SPDX-License-Identifier: Apache-2.0
// The input of the user before a rollback, and the request to Airflow.

import type { Conf, PlanAnswer } from "../api/contract";
import { inProgressText } from "./labels";

export interface Entry {
  description: string;
  typedName: string;
}

export interface FieldErrors {
  description?: string;
  typedName?: string;
}

/** Why the rollback cannot be started with any input; null if it can. */
export function blockedReason(answer: PlanAnswer): string | null {
  if (!answer.plan.allowed) return "This rollback is not possible.";
  if (!answer.may_roll_back || !answer.start) return answer.reason ?? "You may not roll back here.";
  return null;
}

/** The same, and why it has to wait; null if it can be started now. */
export const disabledReason = (answer: PlanAnswer): string | null =>
  blockedReason(answer) ?? (answer.in_progress && inProgressText(answer.in_progress));

export function findFieldErrors(entry: Entry, answer: PlanAnswer): FieldErrors {
  const found: FieldErrors = {};
  const length = [...entry.description.trim()].length;
  if (!length) found.description = "A reason is required. It is written to the deploy history.";
  if (length > answer.description_limit) {
    found.description = `At most ${answer.description_limit} characters are kept; these are ${length}.`;
  }
  if (answer.confirm_name !== null && collapseSpaces(entry.typedName) !== collapseSpaces(answer.confirm_name)) {
    found.typedName = `Type exactly ${answer.confirm_name}.`;
  }
  return found;
}

/** Users cannot see how many spaces a name has, or whether one is at its end. */
const collapseSpaces = (name: string): string => name.trim().replace(/\s+/g, " ");

export const confOf = (entry: Entry, answer: PlanAnswer, conf: Conf): Conf => ({
  ...conf,
  description: entry.description.trim(),
  acknowledge_airflow_3_to_2: answer.confirm_name !== null,
});

/**
 * A start without a response. It may have started the run, so its request is kept until the result is known, also
 * when the dialog is closed or the page is loaded again: another run id would be another rollback.
 */
export interface PendingStart {
  runId: string;
  scope: string | null;
  entry: Entry;
}

/** Whether a failed request may have been carried out all the same: no response, or a server error. */
export const isUnanswered = ({ status }: { status: number }): boolean => status === 0 || status >= 500;

/** An id for the Dag run. It stays the same when the user tries again after a lost response. */
export const newRunId = (now: Date, random: string): string => `deploy_history__${now.toISOString()}_${random}`;
