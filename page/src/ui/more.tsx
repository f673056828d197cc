// SPDX-License-Identifier: Apache-2.0
// The end of the list: it loads older deploys when it becomes visible, and shows how far back they go.

import { useEffect, useRef, useState } from "react";
import { Time } from "./parts";
import { useNear } from "./hooks";
import type { HistoryReader } from "./use-history";

const NEAR = 800;
/** A filter with few matches must not load a history of years by itself. This is some 10,000 deploys. */
const MOST_AT_ONCE = 10;

interface Props {
  history: HistoryReader;
  /** The number of rows after the filters. */
  shown: number;
  filtered: boolean;
  /** Changes with the filters, for a new search. */
  query: unknown;
}

export function More({ history, shown, filtered, query }: Props) {
  const { loaded, busy, problem, more } = history;
  const end = useRef<HTMLDivElement | null>(null);
  const [isNear, setNear] = useState(false);
  const reads = useRef(0);
  useNear(end, NEAR, setNear);
  useEffect(() => {
    reads.current = 0;
  }, [shown, query]);

  const read = loaded?.rows.length ?? 0;
  const isDone = !loaded?.cursor;
  useEffect(() => {
    if (!isNear || isDone || busy || problem || reads.current >= MOST_AT_ONCE) return;
    reads.current++;
    void more(filtered);
  }, [isNear, isDone, busy, problem, read, query, filtered, more]);

  const oldest = loaded?.rows.at(-1);
  return (
    <div ref={end} className="rbk-row rbk-more">
      <span role="status">
        {filtered ? `${shown} of ${read} deploys read so far` : `${read} deploys`}
        {isDone ? ", all there are." : "."}
      </span>
      {oldest && !isDone && (
        <span className="rbk-muted">
          Back to <Time iso={oldest.created_at} />
        </span>
      )}
      {!isDone && (
        <button
          type="button"
          aria-disabled={busy === "more"}
          onClick={() => {
            reads.current = 0;
            void more(filtered);
          }}
        >
          {busy === "more" ? "Reading…" : filtered ? "Search further back" : "Load older deploys"}
        </button>
      )}
    </div>
  );
}
