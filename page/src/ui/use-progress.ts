// SPDX-License-Identifier: Apache-2.0
// Follows a rollback that was started here until its deploy is on top, or until it is clear that it will not be.

import { useEffect, useRef, useState } from "react";
import type { Client } from "../api/client";
import type { Started, Progress } from "../model/progress";
import { progressOf, stateToShow } from "../model/progress";
import { usePoll } from "./hooks";
import type { HistoryReader } from "./use-history";

const BETWEEN_LOOKS = 3000;

export interface Following {
  started: Started | null;
  progress: Progress | null;
  /** Airflow did not answer the last time; it may be the one that is rolled back. */
  silent: boolean;
  follow(started: Started): void;
  dismiss(): void;
}

export function useProgress(client: Client, history: HistoryReader): Following {
  const [started, setStarted] = useState<Started | null>(null);
  const [state, setState] = useState<string | null>(null);
  const [silent, setSilent] = useState(false);
  const [isConfirmed, setConfirmed] = useState(false);
  const [final, setFinal] = useState<Progress | null>(null);
  const progress = final ?? (started && history.known && progressOf(started, state, history.known));

  const watched = useRef<Started | null>(null);
  const look = async () => {
    // First the run: when it has ended, the history that is read afterwards tells what came of it.
    const read = await client.run(started!.runUrl).catch(() => null);
    const isRead = await history.refresh();
    if (watched.current !== started) return; // nobody, or another run, is followed by now
    setSilent(read === null);
    setState((before) => stateToShow(before, read?.state ?? null, isRead));
  };
  usePoll(Boolean(started) && !progress?.ending, BETWEEN_LOOKS, look);

  // The Deployment is read a moment before its history: what it runs may be that of before the end.
  const ending = progress?.ending ?? null;
  const { refresh } = history;
  usePoll(Boolean(ending) && !isConfirmed, BETWEEN_LOOKS, async () => setConfirmed(await refresh()));
  // How it ended stays what it was, whatever lands later.
  useEffect(() => {
    if (!ending) setConfirmed(false);
    else if (isConfirmed) setFinal(progress);
  }, [isConfirmed, ending]);

  const begin = (next: Started | null) => {
    watched.current = next;
    setState(null);
    setSilent(false);
    setConfirmed(false);
    setFinal(null);
    setStarted(next);
  };
  return { started, progress, silent, follow: begin, dismiss: () => begin(null) };
}
