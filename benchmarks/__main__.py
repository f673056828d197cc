# SPDX-License-Identifier: Apache-2.0
"""Print all figures, or the named ones."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import history, imports, judge, page, requests_per_rollback, waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BENCHMARKS: dict[str, Callable[[], Iterator[str]]] = {
    "imports": imports.run,
    "requests": requests_per_rollback.run,
    "history": history.run,
    "page": page.run,
    "waits": waits.run,
    "judge": judge.run,
}


def main(names: list[str]) -> int:
    """Run the benchmarks of these names, all by default."""
    unknown = set(names) - BENCHMARKS.keys()
    if unknown:
        print(
            f"No such benchmark: {', '.join(sorted(unknown))}. There are: {', '.join(BENCHMARKS)}.",
            file=sys.stderr,
        )
        return 2
    for name in names or BENCHMARKS:
        print(f"\n== {name}")
        for line in BENCHMARKS[name]():
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
