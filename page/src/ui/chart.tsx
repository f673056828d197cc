// SPDX-License-Identifier: Apache-2.0
// The deploys over time. A button for each deploy lies over the drawing, so that it can be clicked, reached by
// keyboard and read by a screen reader. Only the part near to the window is drawn.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Deploy } from "../api/contract";
import { type Arc, BOTTOM, LANE_HEIGHT, layOut, type Mark, marksBetween, type Chart, type Tick, TOP } from "../model/chart";
import type { Clock } from "../model/time";
import { isolated, nameOf } from "../model/labels";
import { usePageContext } from "./context";
import { useWidth } from "./hooks";

const STRIDE = 400;
const HALF_A_DATE = 34;

const px = (length: number): string => `${length}px`;

interface Props {
  rows: readonly Deploy[];
  /** The rows after the filters; the others are drawn faint. */
  shown: readonly Deploy[];
  choose: (deploy: Deploy) => void;
  more: () => void;
}

export function ChartCard({ rows, shown, choose, more }: Props) {
  const { clock } = usePageContext();
  const [measure, width] = useWidth<HTMLDivElement>();
  const chart = useMemo(() => layOut(rows, width, clock.day), [rows, width, clock.zone]);
  const faint = useMemo(() => faintIn(rows, shown), [rows, shown]);
  const scroller = useRef<HTMLDivElement | null>(null);
  const [left, setLeft] = useState(0);
  const [pointed, setPointed] = useState<Deploy | null>(null);
  const keepDistance = useDistanceFromTheRight(scroller, chart.width);

  const scrolled = (at: number) => {
    keepDistance(at);
    setLeft(Math.floor(at / STRIDE) * STRIDE);
    if (at < STRIDE && chart.width > width) more();
  };
  const ref = useMemo(() => (element: HTMLDivElement | null) => {
    scroller.current = element;
    measure(element);
  }, [measure]);
  const window: [number, number] = [left - STRIDE, left + width + 2 * STRIDE];

  return (
    <section className="rbk-card rbk-chart" aria-labelledby="rbk-chart">
      <div className="rbk-row">
        <h2 id="rbk-chart">Deploys over time</h2>
        <Legend />
      </div>
      <div className="rbk-lanes-and-chart">
        <ol className="rbk-lanes" aria-label="Runtime versions, newest first" style={{ height: px(chart.height) }}>
          {chart.lanes.map(({ name, y }) => (
            <li key={name} style={{ top: px(y - LANE_HEIGHT / 2), height: px(LANE_HEIGHT) }}>
              {name}
            </li>
          ))}
        </ol>
        <div className="rbk-scroller" ref={ref} onScroll={(event) => scrolled(event.currentTarget.scrollLeft)}>
          <div style={{ width: px(chart.width), height: px(chart.height) }} onMouseLeave={() => setPointed(null)}>
            <Drawing chart={chart} window={window} faint={faint} pointed={pointed} />
            <Buttons {...{ chart, window, choose, point: setPointed }} />
          </div>
        </div>
      </div>
      <p className="rbk-details" aria-hidden="true">
        {pointed ? summary(pointed, clock) : "Point at a deploy or move with the arrow keys; click or press Enter to find it in the table."}
      </p>
    </section>
  );
}

function faintIn(rows: readonly Deploy[], shown: readonly Deploy[]): ReadonlySet<string> {
  if (shown.length === rows.length) return new Set();
  const ids = new Set(shown.map((row) => row.id));
  return new Set(rows.filter((row) => !ids.has(row.id)).map((row) => row.id));
}

/** Older deploys are added on the left, so the visible part keeps its distance from the right. */
function useDistanceFromTheRight(scroller: { readonly current: HTMLElement | null }, width: number) {
  const distance = useRef(0);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element) element.scrollLeft = width - element.clientWidth - distance.current;
  }, [scroller, width]);
  return (left: number) => {
    distance.current = width - (scroller.current?.clientWidth ?? 0) - left;
  };
}

