// SPDX-License-Identifier: Apache-2.0
// The deploys, newest first, as a table of chunks. A chunk that is far from what is seen gives its rows up and
// keeps its height, so that ten thousand deploys weigh as much as a hundred.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Deploy } from "../api/contract";
import { useNear } from "./hooks";
import { Row, type RowActions } from "./row";

/** The first chunk is drawn at once: the latest deploys, which people came for. */
const CHUNK = 50;
const NEAR = 1500;
const USUAL_ROW_HEIGHT = 64;

const BUNDLE = "Dag bundle";
const COLUMNS: [name: string, width: string][] = [
  ["When", "9.6em"],
  ["Who", "9em"],
  ["Description", "auto"],
  ["Type", "7em"],
  ["Image tag", "8.4em"],
  ["Runtime", "6.4em"],
  [BUNDLE, "7em"],
  ["Commit", "5.6em"],
  ["Status", "7.4em"],
  ["Roll back", "18.5em"],
];

interface Props {
  rows: readonly Deploy[];
  /** How many there are at least; -1 when more are to be read. */
  total: number;
  actions: RowActions;
  /** The row to bring into view, and a number that grows each time it is asked for. */
  wanted: { id: string; times: number } | null;
}

export function DeployTable({ rows, total, actions, wanted }: Props) {
  const chunks = useMemo(() => inChunks(rows), [rows]);
  const hasBundles = useMemo(() => rows.some((row) => row.dag_bundle), [rows]);
  // A row that moves to another chunk later, as rows come and go, must not take the focus once more.
  const brought = useRef<Props["wanted"]>(null);
  const columns = hasBundles ? COLUMNS : COLUMNS.filter(([name]) => name !== BUNDLE);
  return (
    <div className="rbk-table">
      <table aria-label="Deploys, newest first" aria-rowcount={total < 0 ? -1 : total + 1}>
        <colgroup>
          {columns.map(([name, width]) => (
            <col key={name} style={{ width }} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map(([name]) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        {chunks.map((chunk, at) => (
          <Chunk
            key={at}
            rows={chunk}
            first={at * CHUNK}
            actions={actions}
            hasBundles={hasBundles}
            brought={brought}
            wanted={wanted && chunk.some((row) => row.id === wanted.id) ? wanted : null}
          />
        ))}
      </table>
    </div>
  );
}

const inChunks = (rows: readonly Deploy[]): (readonly Deploy[])[] =>
  Array.from({ length: Math.ceil(rows.length / CHUNK) }, (_, at) => rows.slice(at * CHUNK, (at + 1) * CHUNK));

interface ChunkProps {
  rows: readonly Deploy[];
  first: number;
  actions: RowActions;
  hasBundles: boolean;
  /** What was brought into view last. */
  brought: { current: Props["wanted"] };
  wanted: Props["wanted"];
}

function Chunk({ rows, first, actions, hasBundles, brought, wanted }: ChunkProps) {
  const body = useRef<HTMLTableSectionElement | null>(null);
  const [isNear, setNear] = useState(first === 0);
  const height = useRef<number | null>(null);
  useNear(body, NEAR, setNear);
  useBringIntoView(body, brought, wanted);

  // Who is in a row keeps it: unmounting would lose the focus.
  const isShown = isNear || wanted !== null || Boolean(body.current?.contains(document.activeElement));
  useLayoutEffect(() => {
    if (isShown) height.current = body.current!.getBoundingClientRect().height;
  });
  return (
    <tbody ref={body}>
      {isShown ? (
        rows.map((row, at) => (
          <Row key={row.id} deploy={row} index={first + at + 2} actions={actions} hasBundles={hasBundles} />
        ))
      ) : (
        <tr aria-hidden="true" style={{ height: `${height.current ?? rows.length * USUAL_ROW_HEIGHT}px` }}>
          <td colSpan={COLUMNS.length} />
        </tr>
      )}
    </tbody>
  );
}

function useBringIntoView(body: { readonly current: Element | null }, brought: ChunkProps["brought"], wanted: Props["wanted"]) {
  useEffect(() => {
    if (!wanted || brought.current === wanted) return;
    brought.current = wanted;
    const row = body.current?.querySelector<HTMLElement>(`[data-deploy="${CSS.escape(wanted.id)}"]`);
    row?.scrollIntoView({ block: "center" });
    row?.focus({ preventScroll: true });
  }, [body, brought, wanted]);
}
