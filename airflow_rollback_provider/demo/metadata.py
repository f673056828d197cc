# SPDX-License-Identifier: Apache-2.0
"""Reads Airflow's metadata database from outside: the few columns that are the same from Airflow 2.10 to 3.3.

Airflow's own command line answers the same questions and takes five seconds for each.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS_FOR_A_LOCK = 10.0


@dataclass(frozen=True)
class TaskState:
    """One task instance: its state (``None`` before it is scheduled) and which try it is at."""

    task_id: str
    state: str | None
    try_number: int


class Metadata:
    """The SQLite database of a throw-away Airflow.

    :param file: the database.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def allow_readers_beside_writers(self) -> None:
        """Switch to write-ahead logging, as Airflow 3 does by itself; the file remembers."""
        with contextlib.closing(sqlite3.connect(self._file)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")

    def running_jobs(self) -> set[str]:
        """Return the types of the jobs that say they run, e.g. ``SchedulerJob``."""
        return {row[0] for row in self._rows("SELECT job_type FROM job WHERE state = 'running'")}

    def has_dag(self, dag_id: str) -> bool:
        """Tell whether the Dag was parsed and stored."""
        return bool(self._rows("SELECT 1 FROM serialized_dag WHERE dag_id = ?", dag_id))

    def import_errors(self) -> str:
        """Return what Airflow could not import, or an empty string."""
        rows = self._rows("SELECT filename, stacktrace FROM import_error")
        return "\n".join(f"{filename}:\n{trace}" for filename, trace in rows)

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """Return the state of a Dag run, ``None`` while there is none."""
        rows = self._rows("SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?", dag_id, run_id)
        return rows[0][0] if rows else None

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Return the task instances of a Dag run."""
        query = "SELECT task_id, state, try_number FROM task_instance WHERE dag_id = ? AND run_id = ?"
        return [TaskState(*row) for row in self._rows(query, dag_id, run_id)]

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return a value that a task left, ``None`` when there is none."""
        query = "SELECT value FROM xcom WHERE dag_id = ? AND run_id = ? AND task_id = ? AND key = ?"
        rows = self._rows(query, dag_id, run_id, task_id, key)
        return _decoded(rows[0][0]) if rows else None

    def _rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        uri = f"{self._file.as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_SECONDS_FOR_A_LOCK)) as connection:
            return connection.execute(query, values).fetchall()


def _decoded(value: str | bytes) -> Any:
    """Airflow 2 stores JSON as bytes; Airflow 3 stores text in a JSON column: JSON in JSON."""
    decoded = json.loads(value)
    return json.loads(decoded) if isinstance(decoded, str) and decoded[:1] in tuple('{["') else decoded
