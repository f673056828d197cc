// SPDX-License-Identifier: Apache-2.0
// Reads a deploy history page by page. What was read stays when the platform goes away.

import { useCallback, useEffect, useRef, useState } from "react";
import type { HistoryPage, DeploymentOption } from "../api/contract";
import type { Client } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import { begin, extend, hasMoved, type Known, renew } from "../model/history";

/** After a change, so many rows are read anew at once; older ones come again as one scrolls. */
const MOST_REREAD = 400;

export interface Reading {
  known: Known | null;
  problem: Problem | null;
  busy: "first" | "more" | "refresh" | null;
}

export interface HistoryReader extends Reading {
  /** Reads on; who searches, further than who scrolls. */
  more(searching?: boolean): Promise<void>;
  /** Tells whether the latest deploys were read. What was shared a moment ago will do unless a person asks. */
  refresh(asked?: boolean): Promise<boolean>;
}

export function useHistory(client: Client, option: DeploymentOption): HistoryReader {
  const [reading, setReading] = useState<Reading>({ known: null, problem: null, busy: "first" });
  const latest = useRef<Reading>({ ...reading, busy: null });
  const alive = useRef(true);

  const set = useCallback((change: Partial<Reading>) => {
    latest.current = { ...latest.current, ...change };
    if (alive.current) setReading(latest.current);
  }, []);

  /** One reading at a time: who comes meanwhile gets what that one finds. Tells whether it was this one, and went well. */
  const read = useCallback(
    async (busy: Reading["busy"], job: (known: Known | null) => Promise<Known>) => {
      if (latest.current.busy) return false;
      set({ busy });
      try {
        set({ known: await job(latest.current.known), problem: null, busy: null });
        return true;
      } catch (error) {
        set({ problem: asProblem(error), busy: null });
        return false;
      }
    },
    [set],
  );

  const more = useCallback(
    async (searching = false) => {
      if (!latest.current.known?.cursor) return;
      await read("more", async (known) => {
        return extend(known!, await client.history(option, { cursor: known!.cursor, searching }));
      });
    },
    [client, option, read],
  );

  const refresh = useCallback(
    (asked = false) =>
      read("refresh", async (known) => {
        const page = await client.history(option, { fresh: asked ? "now" : "1" });
        if (!known) return begin(page);
        return hasMoved(known, page) ? reread(client, option, page, known.rows.length) : renew(known, page);
      }),
    [client, option, read],
  );

  useEffect(() => {
    alive.current = true;
    void read("first", async () => begin(await client.history(option, {})));
    return () => {
      alive.current = false;
    };
  }, [client, option, read]);

  return { ...reading, more, refresh };
}

async function reread(client: Client, option: DeploymentOption, first: HistoryPage, wanted: number): Promise<Known> {
  let known = begin(first);
  while (known.cursor && known.rows.length < Math.min(wanted, MOST_REREAD)) {
    known = extend(known, await client.history(option, { cursor: known.cursor }));
  }
  return known;
}
