// SPDX-License-Identifier: Apache-2.0
// The layout of the chart: deploys from left (old) to right (new), a lane for each Runtime version, rollbacks as
// arcs. This module draws nothing.

import type { Deploy } from "../api/contract";
import { compareRuntimes, GROUPINGS } from "./versions";

export interface Lane {
  name: string;
  y: number;
}

export interface Mark {
  deploy: Deploy;
  x: number;
  y: number;
  /** Half of the distance to each neighbour: the part of the chart around it. */
  left: number;
  right: number;
}

/** The arc from a rollback to its target. If the target is not loaded, the arc leaves the chart on the left. */
export interface Arc {
  id: string;
  from: { x: number; y: number };
  to: { x: number; y: number };
  /** The y of its highest point. */
  top: number;
  open: boolean;
}

/** The running deploy, from one success to the next. */
export interface Span {
  x1: number;
  x2: number;
  y1: number;
  y2: number;
}

export interface Tick {
  x: number;
  day: string;
}

export interface Chart {
  width: number;
  height: number;
  lanes: Lane[];
  marks: Mark[];
  arcs: Arc[];
  spans: Span[];
  ticks: Tick[];
}

export const UNKNOWN_LANE = "not known";
export const LANE_HEIGHT = 26;
export const TOP = 40;
export const BOTTOM = 24;
const MOST_LANES = 7;
const EDGE = 22;
/** Room for a label on the right. */
const END = 46;
const SPACE = 20;
const SPACE_BETWEEN_DAYS = 92;

/**
 * @param rows the rows, newest first
 * @param width of the visible part; a wider chart scrolls
 * @param dayOf the day of a time, in the user's zone
 */
export function layOut(rows: readonly Deploy[], width: number, dayOf: (iso: string) => string): Chart {
  const deploys = [...rows].reverse();
  const runtimes = runtimesOf(deploys);
  const { lanes, laneOf } = makeLanes(runtimes);
  const xs = positions(deploys, width);
  const end = (xs.at(-1) ?? 0) + END;
  const marks = deploys.map((deploy, at) => ({
    deploy,
    x: xs[at]!,
    y: laneOf(runtimes[at]!).y,
    left: at ? (xs[at - 1]! + xs[at]!) / 2 : 0,
    right: at + 1 < xs.length ? (xs[at]! + xs[at + 1]!) / 2 : end,
  }));
  const height = TOP + lanes.length * LANE_HEIGHT + BOTTOM;
  return {
    width: Math.max(width, end),
    height,
    lanes,
    marks,
    arcs: arcsOf(marks),
    spans: spansOf(marks, Math.max(width, end)),
    ticks: ticksOf(marks, dayOf),
  };
}

/** The Runtime of each deploy. A deploy of Dags alone names none: it keeps the one before it. */
function runtimesOf(deploys: readonly Deploy[]): string[] {
  let before = deploys.find((deploy) => deploy.runtime)?.runtime ?? UNKNOWN_LANE;
  return deploys.map((deploy) => {
    const mine = deploy.runtime ?? before;
    if (deploy.status === "succeeded") before = mine;
    return mine;
  });
}

/** The latest Runtime on top. Many versions are grouped, so that all lanes are visible at once. */
function makeLanes(runtimes: readonly string[]): { lanes: Lane[]; laneOf: (runtime: string) => Lane } {
  const all = [...new Set(runtimes)].sort((one, other) => compareRuntimes(other, one));
  const group = GROUPINGS.find((by) => new Set(all.map(by)).size <= MOST_LANES) ?? GROUPINGS.at(-1)!;
  const names = [...new Set(all.map(group))];
  const lanes = names.map((name, at) => ({ name, y: TOP + at * LANE_HEIGHT + LANE_HEIGHT / 2 }));
  const byName = new Map(lanes.map((lane) => [lane.name, lane]));
  return { lanes, laneOf: (runtime) => byName.get(group(runtime))! };
}

/** Longer pauses get more room, but no two deploys overlap and no pause leaves the chart empty. */
function positions(deploys: readonly Deploy[], width: number): number[] {
  const times = deploys.map((deploy) => Date.parse(deploy.created_at));
  const pauses = times.slice(1).map((time, at) => Math.max(0, time - times[at]!));
  const usual = median(pauses) || 1;
  const shares = pauses.map((pause) => Math.min(2.5, Math.max(0.6, Math.sqrt(pause / usual))));
  const total = shares.reduce((sum, share) => sum + share, 0) || 1;
  const scale = Math.min(SPACE * 3, Math.max(SPACE, (width - EDGE - END) / total));
  let x = EDGE;
  return deploys.map((_, at) => (at ? (x += shares[at - 1]! * scale) : x));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function arcsOf(marks: readonly Mark[]): Arc[] {
  const byId = new Map(marks.map((mark) => [mark.deploy.id, mark]));
  return marks.flatMap((from) => {
    const { rollback, id } = from.deploy;
    if (!rollback) return [];
    const target = byId.get(rollback.target);
    const to = target ? { x: target.x, y: target.y } : { x: 0, y: from.y };
    const reach = Math.min(TOP - 8, 14 + (from.x - to.x) / 12);
    return [{ id, from: { x: from.x, y: from.y }, to, top: Math.min(from.y, to.y) - reach, open: !target }];
  });
}

function spansOf(marks: readonly Mark[], end: number): Span[] {
  const ran = marks.filter((mark) => mark.deploy.status === "succeeded");
  return ran.map((mark, at) => {
    const next = ran[at + 1];
    return { x1: mark.x, x2: next?.x ?? end, y1: mark.y, y2: next?.y ?? mark.y };
  });
}

/** One tick for each day, at its first deploy, if there is room. */
function ticksOf(marks: readonly Mark[], dayOf: (iso: string) => string): Tick[] {
  const ticks: Tick[] = [];
  let before = "";
  for (const { x, deploy } of marks) {
    const day = dayOf(deploy.created_at);
    if (day !== before && x - (ticks.at(-1)?.x ?? -Infinity) >= SPACE_BETWEEN_DAYS) ticks.push({ x, day });
    before = day;
  }
  return ticks;
}

/** The marks between two positions; there may be thousands outside. */
export function marksBetween(marks: readonly Mark[], from: number, to: number): readonly Mark[] {
  return marks.slice(firstFrom(marks, from), firstFrom(marks, to));
}

function firstFrom(marks: readonly Mark[], x: number): number {
  let [low, high] = [0, marks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (marks[middle]!.x < x) low = middle + 1;
    else high = middle;
  }
  return low;
}
