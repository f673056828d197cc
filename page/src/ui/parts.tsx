// SPDX-License-Identifier: Apache-2.0
// Small components that many parts of the page use.

import { type ReactNode, useId, useRef, useState } from "react";
import type { Reason, Snippet } from "../api/contract";
import type { Problem } from "../api/problem";
import { sentence } from "../model/labels";
import { utc } from "../model/time";
import { usePageContext } from "./context";

export type Tone = "good" | "bad" | "warn" | "info" | "plain";

/** A time in the user's zone; the tooltip shows UTC. */
export function Time({ iso, relative = false }: { iso: string; relative?: boolean }) {
  const { clock } = usePageContext();
  return (
    // Airflow 2 rewrites every <time> without this attribute.
    <time dateTime={iso} title={utc(iso)} data-datetime-convert="false">
      {relative ? clock.ago(iso) : clock.stamp(iso)}
    </time>
  );
}

interface SelectProps {
  label: string;
  value: string;
  choose: (value: string) => void;
  disabled?: boolean;
  children: ReactNode;
}

export function Select({ label, value, choose, disabled, children }: SelectProps) {
  const id = useId();
  return (
    <span className="rbk-field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} disabled={disabled} onChange={(event) => choose(event.currentTarget.value)}>
        {children}
      </select>
    </span>
  );
}

/** A name of others: its direction of writing does not change that of the words around it. */
export const Name = ({ children }: { children: string }) => <bdi>{children}</bdi>;

/** A text of others, cut with a button that shows the rest. */
export function LongText({ text, most = 240, quote = false }: { text: string; most?: number; quote?: boolean }) {
  const [isOpen, setOpen] = useState(false);
  const isLong = text.length > most + 40;
  return (
    <>
      {quote && "“"}
      <bdi>{isLong && !isOpen ? `${text.slice(0, most)}…` : text}</bdi>
      {quote && "”"}
      {isLong && (
        <>
          {" "}
          <button type="button" className="rbk-link" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {isOpen ? "less" : "more"}
          </button>
        </>
      )}
    </>
  );
}

export const Badge = ({ tone, title, children }: { tone: Tone; title?: string; children: ReactNode }) => (
  <span className={`rbk-badge rbk-${tone}`} title={title}>
    {children}
  </span>
);

interface BoxProps {
  tone: Tone;
  title: string;
  id?: string;
  role?: "alert" | "status";
  children?: ReactNode;
}

/** A highlighted message. */
export const Box = ({ tone, title, id, role, children }: BoxProps) => (
  <div className={`rbk-box rbk-${tone}`} id={id} role={role}>
    <strong>{title}</strong>
    {children}
  </div>
);

/** A text with a button that copies it. Without HTTPS, and in some frames, a page cannot copy: the text is selected then. */
export function CopyBox({ title, text }: Snippet) {
  const shown = useRef<HTMLPreElement | null>(null);
  const [state, setState] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setState("Copied.");
    } catch {
      window.getSelection()?.selectAllChildren(shown.current!);
      setState("Selected. Copy it with the keyboard.");
    }
  };
  return (
    <figure className="rbk-copy">
      <figcaption className="rbk-row">
        {title}
        <button type="button" aria-label={`Copy ${title}`} onClick={() => void copy()}>
          Copy
        </button>
        <span role="status">{state}</span>
      </figcaption>
      <pre ref={shown}>{text}</pre>
    </figure>
  );
}

export const Reasons = ({ reasons }: { reasons: readonly Reason[] }) => (
  <ul>
    {reasons.map(({ code, reason, remedy }) => (
      <li key={code + reason} title={code}>
        <LongText text={sentence(`${reason} ${remedy}`)} most={600} />
      </li>
    ))}
  </ul>
);

const TITLES: Record<string, string> = {
  "AIRFLOW-DOWN": "Airflow does not answer",
  "NO-ACCESS": "You may not see this page",
  "NO-CONNECTION": "The connection cannot be used",
  "NO-PERMISSION": "The platform does not permit it",
  "NO-RIGHT": "You may not do this",
  "NO-SUCH-DEPLOY": "The deploy is no longer there",
  "NOT-FOUND": "The platform has no such Deployment",
  "NOT-LOGGED-IN": "Your session has ended",
  "NOT-OFFERED": "This Deployment is not offered here",
  "PLATFORM-DOWN": "The platform cannot be reached",
  STALE: "Another deploy landed meanwhile",
  "TOKEN-EXPIRED": "The connection's token has expired",
  "TOKEN-REFUSED": "The platform refused the connection's token",
};

/** A sentence at the end that only says what the button beside it does. */
const TRY_AGAIN = /[^.]*\btry again\b[^.]*\.\s*$/i;

interface ProblemProps {
  problem: Problem;
  again?: (() => void) | undefined;
  againLabel?: string;
  busy?: boolean;
  children?: ReactNode;
}

/** A problem, its remedy, and a button to try again. */
export function ProblemBox({ problem, again, againLabel = "Try again", busy = false, children }: ProblemProps) {
  const isOver = problem.code === "NOT-LOGGED-IN";
  const [message, remedy] = [problem.message, problem.remedy].map((text) => (again ? text.replace(TRY_AGAIN, "") : text));
  return (
    <Box tone="bad" role="alert" title={TITLES[problem.code] ?? "Something went wrong"}>
      <p>{message && sentence(message)}</p>
      {remedy && <p>{sentence(remedy)}</p>}
      {children}
      {isOver ? (
        <button type="button" onClick={() => window.location.reload()}>
          Log in again
        </button>
      ) : (
        again && (
          <button type="button" onClick={again} aria-disabled={busy}>
            {busy ? "Trying…" : againLabel}
          </button>
        )
      )}
    </Box>
  );
}

/** A spinner while data is read. */
export const Waiting = ({ children }: { children: ReactNode }) => (
  <p className="rbk-waiting" role="status">
    <span className="rbk-spinner" aria-hidden="true" />
    {children}
  </p>
);
