# SPDX-License-Identifier: Apache-2.0
"""The logs of both Airflow lines are parsed into the same entries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from demo import task_log
from demo.follower import is_relevant, without_traceback
from demo.task_log import LogLine

TEXT = """\
[2026-11-23T03:39:18.771+0000] {airflow.task.operators.x.Op} INFO - hello
second line
[2026-11-23T03:39:18.789+0000] {airflow.task} ERROR - Task failed
[2026-11-23T03:39:19.0"""
JSON = [
    {
        "timestamp": "2026-11-23T03:39:18.771Z",
        "level": "info",
        "logger": "x.Op",
        "event": "hello\nsecond line",
    },
    {
        "timestamp": "2026-11-23T03:39:18.789Z",
        "level": "error",
        "logger": "task",
        "event": "Task failed",
        "error_detail": [{"exc_type": "ValueError", "exc_value": "bad", "frames": []}] * 2,
    },
]


def write(folder: Path, name: str, text: str) -> None:
    """Write a log file to Airflow's path for the task d.r.t."""
    place = folder / "dag_id=d" / "run_id=r" / "task_id=t"
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(text)


def read(folder: Path) -> list[LogLine]:
    """The log of the task d.r.t."""
    return task_log.read(folder, "d", "r", "t")


def test_text_of_airflow_2(tmp_path: Path) -> None:
    """Continuation lines belong to their entry; an unfinished line is left out."""
    write(tmp_path, "attempt=1.log", TEXT)
    first, second = read(tmp_path)
    assert (first.level, first.logger, first.message) == (
        "INFO",
        "airflow.task.operators.x.Op",
        "hello\nsecond line",
    )
    assert (second.level, second.message) == ("ERROR", "Task failed")


def test_json_of_airflow_3(tmp_path: Path) -> None:
    """The exceptions of an entry are part of its message, each once."""
    write(tmp_path, "attempt=1.log", "".join(json.dumps(entry) + "\n" for entry in JSON))
    first, second = read(tmp_path)
    assert (first.level, first.logger, first.message) == ("INFO", "x.Op", "hello\nsecond line")
    assert second.message == "Task failed\nValueError: bad"


def test_the_triggerers_part_is_in_time_order(tmp_path: Path) -> None:
    """The files of all tries and of the triggerer are one log in time order."""
    for name, second in (("attempt=1.log", 1), ("attempt=1.log.trigger.7.log", 2), ("attempt=2.log", 3)):
        entry = {"timestamp": f"2026-11-23T03:00:0{second}Z", "level": "info", "event": name}
        write(tmp_path, name, json.dumps(entry) + "\n")
    assert [line.message for line in read(tmp_path)] == [
        "attempt=1.log",
        "attempt=1.log.trigger.7.log",
        "attempt=2.log",
    ]


def test_no_log_yet(tmp_path: Path) -> None:
    """A task that has not begun has an empty log."""
    assert read(tmp_path) == []


@pytest.mark.parametrize(
    ("logger", "level", "shown"),
    [
        (
            "airflow.task.operators.airflow_rollback_provider.operators.rollback.RollbackOperator",
            "INFO",
            True,
        ),
        ("task", "INFO", False),
        ("task", "ERROR", True),
    ],
)
def test_which_lines_the_demo_shows(logger: str, level: str, shown: bool) -> None:
    """Those of this package, and errors."""
    assert is_relevant(LogLine("", level, logger, "")) is shown


def test_a_traceback_is_left_out() -> None:
    """The message before it and the exception itself remain."""
    message = (
        "Task failed\nTraceback (most recent call last):\n  File x.py, line 1, in f\n    g()\nValueError: bad"
    )
    assert without_traceback(message) == "Task failed\nValueError: bad"
    assert without_traceback("two\nlines") == "two\nlines"
