// SPDX-License-Identifier: Apache-2.0
// Small hooks that know nothing of deploys.

import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { readZone, watchZone, type ZoneKey } from "../host/zone";
import { type Clock, makeClock } from "../model/time";

const MINUTE = 60_000;

/** The latest version of a function that effects can call without being set up anew. */
export function useLatest<T>(value: T): { readonly current: T } {
  const ref = useRef(value);
  useLayoutEffect(() => {
    ref.current = value;
  });
  return ref;
}

/** Call again and again, one call after the other, while it is wanted and somebody looks. */
export function usePoll(wanted: boolean, milliseconds: number, job: () => Promise<unknown>): void {
  const latest = useLatest(job);
  useEffect(() => {
    if (!wanted) return;
    let timer = 0;
    const next = () => {
      timer = window.setTimeout(() => void look(), milliseconds);
    };
    let stopped = false;
    const look = async () => {
      if (!document.hidden) await latest.current();
      if (!stopped) next();
    };
    next();
    return () => {
      stopped = true;
      window.clearTimeout(timer);
    };
  }, [wanted, milliseconds, latest]);
}

/** Tell when a person comes back to this tab. */
export function useReturn(told: () => void): void {
  const latest = useLatest(told);
  useEffect(() => {
    const changed = () => {
      if (!document.hidden) latest.current();
    };
    document.addEventListener("visibilitychange", changed);
    return () => document.removeEventListener("visibilitychange", changed);
  }, [latest]);
}

/** A clock in the zone that the person chose in Airflow. Its present moves on by the minute. */
export function useClock(key: ZoneKey): Clock {
  const [zone, setZone] = useState(() => readZone(key));
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => watchZone(() => setZone(readZone(key))), [key]);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), MINUTE);
    return () => window.clearInterval(timer);
  }, []);
  return useMemo(() => makeClock(zone, now), [zone, now]);
}

/** The width of an element, as it changes. */
export function useWidth<T extends HTMLElement>(): [ref: (element: T | null) => void, width: number] {
  const [width, setWidth] = useState(0);
  const observer = useRef<ResizeObserver | null>(null);
  const ref = useCallback((element: T | null) => {
    observer.current?.disconnect();
    if (!element) return;
    setWidth(element.clientWidth);
    observer.current = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.current.observe(element);
  }, []);
  return [ref, width];
}

/**
 * Tell whenever an element comes near to what is seen, or leaves.
 *
 * @param margin how near, in pixels
 */
export function useNear(element: { readonly current: Element | null }, margin: number, told: (near: boolean) => void): void {
  const latest = useLatest(told);
  useEffect(() => {
    const watched = element.current;
    if (!watched) return;
    // A margin counts only around the element that scrolls.
    const options = { root: scrollParent(watched), rootMargin: `${margin}px 0px` };
    const observer = new IntersectionObserver((entries) => latest.current(entries.at(-1)!.isIntersecting), options);
    observer.observe(watched);
    return () => observer.disconnect();
  }, [element, margin, latest]);
}

/** What scrolls the page: the window, or a part of Airflow around us. A table that scrolls sideways is none. */
function scrollParent(element: Element): Element | null {
  const page = element.closest(".rbk") ?? element;
  for (let parent = page.parentElement; parent && parent !== document.body; parent = parent.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(parent).overflowY)) return parent;
  }
  return null;
}
