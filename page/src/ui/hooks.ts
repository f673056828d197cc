// SPDX-License-Identifier: Apache-2.0
// Small general hooks.

import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { readZone, watchZone, type ZoneKey } from "../host/zone";
import { type Clock, makeClock } from "../model/time";

const MINUTE = 60_000;

/** The latest value, for effects that must not run again when it changes. */
export function useLatest<T>(value: T): { readonly current: T } {
  const ref = useRef(value);
  useLayoutEffect(() => {
    ref.current = value;
  });
  return ref;
}

/** Put a text before the name of this Airflow in the tab's title; the title comes back at the end. */
export function useTitle(text: string): void {
  useEffect(() => {
    const before = document.title;
    document.title = `${text} - ${before.split(" - ").at(-1) || "Airflow"}`;
    return () => {
      document.title = before;
    };
  }, [text]);
}

/** Call a job repeatedly, one call after the other, while it is enabled and the tab is visible. */
export function usePoll(enabled: boolean, milliseconds: number, job: () => Promise<unknown>): void {
  const latest = useLatest(job);
  useEffect(() => {
    if (!enabled) return;
    let timer = 0;
    const next = () => {
      timer = window.setTimeout(() => void poll(), milliseconds);
    };
    let stopped = false;
    const poll = async () => {
      if (!document.hidden) await latest.current();
      if (!stopped) next();
    };
    next();
    return () => {
      stopped = true;
      window.clearTimeout(timer);
    };
  }, [enabled, milliseconds, latest]);
}

/** Call back when the user returns to this tab. */
export function useTabReturn(callback: () => void): void {
  const latest = useLatest(callback);
  useEffect(() => {
    const changed = () => {
      if (!document.hidden) latest.current();
    };
    document.addEventListener("visibilitychange", changed);
    return () => document.removeEventListener("visibilitychange", changed);
  }, [latest]);
}

/** A clock in the zone that the user chose in Airflow. Its current time is updated every minute. */
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
 * Call back when an element comes near to the visible part, or leaves it.
 *
 * @param margin the distance, in pixels
 */
export function useNear(element: { readonly current: Element | null }, margin: number, callback: (near: boolean) => void): void {
  const latest = useLatest(callback);
  useEffect(() => {
    const tracked = element.current;
    if (!tracked) return;
    // A margin counts only around the element that scrolls.
    const options = { root: scrollParent(tracked), rootMargin: `${margin}px 0px` };
    const observer = new IntersectionObserver((entries) => latest.current(entries.at(-1)!.isIntersecting), options);
    observer.observe(tracked);
    return () => observer.disconnect();
  }, [element, margin, latest]);
}

/** The element that scrolls the page: a part of Airflow around it, or null for the window. Sideways does not count. */
function scrollParent(element: Element): Element | null {
  const page = element.closest(".rbk") ?? element;
  for (let parent = page.parentElement; parent && parent !== document.body; parent = parent.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(parent).overflowY)) return parent;
  }
  return null;
}
