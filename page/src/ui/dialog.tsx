// SPDX-License-Identifier: Apache-2.0
// The dialog in which a rollback is planned and agreed to.

import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Deploy, Summary, DeploymentOption, PlanAnswer, Start } from "../api/contract";
import { runAddress } from "../api/client";
import { asProblem, Problem } from "../api/problem";
import { blocked, confOf, type Entry, isUnanswered, type Mistakes, mistakesIn, newRunId, type Unanswered, whyNotNow } from "../model/order";
import type { Started } from "../model/progress";
import { nameOf, scopeWords } from "../model/words";
import { useSurroundings } from "./context";
import { useLatest } from "./hooks";
import { OrderForm } from "./order-form";
import { ProblemBox, Select, Time, Waiting } from "./parts";
import { PlanView } from "./plan-view";

interface Props {
  option: DeploymentOption;
  summary: Summary;
  target: Deploy;
  /** Presses that nobody has answered, by what they meant. */
  unanswered: Map<string, Unanswered>;
  close: () => void;
  /** Read the history anew. */
  reload: () => void;
  started: (started: Started) => void;
}

export function RollbackDialog({ option, summary, target, unanswered, close, reload, started }: Props) {
  const press = usePress(unanswered, `${target.id} from ${summary.running?.id}`);
  const [scope, setScope] = useState(press.earlier?.scope ?? null);
  const { answer, problem, read } = usePlan(option, summary, target, scope);
  const [entry, setEntry] = useState<Entry>(press.earlier?.entry ?? { description: "", typedName: "" });
  const [mistakes, setMistakes] = useState<Mistakes>({});
  const order = useStart(answer, { runId: press.runId, scope, entry }, press, target, (run) => {
    dialog.current?.close();
    started(run);
  });
  const dialog = useModal(close, order.busy);
  const shut = () => !order.busy && dialog.current?.close();
  // What may be under way already is not changed any more.
  const isSent = order.busy || press.earlier !== null;

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
          {isAllowed ? `Roll ${summary.name} back to ${nameOf(target)}` : `${nameOf(target)} cannot be rolled back to`}
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
        {summary.scopes.length > 1 && <ScopeChoice summary={summary} scope={scope} choose={setScope} disabled={isSent} />}
        {answer && <PlanView plan={answer.plan} />}
        {answer && !blocked(answer) && (
          <OrderForm answer={answer} entry={entry} mistakes={mistakes} change={setEntry} submit={submit} disabled={isSent} />
        )}
        {order.problem && <ProblemBox problem={order.problem} />}
      </div>
      <footer className="rbk-row">
        <span className="rbk-push rbk-muted" id="rbk-blocked">
          {why ?? (answer?.start && `Starts the Dag ${option.dag_id} with your own rights.`)}
        </span>
        <button type="button" aria-disabled={order.busy} onClick={shut}>
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
  summary: Summary;
  scope: string | null;
  choose: (scope: string) => void;
  disabled: boolean;
}

const ScopeChoice = ({ summary, scope, choose, disabled }: ScopeProps) => (
  <Select label="Bring back" value={scope ?? summary.scope} choose={choose} disabled={disabled}>
    {summary.scopes.map((each) => (
      <option key={each} value={each}>
        {scopeWords(each)}
      </option>
    ))}
  </Select>
);

/** Read the plan; a plan for another scope or summary takes the place of the one before. */
function usePlan(option: DeploymentOption, summary: Summary, target: Deploy, scope: string | null) {
  const { client } = useSurroundings();
  const [state, setState] = useState<{ answer: PlanAnswer | null; problem: Problem | null }>({ answer: null, problem: null });
  // The deploy that the person saw as current when the dialog was opened, whatever is read meanwhile.
  const seen = useRef(summary.running?.id ?? null);
  const asked = useRef(0);
  const read = useCallback(async () => {
    const mine = ++asked.current;
    setState({ answer: null, problem: null });
    const next = await client.plan(option, target.id, scope, seen.current).then(
      (answer) => ({ answer, problem: null }),
      (error: unknown) => ({ answer: null, problem: asProblem(error) }),
    );
    if (mine === asked.current) setState(next);
  }, [client, option, target.id, scope]);
  useEffect(() => {
    void read();
    return () => {
      asked.current++;
    };
  }, [read]);
  return { ...state, read };
}

