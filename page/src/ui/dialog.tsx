// SPDX-License-Identifier: Apache-2.0
// The dialog with the plan and the confirmation of a rollback.

import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Deploy, Summary, DeploymentOption, PlanAnswer, Start } from "../api/contract";
import { runAddress } from "../api/client";
import { asProblem, Problem } from "../api/problem";
import { blockedReason, confOf, type Entry, isUnanswered, type FieldErrors, findFieldErrors, newRunId, type PendingStart, disabledReason } from "../model/start";
import type { Started } from "../model/progress";
import { keep, recall } from "../host/memory";
import { nameOf, scopeLabel, shortName } from "../model/labels";
import { usePageContext } from "./context";
import { useLatest } from "./hooks";
import { RollbackForm } from "./rollback-form";
import { LongText, Name, ProblemBox, Select, Time, Waiting } from "./parts";
import { PlanView } from "./plan-view";

interface Props {
  option: DeploymentOption;
  summary: Summary;
  target: Deploy;
  close: () => void;
  /** Read the history again. */
  reload: () => void;
  started: (started: Started) => void;
}

export function RollbackDialog({ option, summary, target, close, reload, started }: Props) {
  const place = `${option.connection} ${option.deployment} ${target.id}`;
  const pendingStart = usePendingStart(`start ${place} from ${summary.running?.id}`);
  const [scope, setScope] = useState(pendingStart.earlier?.scope ?? null);
  const { answer, problem, read } = usePlan(option, summary, target, scope);
  const [entry, setEntry] = useState<Entry>(
    () => pendingStart.earlier?.entry ?? { description: recall<string>(`reason ${place}`) ?? "", typedName: "" },
  );
  const change = (next: Entry) => {
    keep(`reason ${place}`, next.description || null);
    setEntry(next);
  };
  const [fieldErrors, setMistakes] = useState<FieldErrors>({});
  const run = useStart(answer, { runId: pendingStart.runId, scope, entry }, pendingStart, target, (startedRun) => {
    keep(`reason ${place}`, null);
    close();
    started(startedRun);
  });
  const dialog = useModal(close, run.busy);
  const closeDialog = () => !run.busy && dialog.current?.close();
  // A request that may have been sent is not changed any more.
  const isSent = run.busy || pendingStart.earlier !== null;

  const submit = () => {
    // The Enter key leads here too, even if the button is disabled.
    if (!answer || reason || run.busy) return;
    const found = findFieldErrors(entry, answer);
    setMistakes(found);
    if (Object.keys(found).length) focusFirstError(dialog.current);
    else void run.send();
  };
  const reason = answer && disabledReason(answer);
  // The button stays in the order of the focus: pressed too early, it leads to the field that is missing.
  const missing = answer && Object.keys(findFieldErrors(entry, answer)).length ? "Fill in the form first." : null;
  const isAllowed = answer?.plan.allowed ?? target.can_roll_back;

  return (
    <dialog ref={dialog} className="rbk-dialog" aria-labelledby="rbk-dialog-title">
      <header>
        <h2 id="rbk-dialog-title" tabIndex={-1}>
          {isAllowed ? (
            <>
              Roll “<Name>{summary.name}</Name>” back to “<Name>{nameOf(target)}</Name>”
            </>
          ) : (
            <>
              “<Name>{nameOf(target)}</Name>” cannot be rolled back to
            </>
          )}
        </h2>
        <p className="rbk-muted">
          Deploy {target.id} of <Time iso={target.created_at} />
          {target.created_by && (
            <>
              {" "}
              by <Name>{target.created_by}</Name>
            </>
          )}
          {target.description && (
            <>
              : <LongText quote text={target.description} />
            </>
          )}
        </p>
      </header>
      <div className="rbk-dialog-body">
        {problem && (
          <PlanProblem
            problem={problem}
            again={read}
            reload={() => {
              closeDialog();
              reload();
            }}
          />
        )}
        {!answer && !problem && <Waiting>Planning…</Waiting>}
        {summary.scopes.length > 1 && <ScopeChoice summary={summary} scope={scope} choose={setScope} disabled={isSent} />}
        {run.problem && <ProblemBox problem={run.problem} />}
        {answer && (
          <PlanView plan={answer.plan}>
            {!blockedReason(answer) && (
              <RollbackForm answer={answer} entry={entry} fieldErrors={fieldErrors} change={change} submit={submit} disabled={isSent} />
            )}
          </PlanView>
        )}
      </div>
      <footer className="rbk-row">
        <span className="rbk-muted" id="rbk-blocked">
          {reason ?? missing ?? (answer?.start && `Starts the Dag ${option.dag_id} with your own rights.`)}
        </span>
        <span className="rbk-buttons">
          <button type="button" aria-disabled={run.busy} onClick={closeDialog}>
            {answer && reason === null ? "Cancel" : "Close"}
          </button>
          {isAllowed && (
            <button
              type="button"
              className={answer?.plan.warnings.some((warning) => warning.severe) ? "rbk-danger" : "rbk-primary"}
              disabled={!answer || Boolean(reason)}
              aria-disabled={run.busy || missing !== null}
              aria-describedby="rbk-blocked"
              title={nameOf(target)}
              onClick={submit}
            >
              {run.busy ? (
                "Starting…"
              ) : (
                <>
                  Roll back to <Name>{shortName(nameOf(target))}</Name>
                </>
              )}
            </button>
          )}
        </span>
      </footer>
    </dialog>
  );
}