const summary = (deploy: Deploy, clock: Clock): string =>
  [
    isolated(nameOf(deploy)),
    deploy.runtime && `Runtime ${deploy.runtime}`,
    `${clock.stamp(deploy.created_at)}${deploy.created_by ? ` by ${isolated(deploy.created_by)}` : ""}`,
    deploy.rollback ? `rollback, ${deploy.status}` : deploy.status,
    deploy.rolled_back_by && "rolled back from",
    deploy.description && `“${isolated(deploy.description)}”`,
    deploy.can_roll_back ? "can be rolled back to" : deploy.reasons[0]?.reason,
  ]
    .filter(Boolean)
    .join(" · ");

// -- the drawing -------------------------------------------------------------------------------------------

interface DrawingProps {
  chart: Chart;
  window: [number, number];
  faint: ReadonlySet<string>;
  pointed: Deploy | null;
}

function Drawing({ chart, window: [from, to], faint, pointed }: DrawingProps) {
  const isVisible = (x1: number, x2: number) => x2 >= from && x1 <= to;
  const lowest = chart.height - BOTTOM;
  return (
    <svg width={chart.width} height={chart.height} aria-hidden="true" focusable="false">
      {chart.lanes.map(({ name, y }) => (
        <line key={name} className="rbk-lane" x1={0} x2={chart.width} y1={y} y2={y} />
      ))}
      {dated(chart.ticks)
        .filter(({ x }) => isVisible(x, x))
        .map(({ x, words }) => (
          <g key={x} className="rbk-tick">
            <line x1={x} x2={x} y1={TOP} y2={lowest + 4} />
            <text x={Math.max(x, HALF_A_DATE)} y={chart.height - 7}>
              {words}
            </text>
          </g>
        ))}
      {chart.spans
        .filter(({ x1, x2 }) => isVisible(x1, x2))
        .map(({ x1, x2, y1, y2 }) => (
          <path key={x1} className="rbk-span" d={`M${x1} ${y1}H${x2}V${y2}`} />
        ))}
      {chart.arcs.filter((arc) => isVisible(arc.to.x, arc.from.x)).map((arc) => <ArcBack key={arc.id} arc={arc} />)}
      {marksBetween(chart.marks, from, to).map((mark) => (
        <MarkShape
          key={mark.deploy.id}
          mark={mark}
          isFaint={faint.has(mark.deploy.id)}
          isPointed={mark.deploy === pointed}
        />
      ))}
      <Now marks={chart.marks} />
    </svg>
  );
}

/** The day, with its year if that changes. */
const dated = (ticks: readonly Tick[]): { x: number; words: string }[] =>
  ticks.map(({ x, day }, at) => ({ x, words: ticks[at - 1]?.day.slice(-4) === day.slice(-4) ? day.slice(0, -5) : day }));

function ArcBack({ arc: { from, to, top, open } }: { arc: Arc }) {
  // It ends a little above its target.
  const end = { x: to.x, y: open ? to.y : to.y - 8 };
  const control = `${from.x} ${2 * top - from.y},${to.x} ${2 * top - to.y}`;
  return (
    <g className="rbk-arc">
      <path d={`M${from.x} ${from.y - 7}C${control},${end.x} ${end.y}`} />
      {!open && <path className="rbk-arrow" d={`M${end.x - 4} ${end.y - 6}L${end.x} ${end.y}L${end.x + 4} ${end.y - 6}`} />}
    </g>
  );
}

/** The label of the running deploy: beside it if it is the latest, else above it and over its neighbours. */
function Now({ marks }: { marks: readonly Mark[] }) {
  const at = marks.findIndex(({ deploy }) => deploy.runs_now);
  const mark = marks[at];
  if (!mark) return null;
  const isLatest = at === marks.length - 1;
  return (
    <text className="rbk-now" x={mark.x + (isLatest ? 14 : 0)} y={mark.y + (isLatest ? 4 : -18)} data-latest={isLatest}>
      now
    </text>
  );
}

interface MarkProps {
  mark: Mark;
  isFaint: boolean;
  isPointed: boolean;
}

