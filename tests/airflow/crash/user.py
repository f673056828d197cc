# SPDX-License-Identifier: Apache-2.0
"""The actions of a user in Airflow's web interface, on both lines: start, clear and fail a task."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from demo.airflow_home import AirflowFailed, ThrowAwayAirflow
from demo.airflow_settings import airflow_major

TASK = "roll_back"
_TRIES = 5
_SECONDS_FOR_AN_EFFECT = 5.0


class User(Protocol):
    """A user of Airflow's web interface."""

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run."""

    def clear(self, dag_id: str, run_id: str) -> None:
        """Clear the task of a run."""

    def mark_failed(self, dag_id: str, run_id: str) -> None:
        """Mark the task of a run as failed."""

    def leave(self) -> None:
        """Leave."""


def user_of(airflow: ThrowAwayAirflow) -> User:
    """Return a user of this Airflow."""
    return ShellUser(airflow) if airflow_major() < 3 else ApiUser(airflow)


class ApiUser:
    """Uses the REST API of Airflow 3, as its web interface does."""

    def __init__(self, airflow: ThrowAwayAirflow) -> None:
        self._airflow = airflow
        self._one_at_a_time = threading.Lock()

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self._ask("POST", dag_id, "/dagRuns", body, run_id)

    def clear(self, dag_id: str, run_id: str) -> None:
        """Clear the task of a run."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [TASK], "only_failed": False}
        self._ask("POST", dag_id, "/clearTaskInstances", body, run_id)

    def mark_failed(self, dag_id: str, run_id: str) -> None:
        """Mark the task of a run as failed."""
        path = f"/dagRuns/{run_id}/taskInstances/{TASK}"
        self._ask("PATCH", dag_id, path, {"new_state": "failed"}, run_id)

    def leave(self) -> None:
        """Leave; there is nothing to end."""

    def _ask(self, method: str, dag_id: str, path: str, body: dict[str, Any], run_id: str) -> None:
        """Repeat a request until it succeeds.

        With SQLite the API server sometimes blocks for seconds: its loop waits for a write lock to record
        the user, and the holder of the lock waits for the loop. Then it returns an error, or nothing.
        """
        before = self._stands(dag_id, run_id)
        with self._one_at_a_time:
            for _ in range(_TRIES):
                with contextlib.suppress(AirflowFailed):
                    self._airflow.api(method, f"/api/v2/dags/{dag_id}{path}", body)
                    return
                if self._has_changed(dag_id, run_id, before):
                    return
        self._airflow.api(method, f"/api/v2/dags/{dag_id}{path}", body)

    def _has_changed(self, dag_id: str, run_id: str, before: object) -> bool:
        deadline = time.monotonic() + _SECONDS_FOR_AN_EFFECT
        while self._stands(dag_id, run_id) == before and time.monotonic() < deadline:
            time.sleep(0.2)
        return self._stands(dag_id, run_id) != before

    def _stands(self, dag_id: str, run_id: str) -> object:
        metadata = self._airflow.metadata
        return metadata.run_state(dag_id, run_id), metadata.tasks(dag_id, run_id)


class ShellUser:
    """Has a process next to Airflow 2 that calls the functions of its web interface."""

    def __init__(self, airflow: ThrowAwayAirflow) -> None:
        self._log = airflow.home / "user.log"
        self._one_at_a_time = threading.Lock()
        with self._log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("airflow2_shell.py")],
                env=airflow.environment,
                cwd=airflow.home,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run."""
        self._order(do="trigger", dag_id=dag_id, run_id=run_id, conf=conf)

    def clear(self, dag_id: str, run_id: str) -> None:
        """Clear the task of a run."""
        self._order(do="clear", dag_id=dag_id, run_id=run_id)

    def mark_failed(self, dag_id: str, run_id: str) -> None:
        """Mark the task of a run as failed."""
        self._order(do="mark_failed", dag_id=dag_id, run_id=run_id)

    def leave(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _order(self, **order: Any) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one_at_a_time:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            if "done\n" not in iter(self._process.stdout.readline, ""):
                raise AssertionError(f"{order} failed:\n{self._log.read_text()[-3000:]}")
