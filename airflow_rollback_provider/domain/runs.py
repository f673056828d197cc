# SPDX-License-Identifier: Apache-2.0
"""Data of a Deployment's Airflow: Dags, runs, tasks, import errors; and which runs count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_SUCCEEDED, _FAILED = "success", "failed"

UNFINISHED = "unfinished"
UPSTREAM_FAILED = "upstream failed"


@dataclass(frozen=True)
class DagRun:
    """One Dag run.

    :param run_type: Airflow's value: ``scheduled``, ``manual``, ``backfill``, …
    :param state: Airflow's value; ``success`` and ``failed`` are final.
    :param started_at: when it began; None while it is queued.
    :param ended_at: when it ended; None before that.
    :param upstream: whether only another Dag caused the failure: no task failed except tasks that wait for
        another Dag.
    :param waited_for: the Dags for which its failed tasks waited, as far as Airflow shows them.
    """

    dag_id: str
    run_id: str
    run_type: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    upstream: bool = False
    waited_for: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it ended in failure."""
        return self.state == _FAILED

    @property
    def finished(self) -> bool:
        """Whether its outcome is final."""
        return self.state in (_SUCCEEDED, _FAILED)


@dataclass(frozen=True)
class DagRow:
    """A Dag in Airflow's database.

    :param stale: whether its file no longer contains it.
    :param scheduled: whether Airflow schedules its runs.
    :param file: its file, named as in import errors.
    """

    dag_id: str
    paused: bool
    stale: bool
    scheduled: bool
    file: str


@dataclass(frozen=True)
class TaskRow:
    """A task instance.

    :param started_at: when it began, None before that; a deferred task has begun.
    :param operator: name of the operator's class.
    :param waits_for: the Dag for which it waits, as its rendered fields name it.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: str
    started_at: datetime | None
    operator: str
    waits_for: str = ""


@dataclass(frozen=True)
class ImportProblem:
    """A Dag file that Airflow cannot import.

    :param file: the file as Airflow names it, with the bundle in front if there are bundles.
    :param error: the last line of the error.
    :param last_run: when a Dag of this file last began a run in the time before the deploy that is compared;
        None if no run is known.
    """

    file: str
    error: str
    last_run: datetime | None = None


@dataclass(frozen=True)
class Period:
    """The time from ``begin`` up to, but not including, ``end``."""

    begin: datetime
    end: datetime

    def has(self, moment: datetime | None) -> bool:
        """Return whether it contains a moment."""
        return moment is not None and self.begin <= moment < self.end

    def __str__(self) -> str:
        day = "" if self.begin.date() == self.end.date() else f"{self.end:%Y-%m-%d} "
        return f"{self.begin:%Y-%m-%d %H:%M} to {day}{self.end:%H:%M}"


@dataclass(frozen=True)
class Counts:
    """Numbers of failed and successful runs."""

    failed: int = 0
    succeeded: int = 0

    @property
    def runs(self) -> int:
        return self.failed + self.succeeded

    def __str__(self) -> str:
        return f"{self.failed} of {self.runs} failed"


def last_starts(runs: Iterable[DagRun]) -> dict[str, datetime]:
    """Return the start of the latest of these runs for each Dag."""
    begun = [(run.started_at, run.dag_id) for run in runs if run.started_at is not None]
    return {dag_id: moment for moment, dag_id in sorted(begun)}


def why_left_out(run: DagRun, run_types: Collection[str], ended_before: datetime | None) -> str | None:
    """Return why a run does not count; None if it counts.

    :param run_types: types of runs that count.
    :param ended_before: runs that ended later do not count: a deploy landed while they were running.
    """
    if run.run_type not in run_types:
        return run.run_type
    if not run.finished:
        return UNFINISHED
    if ended_before is not None and (run.ended_at is None or run.ended_at >= ended_before):
        return "ran across the deploy"
    return UPSTREAM_FAILED if run.failed and run.upstream else None
