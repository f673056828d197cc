// SPDX-License-Identifier: Apache-2.0
// The dialog in which a rollback is planned and agreed to.

import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Deploy, Head, Place, PlanAnswer, Start } from "../api/contract";
import { runAddress } from "../api/client";
import { asProblem, Problem } from "../api/problem";
import { blocked, confOf, type Entry, type Mistakes, mistakesIn, newRunId, whyNotNow } from "../model/order";
import type { Started } from "../model/progress";
import { nameOf, scopeWords } from "../model/words";
import { useSurroundings } from "./context";
import { useLatest } from "./hooks";
import { OrderForm } from "./order-form";
import { ProblemBox, Select, Time, Waiting } from "./parts";
import { PlanView } from "./plan-view";

interface Props {
  place: Place;
  head: Head;
  target: Deploy;
  close: () => void;
  /** Read the history anew. */
  reload: () => void;
  started: (started: Started) => void;
}

export function RollbackDialog({ place, head, target, close, reload, started }: Props) {
  const [scope, setScope] = useState<string | null>(null);
  const { answer, problem, read } = usePlan(place, head, target, scope);
  const [entry, setEntry] = useState<Entry>({ description: "", typedName: "" });
  const [mistakes, setMistakes] = useState<Mistakes>({});
  const dialog = useModal(close);
  const shut = () => dialog.current?.close();
  const order = useStart(answer, entry, target, (run) => {
    shut();
    started(run);
  });

  const submit = () => {
    // The Enter key comes here too, whatever the button says.
    if (!answer || why || order.busy) return;
    const found = mistakesIn(entry, answer);
    setMistakes(found);
    if (Object.keys(found).length) focusFirstMistake(dialog.current);
    else void order.send();
  };
  const why = answer && whyNotNow(answer);
  const isAllowed = answer?.plan.allowed ?? target.can_roll_back;

  return (
    <dialog ref={dialog} className="rbk-dialog" aria-labelledby="rbk-dialog-title">
      <header>
        <h2 id="rbk-dialog-title" tabIndex={-1}>
          {isAllowed ? `Roll ${head.name} back to ${nameOf(target)}` : `${nameOf(target)} cannot be rolled back to`}
        </h2>
        <p className="rbk-muted">
          Deploy {target.id} of <Time iso={target.created_at} />
          {target.created_by && ` by ${target.created_by}`}
          {target.description && `: “${target.description}”`}
        </p>
      </header>
      <div className="rbk-dialog-body">
        {problem && (
          <PlanProblem
            problem={problem}
            again={read}
            reload={() => {
              shut();
              reload();
            }}
          />
        )}
        {!answer && !problem && <Waiting>Planning…</Waiting>}
        {head.scopes.length > 1 && <ScopeChoice head={head} scope={scope} choose={setScope} />}
        {answer && <PlanView plan={answer.plan} />}
        {answer && !blocked(answer) && (
          <OrderForm answer={answer} entry={entry} mistakes={mistakes} change={setEntry} submit={submit} />
        )}
        {order.problem && <ProblemBox problem={order.problem} />}
      </div>
      <footer className="rbk-row">
        <span className="rbk-push rbk-muted" id="rbk-blocked">
          {why ?? (answer?.start && `Starts the Dag ${place.dag_id} with your own rights.`)}
        </span>
        <button type="button" onClick={shut}>
          {answer && why === null ? "Cancel" : "Close"}
        </button>
        {isAllowed && (
          <button
            type="button"
            className={answer?.plan.warnings.some((warning) => warning.severe) ? "rbk-danger" : "rbk-primary"}
            disabled={!answer || Boolean(why)}
            aria-disabled={order.busy}
            aria-describedby="rbk-blocked"
            onClick={submit}
          >
            {order.busy ? "Starting…" : `Roll back to ${nameOf(target)}`}
          </button>
        )}
      </footer>
    </dialog>
  );
}

