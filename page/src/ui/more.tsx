// SPDX-License-Identifier: Apache-2.0
// The end of the list: reads on as one scrolls there, and says how far back one has seen.

import { useEffect, useRef, useState } from "react";
import { Time } from "./parts";
import { useNear } from "./hooks";
import type { HistoryReader } from "./use-history";

const NEAR = 800;
/** A filter that fits little must not read a whole history of years without being asked: some 10,000 deploys. */
const MOST_AT_ONCE = 10;

interface Props {
  history: HistoryReader;
  /** How many rows the filters leave. */
  shown: number;
  filtered: boolean;
  /** Changes with the filters: somebody asked anew. */
  question: unknown;
}

export function More({ history, shown, filtered, question }: Props) {
  const { known, busy, problem, more } = history;
  const end = useRef<HTMLDivElement | null>(null);
  const [isNear, setNear] = useState(false);
  const reads = useRef(0);
  useNear(end, NEAR, setNear);
  useEffect(() => {
    reads.current = 0;
  }, [shown, question]);

  const read = known?.rows.length ?? 0;
  const isDone = !known?.cursor;
  useEffect(() => {
    if (!isNear || isDone || busy || problem || reads.current >= MOST_AT_ONCE) return;
    reads.current++;
    void more(filtered);
  }, [isNear, isDone, busy, problem, read, question, filtered, more]);

  const oldest = known?.rows.at(-1);
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
