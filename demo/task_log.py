# SPDX-License-Identifier: Apache-2.0
"""Reads the log files of tasks: JSON lines on Airflow 3, formatted text on Airflow 2."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from pathlib import Path

# The format that airflow_settings configures.
_TEXT_LINE = re.compile(r"\[(?P<time>[^]]+)\] \{(?P<logger>[^}]+)\} (?P<level>[A-Z]+) - (?P<message>.*)")
# The titles of the process that runs a task's code, in Airflow 2 and 3.
_TASK_TITLE = re.compile(r"airflow (task runner: |worker -- [0-9a-f]{8}-)")


@dataclass(frozen=True)
class LogLine:
    """One entry of a task's log; the message may have several lines."""

    time: str
    level: str
    logger: str
    message: str


def read(folder: Path, dag_id: str, run_id: str, task_id: str) -> list[LogLine]:
    """Return the entries of all tries of a task, in time order; an unfinished line is left out."""
    place = folder / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
    entries = [entry for file in sorted(place.glob("attempt=*.log*")) for entry in _entries(file)]
    return sorted(entries, key=lambda entry: entry.time)


def runs_a_task(process: psutil.Process) -> bool:
    """Return whether a process runs a task's code, by its title."""
    try:
        return bool(_TASK_TITLE.match(" ".join(process.cmdline())))
    except psutil.Error:
        return False


def _entries(file: Path) -> list[LogLine]:
    text = file.read_text(encoding="utf-8", errors="replace")
    entries: list[LogLine] = []
    for line in text[: text.rfind("\n") + 1].splitlines():
        entry = _from_json(line) or _from_text(line)
        if entry is not None:
            entries.append(entry)
        elif entries:
            entries[-1] = _continued(entries[-1], line)
    return entries


def _from_json(line: str) -> LogLine | None:
    if not line.startswith("{"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return LogLine(
        time=str(entry.get("timestamp", "")),
        level=str(entry.get("level", "")).upper(),
        logger=str(entry.get("logger", "")),
        message="\n".join([str(entry.get("event", "")), *_causes(entry)]),
    )


def _causes(entry: dict[str, Any]) -> list[str]:
    """Return the exceptions of an entry without their tracebacks."""
    errors = entry.get("error_detail") or ()
    # A cause that was raised again has the same text.
    return list(dict.fromkeys(f"{error.get('exc_type')}: {error.get('exc_value')}" for error in errors))


def _from_text(line: str) -> LogLine | None:
    match = _TEXT_LINE.match(line)
    return LogLine(**match.groupdict()) if match else None


def _continued(entry: LogLine, line: str) -> LogLine:
    return LogLine(entry.time, entry.level, entry.logger, f"{entry.message}\n{line}")