function PlanProblem({ problem, again, reload }: { problem: Problem; again: () => void; reload: () => void }) {
  const isOutdated = ["STALE", "NO-SUCH-DEPLOY"].includes(problem.code);
  return isOutdated ? (
    <ProblemBox problem={problem} again={reload} againWords="Show the history as it is now" />
  ) : (
    <ProblemBox problem={problem} again={again} />
  );
}

interface ScopeProps {
  head: Head;
  scope: string | null;
  choose: (scope: string) => void;
}

const ScopeChoice = ({ head, scope, choose }: ScopeProps) => (
  <Select label="Bring back" value={scope ?? head.scope} choose={choose}>
    {head.scopes.map((each) => (
      <option key={each} value={each}>
        {scopeWords(each)}
      </option>
    ))}
  </Select>
);

/** Read the plan; a plan for another scope or head takes the place of the one before. */
function usePlan(place: Place, head: Head, target: Deploy, scope: string | null) {
  const { client } = useSurroundings();
  const [state, setState] = useState<{ answer: PlanAnswer | null; problem: Problem | null }>({ answer: null, problem: null });
  // The deploy that the person saw as current when the dialog was opened, whatever is read meanwhile.
  const seen = useRef(head.running?.id ?? null);
  const asked = useRef(0);
  const read = useCallback(async () => {
    const mine = ++asked.current;
    setState({ answer: null, problem: null });
    const next = await client.plan(place, target.id, scope, seen.current).then(
      (answer) => ({ answer, problem: null }),
      (error: unknown) => ({ answer: null, problem: asProblem(error) }),
    );
    if (mine === asked.current) setState(next);
  }, [client, place, target.id, scope]);
  useEffect(() => {
    void read();
    return () => {
      asked.current++;
    };
  }, [read]);
  return { ...state, read };
}

/** Start the Dag run. A second press after a lost answer finds the run of the first one. */
function useStart(
  answer: PlanAnswer | null,
  entry: Entry,
  target: Deploy,
  started: (started: Started) => void,
) {
  const { client } = useSurroundings();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const runId = useMemo(() => newRunId(new Date(), Math.random().toString(36).slice(2, 8)), []);

  const send = async () => {
    const { start, plan } = answer as PlanAnswer & { start: Start };
    setBusy(true);
    setProblem(null);
    try {
      const run = await client.start(start, confOf(entry, answer!, start.body.conf), runId);
      started({
        runId: run.dag_run_id,
        runUrl: runAddress(start.run_url, run.dag_run_id),
        runPage: runAddress(start.run_page, run.dag_run_id),
        target: target.id,
        targetName: nameOf(target),
        headId: plan.head_id,
        expectedCurrent: start.body.conf.expected_current,
      });
    } catch (error) {
      setProblem(notStarted(asProblem(error)));
      setBusy(false);
    }
  };
  return { busy, problem, send };
}

const notStarted = (problem: Problem): Problem =>
  problem.code !== "AIRFLOW-DOWN"
    ? problem
    : new Problem(
        problem.code,
        "Airflow did not answer, so it is not known whether the Dag run was started.",
        "Press again when Airflow answers: the same run is started once, not twice.",
      );

/** A modal dialog takes the focus. It gives it back when it is closed, by Escape too, but not when it is removed. */
function useModal(closed: () => void) {
  const dialog = useRef<HTMLDialogElement | null>(null);
  const latest = useLatest(closed);
  useLayoutEffect(() => {
    const element = dialog.current!;
    const tell = () => latest.current();
    element.addEventListener("close", tell);
    element.showModal();
    element.querySelector<HTMLElement>("h2")?.focus();
    return () => {
      element.removeEventListener("close", tell);
      if (element.open) element.close();
    };
  }, [latest]);
  return dialog;
}

function focusFirstMistake(dialog: HTMLElement | null) {
  // After the fields were marked.
  window.setTimeout(() => dialog?.querySelector<HTMLElement>("[aria-invalid='true']")?.focus());
}
