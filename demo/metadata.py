# SPDX-License-Identifier: Apache-2.0
"""Reads Airflow's metadata database from outside: the few columns that are the same from Airflow 2.10 to 3.3.

Airflow's own command line answers the same questions and takes five seconds for each.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_SECONDS_FOR_A_LOCK = 10.0
_SECONDS_BETWEEN_TRIES = 0.2


@dataclass(frozen=True)
class TaskState:
    """One task instance: its state (``None`` before it is scheduled) and the number of its try."""

    task_id: str
    state: str | None
    try_number: int
    map_index: int = -1


class Metadata:
    """The database of a throw-away Airflow.

    :param url: the database, as Airflow's ``sql_alchemy_conn`` names it.
    :param outage_timeout: how long to go on asking while the database does not answer, in seconds.
    """

    def __init__(self, url: str, outage_timeout: float = 0.0) -> None:
        address = make_url(url)
        self._is_sqlite = address.get_backend_name() == "sqlite"
        options = {"timeout": _SECONDS_FOR_A_LOCK} if self._is_sqlite else {}
        self._engine = create_engine(address, poolclass=NullPool, connect_args=options)
        self._tag = "?" if self._is_sqlite else "%s"
        self._outage_timeout = outage_timeout

    def allow_readers_beside_writers(self) -> None:
        """Switch SQLite to write-ahead logging, as Airflow 3 does by itself. The file stores the setting."""
        if self._is_sqlite:
            with self.connected() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")

    def running_jobs(self) -> set[str]:
        """Return the types of the running jobs, e.g. ``SchedulerJob``."""
        return {row[0] for row in self._rows("SELECT job_type FROM job WHERE state = 'running'")}

    def has_dag(self, dag_id: str) -> bool:
        """Return whether the Dag was parsed and stored."""
        return bool(self._rows("SELECT 1 FROM serialized_dag WHERE dag_id = ?", dag_id))

    def import_errors(self) -> str:
        """Return Airflow's import errors, or an empty string."""
        rows = self._rows("SELECT filename, stacktrace FROM import_error")
        return "\n".join(f"{filename}:\n{trace}" for filename, trace in rows)

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """Return the state of a Dag run, ``None`` while there is none."""
        rows = self._rows("SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?", dag_id, run_id)
        return rows[0][0] if rows else None

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Return the task instances of a Dag run."""
        query = (
            "SELECT task_id, state, try_number, map_index FROM task_instance "
            "WHERE dag_id = ? AND run_id = ? ORDER BY task_id, map_index"
        )
        return [TaskState(*row) for row in self._rows(query, dag_id, run_id)]

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return an XCom value of a task, ``None`` if there is none."""
        query = "SELECT value FROM xcom WHERE dag_id = ? AND run_id = ? AND task_id = ? AND key = ?"
        rows = self._rows(query, dag_id, run_id, task_id, key)
        return _decoded(rows[0][0]) if rows else None

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """Open a connection, and commit at the end."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def _rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        deadline = time.monotonic() + self._outage_timeout
        while True:
            try:
                with self.connected() as connection:
                    result = connection.exec_driver_sql(query.replace("?", self._tag), values)
                    return [tuple(row) for row in result]
            except (OperationalError, InterfaceError):  # SQLAlchemy's errors for an unavailable database
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_SECONDS_BETWEEN_TRIES)


def _decoded(value: Any) -> Any:
    """Airflow 2 stores JSON as bytes; Airflow 3 stores text in a JSON column: JSON in JSON.

    PostgreSQL gives bytes as a view, and what is in a JSON column decoded once already.
    """
    value = bytes(value) if isinstance(value, memoryview) else value
    decoded = json.loads(value) if isinstance(value, (str, bytes)) else value
    return json.loads(decoded) if isinstance(decoded, str) and decoded[:1] in tuple('{["') else decoded
