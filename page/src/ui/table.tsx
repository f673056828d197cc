// SPDX-License-Identifier: Apache-2.0
// The deploys, newest first, as a table of chunks. A chunk far from the visible part drops its rows and keeps its
// height, so that ten thousand deploys cost as much as a hundred.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Deploy } from "../api/contract";
import { useNear, useWidth } from "./hooks";
import { Row, type RowActions } from "./row";

/** The first chunk, with the latest deploys, is drawn at once. */
const CHUNK = 50;
const NEAR = 1500;
const USUAL_ROW_HEIGHT = 64;

type Column = [name: string, width: string];

const BEGIN: Column[] = [
  ["When", "9.6em"],
  ["By", "9.6em"],
  ["Description", "auto"],
];
const END: Column[] = [
  ["Status", "8em"],
  ["Roll back", "11em"],
];
/** The columns that fold into one when there is little room. */
const RELEASE: Column[] = [
  ["Image tag", "10em"],
  ["Runtime", "8em"],
  ["Type", "7em"],
  ["Dag bundle", "8em"],
  ["Commit", "6.4em"],
];
const FOLDED: Column[] = [...BEGIN, ["Release", "15em"], ...END];

/** The widths, in pixels, from which the list is a table, and from which no column is folded. */
const TABLE_FROM = 864;
const ALL_FROM = 1200;

/** Cards, a table with a column for the whole release, or one with all columns. */
export type Layout = "cards" | "folded" | "full";

const layoutFor = (width: number): Layout => (width < TABLE_FROM ? "cards" : width < ALL_FROM ? "folded" : "full");

interface Props {
  rows: readonly Deploy[];
  /** The number of rows; -1 if there are more to load. */
  total: number;
  actions: RowActions;
  /** The row to scroll to, and a number that grows with each request. */
  requested: { id: string; times: number } | null;
}

export function DeployTable({ rows, total, actions, requested }: Props) {
  const chunks = useMemo(() => inChunks(rows), [rows]);
  const hasBundles = useMemo(() => rows.some((row) => row.dag_bundle), [rows]);
  // A row that moves to another chunk later must not take the focus again.
  const revealed = useRef<Props["requested"]>(null);
  const [measure, width] = useWidth<HTMLDivElement>();
  const layout = layoutFor(width);
  const columns = layout === "full" ? [...BEGIN, ...RELEASE.filter(([name]) => hasBundles || name !== "Dag bundle"), ...END] : FOLDED;
  return (
    <div className={`rbk-table rbk-${layout}`} ref={measure}>
      {/* The roles are for cards: a browser drops those of a table that is not laid out as one. */}
      <table role="table" aria-label="Deploys, newest first" aria-rowcount={total < 0 ? -1 : total + 1}>
        <colgroup>
          {columns.map(([name, width]) => (
            <col key={name} style={{ width }} />
          ))}
        </colgroup>
        <thead role="rowgroup">
          <tr role="row" aria-rowindex={1}>
            {columns.map(([name]) => (
              <th key={name} role="columnheader" scope="col">
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
            layout={layout}
            columns={columns.length}
            hasBundles={hasBundles}
            revealed={revealed}
            requested={requested && chunk.some((row) => row.id === requested.id) ? requested : null}
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
  layout: Layout;
  columns: number;
  hasBundles: boolean;
  /** The last row that was scrolled to. */
  revealed: { current: Props["requested"] };
  requested: Props["requested"];
}

function Chunk({ rows, first, actions, layout, columns, hasBundles, revealed, requested }: ChunkProps) {
  const body = useRef<HTMLTableSectionElement | null>(null);
  const [isNear, setNear] = useState(first === 0);
  const height = useRef<number | null>(null);
  useNear(body, NEAR, setNear);
  useReveal(body, revealed, requested);

  // A row with the focus stays: to unmount it would lose the focus.
  const isShown = isNear || requested !== null || Boolean(body.current?.contains(document.activeElement));
  useLayoutEffect(() => {
    if (isShown) height.current = body.current!.getBoundingClientRect().height;
  });
  return (
    <tbody ref={body} role="rowgroup">
      {isShown ? (
        rows.map((row, at) => (
          <Row key={row.id} deploy={row} index={first + at + 2} actions={actions} layout={layout} hasBundles={hasBundles} />
        ))
      ) : (
        <tr aria-hidden="true" style={{ height: `${height.current ?? rows.length * USUAL_ROW_HEIGHT}px` }}>
          <td colSpan={columns} />
        </tr>
      )}
    </tbody>
  );
}

function useReveal(body: { readonly current: Element | null }, revealed: ChunkProps["revealed"], requested: Props["requested"]) {
  useEffect(() => {
    if (!requested || revealed.current === requested) return;
    revealed.current = requested;
    const row = body.current?.querySelector<HTMLElement>(`[data-deploy="${CSS.escape(requested.id)}"]`);
    row?.scrollIntoView({ block: "center" });
    row?.focus({ preventScroll: true });
  }, [body, revealed, requested]);
}