function MarkShape({ mark: { deploy, x, y }, isFaint, isPointed }: MarkProps) {
  const classes = [
    "rbk-mark",
    `rbk-${deploy.status.replace(" ", "-")}`,
    deploy.rolled_back_by && "rbk-superseded",
    deploy.rollback && "rbk-rollback",
    isFaint && "rbk-faint",
    isPointed && "rbk-pointed",
  ];
  return (
    <g className={classes.filter(Boolean).join(" ")} transform={`translate(${x} ${y})`}>
      {deploy.runs_now && <circle className="rbk-ring" r={9} />}
      {shapeOf(deploy)}
    </g>
  );
}

function shapeOf(deploy: Deploy) {
  if (deploy.status === "failed") return <path d="M-4 -4L4 4M4 -4L-4 4" />;
  if (deploy.rollback) return <path d="M0 -6.5L6.5 0L0 6.5L-6.5 0Z" />;
  return <circle r={5} />;
}

// -- the buttons -------------------------------------------------------------------------------------------

interface ButtonsProps {
  chart: Chart;
  window: [number, number];
  choose: (deploy: Deploy) => void;
  point: (deploy: Deploy) => void;
}

/** One tab stop; the arrow keys move between the deploys. */
function Buttons({ chart: { marks, height }, window: [from, to], choose, point }: ButtonsProps) {
  const { clock } = usePageContext();
  const [stop, setStop] = useState<string | null>(null);
  const [moved, setMoved] = useState(0);
  const group = useRef<HTMLDivElement | null>(null);
  const at = Math.max(0, stop ? marks.findIndex((mark) => mark.deploy.id === stop) : marks.length - 1);
  const visible = marksBetween(marks, from, to);
  const current = marks[at];
  const drawn = current && !visible.includes(current) ? [current, ...visible] : visible;

  useEffect(() => {
    if (moved) group.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus();
  }, [moved]);

  const move = (event: { key: string; preventDefault(): void }) => {
    const steps: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: marks.length - 1 };
    const next = marks[steps[event.key] ?? -1];
    if (!next) return;
    event.preventDefault();
    setStop(next.deploy.id);
    setMoved(moved + 1);
  };

  return (
    <div ref={group} role="group" aria-label={`${marks.length} deploys, oldest first; arrow keys move`} onKeyDown={move}>
      {drawn.map(({ deploy, left, right }) => (
        <button
          key={deploy.id}
          type="button"
          className="rbk-target"
          style={{ left: px(left), width: px(right - left), height: px(height - BOTTOM) }}
          tabIndex={deploy === current?.deploy ? 0 : -1}
          aria-label={summary(deploy, clock)}
          onMouseEnter={() => point(deploy)}
          onFocus={() => point(deploy)}
          onClick={() => {
            setStop(deploy.id);
            choose(deploy);
          }}
        />
      ))}
    </div>
  );
}

const LEGEND: [classes: string, shape: "dot" | "diamond" | "cross", words: string][] = [
  ["rbk-succeeded", "dot", "succeeded"],
  ["rbk-failed", "cross", "failed"],
  ["rbk-in-progress", "dot", "in progress"],
  ["rbk-succeeded rbk-rollback", "diamond", "rollback, with its arc back"],
  ["rbk-succeeded rbk-superseded", "dot", "rolled back from"],
];

const Legend = () => (
  <ul className="rbk-legend" aria-hidden="true">
    {LEGEND.map(([classes, shape, words]) => (
      <li key={words}>
        <svg width={16} height={16} viewBox="-8 -8 16 16" focusable="false">
          <g className={`rbk-mark ${classes}`}>
            {shape === "dot" && <circle r={5} />}
            {shape === "cross" && <path d="M-4 -4L4 4M4 -4L-4 4" />}
            {shape === "diamond" && <path d="M0 -6.5L6.5 0L0 6.5L-6.5 0Z" />}
          </g>
        </svg>
        {words}
      </li>
    ))}
  </ul>
);
