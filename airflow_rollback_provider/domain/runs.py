# SPDX-License-Identifier: Apache-2.0
"""Data of a Deployment's Airflow: Dags, runs, tasks, import errors; and the counts of runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_SUCCEEDED, _FAILED = "success", "failed"
_UNFINISHED = "unfinished"


@dataclass(frozen=True)
class DagRun:
    """One Dag run.

    :param run_type: Airflow's value: ``scheduled``, ``manual``, ``backfill``, …
    :param state: Airflow's value; ``success`` and ``failed`` are final.
    :param started_at: when it began; None while it is queued.
    :param ended_at: when it ended; None before that.
    :param upstream: whether only another Dag caused the failure: no task failed except tasks that wait for
        another Dag.
    """

    dag_id: str
    run_id: str
    run_type: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    upstream: bool = False

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

    :param paused: whether it is paused.
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
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: str
    started_at: datetime | None
    operator: str


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
        """Number of all runs."""
        return self.failed + self.succeeded

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.failed + other.failed, self.succeeded + other.succeeded)

    def __str__(self) -> str:
        return f"{self.failed} of {self.runs} failed"


@dataclass(frozen=True)
class Tally:
    """Counts of the runs in a period.

    :param dags: counts of each Dag that has a run that counts.
    :param left_out: each reason why runs do not count, with their number.
    :param unfinished: number of unfinished runs of each Dag; they do not count either.
    :param undecided: Dags with an unfinished run that began no later than the last failed one.
    """

    dags: Mapping[str, Counts] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    unfinished: Mapping[str, int] = field(default_factory=dict)
    undecided: frozenset[str] = frozenset()

    def total(self, dag_ids: Iterable[str]) -> Counts:
        """Add up the counts of some Dags."""
        return sum((self.dags.get(dag_id, Counts()) for dag_id in dag_ids), Counts())


def tally(
    runs: Iterable[DagRun],
    period: Period,
    *,
    run_types: Collection[str] = ("scheduled",),
    ignored: Collection[str] = (),
    ended_before: datetime | None = None,
) -> Tally:
    """Count the runs that started in a period by their final outcome.

    :param run_types: types of runs that count.
    :param ignored: Dags that do not count.
    :param ended_before: runs that ended later do not count: a deploy landed while they were running.
    """
    dags: dict[str, Counts] = {}
    left_out: Counter[str] = Counter()
    going: list[DagRun] = []
    failed: list[DagRun] = []
    for run in runs:
        if not period.has(run.started_at) or run.dag_id in ignored:
            continue
        why = _why_not(run, run_types, ended_before)
        if why is not None:
            left_out[why] += 1
            going += [run] if why == _UNFINISHED else []
            continue
        failed += [run] if run.failed else []
        one = Counts(failed=1) if run.failed else Counts(succeeded=1)
        dags[run.dag_id] = dags.get(run.dag_id, Counts()) + one
    unfinished = Counter(run.dag_id for run in going)
    return Tally(dags, dict(left_out), dict(unfinished), _undecided(going, failed))


def last_starts(runs: Iterable[DagRun]) -> dict[str, datetime]:
    """Return the start of the latest of these runs for each Dag."""
    begun = [(run.started_at, run.dag_id) for run in runs if run.started_at is not None]
    return {dag_id: moment for moment, dag_id in sorted(begun)}


def _undecided(going: Iterable[DagRun], failed: Iterable[DagRun]) -> frozenset[str]:
    last = last_starts(failed)
    return frozenset(
        run.dag_id
        for run in going
        if run.started_at is not None and run.started_at <= last.get(run.dag_id, run.started_at)
    )


def _why_not(run: DagRun, run_types: Collection[str], ended_before: datetime | None) -> str | None:
    if run.run_type not in run_types:
        return run.run_type
    if not run.finished:
        return _UNFINISHED
    if ended_before is not None and (run.ended_at is None or run.ended_at >= ended_before):
        return "ran across the deploy"
    return "upstream failed" if run.failed and run.upstream else None
