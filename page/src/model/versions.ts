// SPDX-License-Identifier: Apache-2.0
// The order of Runtime versions, and their groups for a chart with too many of them.
// Airflow 3 is in Runtime 3.1-12, Airflow 2 in Runtime 12.7.1: the newer style has a dash and is always newer.

const numbers = (version: string): number[] => (version.match(/\d+/g) ?? []).map(Number);

const isNewStyle = (version: string): boolean => /^\d+\.\d+-\d/.test(version);

/** Sort from old to new. */
export function compareRuntimes(one: string, other: string): number {
  if (isNewStyle(one) !== isNewStyle(other)) return isNewStyle(one) ? 1 : -1;
  const [mine, theirs] = [numbers(one), numbers(other)];
  for (let at = 0; at < Math.max(mine.length, theirs.length); at++) {
    const difference = (mine[at] ?? 0) - (theirs[at] ?? 0);
    if (difference) return difference;
  }
  return one < other ? -1 : Number(one > other);
}

/** 3.1-12 and 12.7.1 unchanged, by series (3.1, 12.7), or by major version (3.x, 12.x). */
export const GROUPINGS: ((runtime: string) => string)[] = [
  (runtime) => runtime,
  (runtime) => numbers(runtime).slice(0, 2).join(".") || runtime,
  (runtime) => (numbers(runtime).length ? `${numbers(runtime)[0]}.x` : runtime),
];