function PlanProblem({ problem, again, reload }: { problem: Problem; again: () => void; reload: () => void }) {
  const isOutdated = ["STALE", "NO-SUCH-DEPLOY"].includes(problem.code);
  return isOutdated ? (
    <ProblemBox problem={problem} again={reload} againLabel="Show the history as it is now" />
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
        {scopeLabel(each)}
      </option>
    ))}
  </Select>
);

/** Read the plan. A plan for another scope replaces it. */
function usePlan(option: DeploymentOption, summary: Summary, target: Deploy, scope: string | null) {
  const { client } = usePageContext();
  const [state, setState] = useState<{ answer: PlanAnswer | null; problem: Problem | null }>({ answer: null, problem: null });
  // The running deploy when the dialog was opened. Later reads do not change it.
  const runningId = useRef(summary.running?.id ?? null);
  const latestRequest = useRef(0);
  const read = useCallback(async () => {
    const current = ++latestRequest.current;
    setState({ answer: null, problem: null });
    const next = await client.plan(option, target.id, scope, runningId.current).then(
      (answer) => ({ answer, problem: null }),
      (error: unknown) => ({ answer: null, problem: asProblem(error) }),
    );
    if (current === latestRequest.current) setState(next);
  }, [client, option, target.id, scope]);
  useEffect(() => {
    void read();
    return () => {
      latestRequest.current++;
    };
  }, [read]);
  return { ...state, read };
}

interface PendingStore {
  /** The id of the run; the same for all tries of one rollback. */
  runId: string;
  /** The earlier start without a response, if there is one. */
  earlier: PendingStart | null;
  keep: (sent: PendingStart) => void;
  remove: () => void;
}

/** Keep a start until there is a response, also after this dialog is closed or the page is loaded again. */
function usePendingStart(meaning: string): PendingStore {
  const [key] = useState(meaning);
  const [earlier, setEarlier] = useState(() => recall<PendingStart>(key));
  const [runId] = useState(() => earlier?.runId ?? newRunId(new Date(), Math.random().toString(36).slice(2, 8)));
  return {
    runId,
    earlier,
    keep: (sent) => {
      keep(key, sent);
      setEarlier(sent);
    },
    remove: () => {
      keep(key, null);
      setEarlier(null);
    },
  };
}

/** Start the Dag run. A second try after a lost response finds the run of the first one. */
function useStart(
  answer: PlanAnswer | null,
  request: PendingStart,
  pendingStart: PendingStore,
  target: Deploy,
  started: (started: Started) => void,
) {
  const { client } = usePageContext();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(pendingStart.earlier && unknownStart("An earlier request was not answered"));

  const send = async () => {
    const { start, plan } = answer as PlanAnswer & { start: Start };
    const { earlier } = pendingStart;
    setBusy(true);
    setProblem(null);
    pendingStart.keep(request);
    try {
      const run = await client.start(start, confOf(request.entry, answer!, start.body.conf), request.runId);
      pendingStart.remove();
      started({
        runId: run.dag_run_id,
        runUrl: runAddress(start.run_url, run.dag_run_id),
        runPage: runAddress(start.run_page, run.dag_run_id),
        target: target.id,
        targetName: nameOf(target),
        latestId: plan.latest_id,
        expectedCurrentDeployId: start.body.conf.expected_current_deploy_id,
        description: request.entry.description.trim(),
      });
    } catch (error) {
      const found = asProblem(error);
      // A refusal does not tell whether an earlier request started the run.
      if (!earlier && !isUnanswered(found)) pendingStart.remove();
      setProblem(isUnanswered(found) ? unknownStart(found.status ? `Airflow answered with ${found.status}` : "Airflow did not answer") : found);
      setBusy(false);
    }
  };
  return { busy, problem, send };
}

const unknownStart = (what: string): Problem =>
  new Problem(
    "AIRFLOW-DOWN",
    `${what}, so it is not known whether the Dag run was started.`,
    "Press the button again when Airflow answers. The same run is started once, not twice.",
  );

/**
 * A modal dialog takes the focus. It returns the focus when it is closed, also by Escape, but not when it is removed.
 *
 * @param busy whether it stays open. A browser lets a page prevent only the first Escape, so it is opened again
 */
function useModal(closed: () => void, busy: boolean) {
  const dialog = useRef<HTMLDialogElement | null>(null);
  const latest = useLatest(closed);
  const latestBusy = useLatest(busy);
  useLayoutEffect(() => {
    const element = dialog.current!;
    const notify = () => (latestBusy.current ? element.showModal() : latest.current());
    const preventCancel = (event: Event) => latestBusy.current && event.preventDefault();
    element.addEventListener("close", notify);
    element.addEventListener("cancel", preventCancel);
    element.showModal();
    element.querySelector<HTMLElement>("h2")?.focus();
    return () => {
      element.removeEventListener("close", notify);
      element.removeEventListener("cancel", preventCancel);
      if (element.open) element.close();
    };
  }, [latest, latestBusy]);
  return dialog;
}

function focusFirstError(dialog: HTMLElement | null) {
  // After the fields are marked.
  window.setTimeout(() => dialog?.querySelector<HTMLElement>("[aria-invalid='true']")?.focus());
}
