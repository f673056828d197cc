// SPDX-License-Identifier: Apache-2.0
// The steps of a rollback that this page started.

import { useEffect, useRef } from "react";
import { quoted } from "../model/labels";
import type { Result, Progress, Step } from "../model/progress";
import type { Tone } from "./parts";
import type { Tracking } from "./use-progress";

const STEPS: [step: Step, words: string][] = [
  ["run", "Dag run started"],
  ["submit", "Checked and submitted"],
  ["finish", "Runs again"],
];

const TONES: Record<Result, Tone> = { done: "good", failed: "bad", refused: "warn" };

const TITLES: Record<Result, string> = {
  done: "Rolled back",
  failed: "The rollback failed",
  refused: "The rollback was refused",
};

export function ProgressCard({ tracking }: { tracking: Tracking }) {
  const { started, progress, silent, dismiss } = tracking;
  const heading = useRef<HTMLHeadingElement | null>(null);
  // A rollback that the browser kept over a reload does not take the focus.
  const focused = useRef(started?.runId);
  useEffect(() => {
    if (focused.current !== started?.runId) heading.current?.focus();
    focused.current = started?.runId;
  }, [started?.runId]);
  if (!started || !progress) return null;
  const { result } = progress;
  return (
    <section className={`rbk-box rbk-progress rbk-${result ? TONES[result] : "info"}`} aria-labelledby="rbk-progress">
      <div className="rbk-row">
        <h2 id="rbk-progress" tabIndex={-1} ref={heading}>
          {result ? TITLES[result] : `Rolling back to ${quoted(started.targetName)}`}
        </h2>
        <a className="rbk-end" href={started.runPage} target="_blank" rel="noopener noreferrer">
          Dag run {started.runId}
        </a>
        {/* A run may never end, and its rollback may never appear. */}
        <button type="button" onClick={dismiss}>
          {result ? "Dismiss" : "Stop tracking"}
        </button>
      </div>
      <ol>
        {STEPS.map(([step, words]) => (
          <StepItem key={step} step={step} words={words} progress={progress} />
        ))}
      </ol>
      <p aria-live="polite">
        {progress.words}
        {silent && !result && " Airflow does not answer right now, which may be part of the rollback. The page tries again."}
      </p>
    </section>
  );
}

function StepItem({ step, words, progress }: { step: Step; words: string; progress: Progress }) {
  const at = STEPS.findIndex(([each]) => each === step);
  const reached = STEPS.findIndex(([each]) => each === progress.step);
  const state = at < reached || progress.result === "done" ? "done" : at > reached ? "ahead" : (progress.result ?? "now");
  const sign = { done: "✓", ahead: "○", now: "…", failed: "✕", refused: "✕" }[state];
  return (
    <li className={`rbk-step-${state}`} aria-current={state === "now" ? "step" : undefined}>
      <span aria-hidden="true">{sign}</span> {words}
      <span className="rbk-hidden"> ({state})</span>
    </li>
  );
}
