# SPDX-License-Identifier: Apache-2.0
"""Prints the progress of a task: its states and the lines of its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.airflow_home import ThrowAwayAirflow
    from demo.task_log import LogLine

_MEANINGS = {
    "scheduled": "selected by the scheduler",
    "queued": "handed to the executor",
    "running": "a task process runs",
    "deferred": "no process runs: the task waits in the triggerer",
}
_OURS = "airflow_rollback_provider"


class TaskFollower:
    """Prints the news about one task at each call of ``print_news``.

    :param airflow: the Airflow that runs it.
    :param dag_id: its Dag.
    :param run_id: its Dag run.
    :param task_id: its id.
    :param verbose: print all lines of its log, not only those of this package and errors.
    """

    def __init__(
        self, airflow: ThrowAwayAirflow, dag_id: str, run_id: str, task_id: str, *, verbose: bool
    ) -> None:
        self._airflow = airflow
        self._task = (dag_id, run_id, task_id)
        self._verbose = verbose
        self._state: str | None = None
        self._printed: set[LogLine] = set()

    def print_news(self) -> None:
        """Print what is new since the last call."""
        dag_id, run_id, task_id = self._task
        for task in self._airflow.metadata.tasks(dag_id, run_id):
            if task.task_id == task_id and task.state != self._state:
                self._print_state(task.state)
        for line in self._airflow.task_log(dag_id, run_id, task_id):
            if line not in self._printed:
                self._printed.add(line)
                self._print_line(line)

    def _print_state(self, state: str | None) -> None:
        self._state = state
        if state is not None:
            meaning = _MEANINGS.get(state)
            print(f"  [{state}] {meaning}" if meaning else f"  [{state}]", flush=True)

    def _print_line(self, line: LogLine) -> None:
        if not self._verbose and not is_relevant(line):
            return
        mark = "  ! " if line.level in ("WARNING", "ERROR", "CRITICAL") else "  | "
        message = line.message if self._verbose else without_traceback(line.message)
        for part in message.splitlines():
            print(mark + part, flush=True)


def is_relevant(line: LogLine) -> bool:
    """Return whether a line comes from this package or is an error."""
    return _OURS in line.logger or line.level in ("ERROR", "CRITICAL")


def without_traceback(message: str) -> str:
    """Remove the traceback between a message and its exception."""
    text, found, traceback = message.partition("Traceback (most recent call last):")
    return text + traceback.rstrip().rsplit("\n", 1)[-1] if found else message