interface Press {
  /** The name of the run; the same for all presses that mean the same. */
  runId: string;
  /** The press that was not answered, if there was one. */
  earlier: Unanswered | null;
  keep: (sent: Unanswered) => void;
  forget: () => void;
}

/** Remember a press until it is answered, also after this dialog is gone. */
function usePress(unanswered: Map<string, Unanswered>, meaning: string): Press {
  const [key] = useState(meaning);
  const [earlier, setEarlier] = useState(unanswered.get(key) ?? null);
  const [runId] = useState(() => earlier?.runId ?? newRunId(new Date(), Math.random().toString(36).slice(2, 8)));
  return {
    runId,
    earlier,
    keep: (sent) => {
      unanswered.set(key, sent);
      setEarlier(sent);
    },
    forget: () => {
      unanswered.delete(key);
      setEarlier(null);
    },
  };
}

/** Start the Dag run. A second press after a lost answer finds the run of the first one. */
function useStart(
  answer: PlanAnswer | null,
  wish: Unanswered,
  press: Press,
  target: Deploy,
  started: (started: Started) => void,
) {
  const { client } = useSurroundings();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(press.earlier && notKnown("An earlier press was not answered"));

  const send = async () => {
    const { start, plan } = answer as PlanAnswer & { start: Start };
    const { earlier } = press;
    setBusy(true);
    setProblem(null);
    press.keep(wish);
    try {
      const run = await client.start(start, confOf(wish.entry, answer!, start.body.conf), wish.runId);
      press.forget();
      started({
        runId: run.dag_run_id,
        runUrl: runAddress(start.run_url, run.dag_run_id),
        runPage: runAddress(start.run_page, run.dag_run_id),
        target: target.id,
        targetName: nameOf(target),
        latestId: plan.latest_id,
        expectedCurrentDeployId: start.body.conf.expected_current_deploy_id,
      });
    } catch (error) {
      const found = asProblem(error);
      // A refusal says nothing of a press before it that was not answered.
      if (!earlier && !isUnanswered(found)) press.forget();
      setProblem(isUnanswered(found) ? notKnown(found.status ? `Airflow answered with ${found.status}` : "Airflow did not answer") : found);
      setBusy(false);
    }
  };
  return { busy, problem, send };
}

const notKnown = (what: string): Problem =>
  new Problem(
    "AIRFLOW-DOWN",
    `${what}, so it is not known whether the Dag run was started.`,
    "Press again when Airflow answers: the same run, as it was asked for, is started once, not twice.",
  );

/**
 * A modal dialog takes the focus. It gives it back when it is closed, by Escape too, but not when it is removed.
 *
 * @param busy whether Escape has to wait
 */
function useModal(closed: () => void, busy: boolean) {
  const dialog = useRef<HTMLDialogElement | null>(null);
  const latest = useLatest(closed);
  const latestBusy = useLatest(busy);
  useLayoutEffect(() => {
    const element = dialog.current!;
    const tell = () => latest.current();
    const hold = (event: Event) => latestBusy.current && event.preventDefault();
    element.addEventListener("close", tell);
    element.addEventListener("cancel", hold);
    element.showModal();
    element.querySelector<HTMLElement>("h2")?.focus();
    return () => {
      element.removeEventListener("close", tell);
      element.removeEventListener("cancel", hold);
      if (element.open) element.close();
    };
  }, [latest, latestBusy]);
  return dialog;
}

function focusFirstMistake(dialog: HTMLElement | null) {
  // After the fields were marked.
  window.setTimeout(() => dialog?.querySelector<HTMLElement>("[aria-invalid='true']")?.focus());
}
