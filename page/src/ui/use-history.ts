// SPDX-License-Identifier: Apache-2.0
// Reads a deploy history page by page. The loaded rows stay when the platform fails.

import { useCallback, useEffect, useRef, useState } from "react";
import type { HistoryPage, DeploymentOption } from "../api/contract";
import type { Client } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import { fromFirstPage, appendPage, hasChanged, type LoadedHistory, mergeFirstPage } from "../model/history";

/** After a change, this many rows are read again at once; older ones when the user scrolls. */
const MOST_REREAD = 400;

export interface Reading {
  loaded: LoadedHistory | null;
  problem: Problem | null;
  busy: "first" | "more" | "refresh" | null;
  /** Whether the user's refresh runs, or waits for another read. */
  isRefreshing: boolean;
}

export interface HistoryReader extends Reading {
  /** Load older deploys; a search loads more of them. */
  more(searching?: boolean): Promise<void>;
  /** Read the latest deploys; returns whether that succeeded. A cached response is enough unless the user requests it. */
  refresh(byUser?: boolean): Promise<boolean>;
}

export function useHistory(client: Client, option: DeploymentOption): HistoryReader {
  const [reading, setReading] = useState<Reading>({ loaded: null, problem: null, busy: "first", isRefreshing: false });
  const latest = useRef<Reading>({ ...reading, busy: null });
  const alive = useRef(true);
  const current = useRef<Promise<unknown>>(Promise.resolve());

  const set = useCallback((change: Partial<Reading>) => {
    latest.current = { ...latest.current, ...change };
    if (alive.current) setReading(latest.current);
  }, []);

  /** One read at a time. Returns false if another read is in progress or this one fails. */
  const read = useCallback(
    async (busy: Reading["busy"], job: (loaded: LoadedHistory | null) => Promise<LoadedHistory>) => {
      if (latest.current.busy) return false;
      set({ busy });
      const reading = job(latest.current.loaded).then(
        (loaded) => set({ loaded, problem: null, busy: null }),
        (error: unknown) => set({ problem: asProblem(error), busy: null }),
      );
      current.current = reading;
      await reading;
      return latest.current.problem === null;
    },
    [set],
  );

  const more = useCallback(
    async (searching = false) => {
      if (!latest.current.loaded?.cursor) return;
      await read("more", async (loaded) => {
        return appendPage(loaded!, await client.history(option, { cursor: loaded!.cursor, searching }));
      });
    },
    [client, option, read],
  );

  const refresh = useCallback(
    async (byUser = false) => {
      if (byUser) {
        if (latest.current.isRefreshing) return false;
        set({ isRefreshing: true });
        while (latest.current.busy) await current.current;
      }
      const isRead = await read("refresh", async (loaded) => {
        const page = await client.history(option, { fresh: byUser ? "now" : "1" });
        if (!loaded) return fromFirstPage(page);
        return hasChanged(loaded, page) ? reread(client, option, page, loaded.rows.length) : mergeFirstPage(loaded, page);
      });
      if (byUser) set({ isRefreshing: false });
      return isRead;
    },
    [client, option, read, set],
  );

  useEffect(() => {
    alive.current = true;
    void read("first", async () => fromFirstPage(await client.history(option, {})));
    return () => {
      alive.current = false;
    };
  }, [client, option, read]);

  return { ...reading, more, refresh };
}

async function reread(client: Client, option: DeploymentOption, first: HistoryPage, count: number): Promise<LoadedHistory> {
  let loaded = fromFirstPage(first);
  while (loaded.cursor && loaded.rows.length < Math.min(count, MOST_REREAD)) {
    loaded = appendPage(loaded, await client.history(option, { cursor: loaded.cursor }));
  }
  return loaded;
}
