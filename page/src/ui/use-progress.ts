// SPDX-License-Identifier: Apache-2.0
// Tracks a rollback that this page started, until it has ended.

import { useEffect, useRef, useState } from "react";
import type { Client } from "../api/client";
import type { Started, Progress } from "../model/progress";
import { progressOf, stateToShow } from "../model/progress";
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

export function useProgress(client: Client, history: HistoryReader): Tracking {
  const [started, setStarted] = useState<Started | null>(null);
  const [state, setState] = useState<string | null>(null);
  const [silent, setSilent] = useState(false);
  const [isConfirmed, setConfirmed] = useState(false);
  const [final, setFinal] = useState<Progress | null>(null);
  const progress = final ?? (started && history.loaded && progressOf(started, state, history.loaded));

  const tracked = useRef<Started | null>(null);
  const poll = async () => {
    // First the run: the history that is read after its end contains the rollback.
    const read = await client.run(started!.runUrl).catch(() => null);
    const isRead = await history.refresh();
    if (tracked.current !== started) return; // no run, or another one, is tracked now
    setSilent(read === null);
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
    else if (isConfirmed) setFinal(progress);
  }, [isConfirmed, result]);

  const begin = (next: Started | null) => {
    tracked.current = next;
    setState(null);
    setSilent(false);
    setConfirmed(false);
    setFinal(null);
    setStarted(next);
  };
  return { started, progress, silent, track: begin, dismiss: () => begin(null) };
}
