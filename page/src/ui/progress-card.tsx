// SPDX-License-Identifier: Apache-2.0
// A rollback that was started here, step by step, until its deploy is on top.

import { useEffect, useRef } from "react";
import type { Ending, Progress, Step } from "../model/progress";
import type { Tone } from "./parts";
import type { Following } from "./use-progress";

const STEPS: [step: Step, words: string][] = [
  ["run", "Dag run started"],
  ["submit", "Checked and submitted"],
  ["finish", "Runs again"],
];

const TONES: Record<Ending, Tone> = { done: "good", failed: "bad", refused: "warn" };

const TITLES: Record<Ending, string> = {
  done: "Rolled back",
  failed: "The rollback failed",
  refused: "The rollback was refused",
};

export function ProgressCard({ following }: { following: Following }) {
  const { started, progress, silent, dismiss } = following;
  const heading = useRef<HTMLHeadingElement | null>(null);
  useEffect(() => heading.current?.focus(), [started?.runId]);
  if (!started || !progress) return null;
  const { ending } = progress;
  return (
    <section className={`rbk-box rbk-progress rbk-${ending ? TONES[ending] : "info"}`} aria-labelledby="rbk-progress">
      <div className="rbk-row">
        <h2 id="rbk-progress" tabIndex={-1} ref={heading}>
          {ending ? TITLES[ending] : `Rolling back to ${started.targetName}`}
        </h2>
        <a className="rbk-push" href={started.runPage} target="_blank" rel="noopener noreferrer">
          Dag run {started.runId}
        </a>
        {/* A run may never end, and what one waits for may never show. */}
        <button type="button" onClick={dismiss}>
          {ending ? "Dismiss" : "Stop watching"}
        </button>
      </div>
      <ol>
        {STEPS.map(([step, words]) => (
          <StepItem key={step} step={step} words={words} progress={progress} />
        ))}
      </ol>
      <p aria-live="polite">
        {progress.words}
        {silent && !ending && " Airflow does not answer right now, which may be part of the rollback; looking again."}
      </p>
    </section>
  );
}

function StepItem({ step, words, progress }: { step: Step; words: string; progress: Progress }) {
  const at = STEPS.findIndex(([each]) => each === step);
  const reached = STEPS.findIndex(([each]) => each === progress.step);
  const state = at < reached || progress.ending === "done" ? "done" : at > reached ? "ahead" : (progress.ending ?? "now");
  const sign = { done: "✓", ahead: "○", now: "…", failed: "✕", refused: "✕" }[state];
  return (
    <li className={`rbk-step-${state}`} aria-current={state === "now" ? "step" : undefined}>
      <span aria-hidden="true">{sign}</span> {words}
      <span className="rbk-hidden"> ({state})</span>
    </li>
  );
}
