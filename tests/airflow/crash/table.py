# SPDX-License-Identifier: Apache-2.0
"""The table in docs/exactly-once.md: a row for each step, a column for each Airflow line."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from tests.airflow.crash.scene import Seen
from tests.airflow.crash.steps import ALL_STEPS

DOCUMENT = Path(__file__).parents[3] / "docs" / "exactly-once.md"
LINES = ("2.11", "3.3")
_BEGIN, _END = "<!-- crash tests: begin -->\n", "<!-- crash tests: end -->"
_HEAD = ("Killed", "When", "The next try", *(f"Airflow {line}" for line in LINES))
Column = dict[str, str]


def airflow_line() -> str:
    """Return the Airflow line of this environment, e.g. ``3.3``."""
    return ".".join(version("apache-airflow").split(".")[:2])


def cell(seen: Seen) -> str:
    """Return what the table says of a run that ended."""
    return (
        f"{_counted(seen.rollbacks, 'rollback', 's')}, {_counted(seen.tries, 'tr', 'ies', 'y')}, {seen.state}"
    )


def column(document: str, line: str) -> Column:
    """Return what a document says of a line: the cell for each row, the row by what it shares."""
    return {shared: cells[LINES.index(line)] for shared, cells in _rows(document).items()}


def expected(cells: dict[str, str]) -> Column:
    """Return a line's column, from the cell for each step's name."""
    return {_shared(step.killed, step.when, step.then): cells[step.name] for step in ALL_STEPS}


def with_column(document: str, line: str, new: Column) -> str:
    """Return the document with a line's column written anew; other lines keep what they have."""
    others = {other: column(document, other) for other in LINES}
    others[line] = new
    rows = [_HEAD, ("---",) * len(_HEAD)]
    rows += [(shared, *(others[other].get(shared, "not seen yet") for other in LINES)) for shared in new]
    before, rest = document.split(_BEGIN)
    after = rest.split(_END)[1]
    return before + _BEGIN + "".join(f"| {' | '.join(row)} |\n" for row in rows) + _END + after


def _rows(document: str) -> dict[str, tuple[str, ...]]:
    table = document.split(_BEGIN)[1].split(_END)[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return {" | ".join(row[:3]): tuple(row[3:]) for row in rows}


def _shared(*words: str) -> str:
    return " | ".join(words)


def _counted(number: int, noun: str, many: str, one: str = "") -> str:
    return f"{number} {noun}{one if number == 1 else many}"
