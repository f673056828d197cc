// SPDX-License-Identifier: Apache-2.0
// The ways in which a request can fail, with messages for the user.

/** A failed request. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly remedy: string,
    /** The HTTP status; 0 without a response. */
    readonly status = 0,
  ) {
    super(message);
  }
}

const UNREACHABLE = new Problem(
  "AIRFLOW-DOWN",
  "Airflow itself does not answer.",
  "Check the network.",
);

export const asProblem = (error: unknown): Problem => (error instanceof Problem ? error : UNREACHABLE);

/** Parse the body of an error response, of this package or of Airflow's own API. */
export function problemOf(status: number, body: unknown): Problem {
  const ours = field(body, "error");
  const message = text(field(ours, "message"));
  if (message) {
    return new Problem(text(field(ours, "code")) ?? "FAILED", message, text(field(ours, "remedy")) ?? "", status);
  }
  // This package and Airflow's API answer in JSON. Airflow 2 itself checks the CSRF token, which ends with the session.
  if (status === 401 || (status === 400 && body === null)) return sessionOver(status);
  return airflowProblem(status, detailText(field(body, "detail")) || detailText(field(body, "title")));
}

const sessionOver = (status: number): Problem =>
  new Problem("NOT-LOGGED-IN", "Your session with Airflow has ended.", "Log in again; nothing was changed.", status);

function airflowProblem(status: number, detail: string): Problem {
  if (status === 403) {
    return new Problem(
      "NO-RIGHT",
      `Airflow refused: you may not do this.${detail && ` Its message: ${detail}`}`,
      "Ask an Airflow administrator for the right to trigger the rollback Dag. Nothing was changed.",
      status,
    );
  }
  const why = detail ? `: ${detail}` : " without a reason.";
  return new Problem(
    "FAILED",
    `Airflow answered with ${status}${why}`,
    "Nothing is known to have changed. Try again, or read Airflow's log.",
    status,
  );
}

/** Airflow's API describes errors as a text, an object or a list of objects. */
function detailText(detail: unknown): string {
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) return detail.map(detailText).filter(Boolean).join("; ");
  return text(field(detail, "msg")) ?? text(field(detail, "message")) ?? text(field(detail, "reason")) ?? "";
}

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;

const text = (value: unknown): string | undefined => (typeof value === "string" && value ? value : undefined);
