# SPDX-License-Identifier: Apache-2.0
"""The table in docs/exactly-once.md: a row for each step, a column for each Airflow line."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from tests.airflow.crash.steps import ALL_STEPS, Step

DOCUMENT = Path(__file__).parents[3] / "docs" / "exactly-once.md"
LINES = ("2.11", "3.3")
_BEGIN, _END = "<!-- crash tests: begin -->\n", "<!-- crash tests: end -->"
_HEAD = ("Killed", "When", "The next try", *(f"Airflow {line}" for line in LINES))
Column = dict[str, str]


def airflow_line() -> str:
    """Return the Airflow line of this environment, e.g. ``3.3``."""
    return ".".join(version("apache-airflow").split(".")[:2])


def cell(step: Step) -> str:
    """Return the table's text for a step that passed."""
    rollbacks, tries = len(step.targets), step.tries
    return f"{_counted(rollbacks, 'rollback', 's')}, {_counted(tries, 'tr', 'ies', 'y')}, {step.state}"


def column(document: str, line: str) -> Column:
    """Return what a document says of a line: the cell for each row, the row by what it shares."""
    return {shared: cells[LINES.index(line)] for shared, cells in _rows(document).items()}


def expected() -> Column:
    """Return the column of a line on which every step passed."""
    return {_shared(step.killed, step.when, step.then): cell(step) for step in ALL_STEPS}


def with_column(document: str, line: str) -> str:
    """Return the document with a line's column written anew; other lines keep what they have."""
    new = expected()
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
