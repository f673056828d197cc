// SPDX-License-Identifier: Apache-2.0
// Times as text, in the user's zone and in UTC.

/** Formats times for one zone, relative to one moment. */
export interface Clock {
  zone: string;
  /** 2026-11-23 16:04 */
  stamp(iso: string): string;
  /** 23 Nov 2026 */
  day(iso: string): string;
  /** 2 h ago */
  ago(iso: string): string;
}

const UNITS: [seconds: number, name: string][] = [
  [365 * 86400, "y"],
  [30 * 86400, "mo"],
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
];

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export function makeClock(zone: string, now: number): Clock {
  const format = formatter(zone);
  const read = (iso: string) => {
    const part = Object.fromEntries(format.formatToParts(new Date(iso)).map(({ type, value }) => [type, value]));
    return part as Record<"year" | "month" | "day" | "hour" | "minute", string>;
  };
  return {
    zone: format.resolvedOptions().timeZone,
    stamp: (iso) => {
      const { year, month, day, hour, minute } = read(iso);
      return `${year}-${month}-${day} ${hour}:${minute}`;
    },
    day: (iso) => {
      const { year, month, day } = read(iso);
      return `${Number(day)} ${MONTHS[Number(month) - 1]} ${year}`;
    },
    ago: (iso) => ago((now - Date.parse(iso)) / 1000),
  };
}

export const utc = (iso: string): string => `${new Date(iso).toISOString().slice(0, 19).replace("T", " ")} UTC`;

function ago(seconds: number): string {
  const unit = UNITS.find(([length]) => seconds >= length);
  return unit ? `${Math.floor(seconds / unit[0])} ${unit[1]} ago` : "just now";
}

/** For a zone that the browser does not support (an old name in a user's settings), use the browser's own. */
function formatter(zone: string): Intl.DateTimeFormat {
  const options = {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  } as const;
  try {
    return new Intl.DateTimeFormat("en-US", { ...options, timeZone: zone });
  } catch {
    return new Intl.DateTimeFormat("en-US", options);
  }
}
