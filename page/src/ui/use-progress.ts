// SPDX-License-Identifier: Apache-2.0
// Tracks a rollback that this page started, until it has ended.

import { useEffect, useRef, useState } from "react";
import type { Client } from "../api/client";
import type { Started, Progress } from "../model/progress";
import { asProblem } from "../api/problem";
import { keep, recall } from "../host/memory";
import { progressOf, stateToShow } from "../model/progress";
import { isUnanswered } from "../model/start";
import { usePoll } from "./hooks";
import type { HistoryReader } from "./use-history";

const POLL_INTERVAL = 3000;

export interface Tracking {
  started: Started | null;
  progress: Progress | null;
  /** Airflow did not answer the last request; it may be the Airflow that is rolled back. */
  silent: boolean;
  track(started: Started): void;
  dismiss(): void;
}

/**
 * @param key where the browser keeps the started rollback until its end, also over a reload and a login
 */
export function useProgress(client: Client, history: HistoryReader, key: string): Tracking {
  const [started, setStarted] = useState(() => recall<Started>(key));
  const [state, setState] = useState<string | null>(null);
  const [silent, setSilent] = useState(false);
  const [isConfirmed, setConfirmed] = useState(false);
  const [final, setFinal] = useState<Progress | null>(null);
  const progress = final ?? (started && history.loaded && progressOf(started, state, history.loaded));

  const tracked = useRef(started);
  const poll = async () => {
    let noAnswer = false;
    // First the run: the history that is read after its end contains the rollback.
    const read = await client.run(started!.runUrl).catch((error: unknown) => {
      noAnswer = isUnanswered(asProblem(error));
      return null;
    });
    const isRead = await history.refresh();
    if (tracked.current !== started) return; // no run, or another one, is tracked now
    setSilent(noAnswer);
    setState((before) => stateToShow(before, read?.state ?? null, isRead));
  };
  usePoll(Boolean(started) && !progress?.result, POLL_INTERVAL, poll);

  // The Deployment is read a moment before its history, so its running deploy may be outdated.
  const result = progress?.result ?? null;
  const { refresh } = history;
  usePoll(Boolean(result) && !isConfirmed, POLL_INTERVAL, async () => setConfirmed(await refresh()));
  // The result is final: later deploys do not change it.
  useEffect(() => {
    if (!result) setConfirmed(false);
    else if (isConfirmed) {
      setFinal(progress);
      keep(key, null);
    }
  }, [isConfirmed, result]);

  const begin = (next: Started | null) => {
    tracked.current = next;
    keep(key, next);
    setState(null);
    setSilent(false);
    setConfirmed(false);
    setFinal(null);
    setStarted(next);
  };
  return { started, progress, silent, track: begin, dismiss: () => begin(null) };
}
