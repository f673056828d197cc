# SPDX-License-Identifier: Apache-2.0
"""What a Deployment's Airflow tells about itself: Dags, runs, tasks, import errors. How runs are counted."""

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

    :param run_type: Airflow's word: ``scheduled``, ``manual``, ``backfill``, …
    :param state: Airflow's word; ``success`` and ``failed`` are final.
    :param started_at: when it began; None while it is queued.
    :param ended_at: when it ended; None before that.
    :param upstream: whether it failed only because of something before it: none of its own tasks failed but
        those that wait for another Dag.
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
    """A Dag as Airflow knows it.

    :param paused: whether it is paused.
    :param stale: whether its file no longer brings it.
    :param scheduled: whether Airflow starts runs of it by itself.
    :param file: the file that it is in, as import errors name it.
    """

    dag_id: str
    paused: bool
    stale: bool
    scheduled: bool
    file: str


@dataclass(frozen=True)
class TaskRow:
    """A task instance.

    :param started_at: when it began, None before that; a task that waits in the triggerer has begun.
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
    """A Dag file that Airflow cannot read.

    :param file: the file as Airflow names it, with its bundle before it where there are bundles.
    :param error: the last line of what went wrong.
    :param last_run: when a Dag of this file last began a run in the time that is compared with; None when
        none is known to have.
    """

    file: str
    error: str
    last_run: datetime | None = None


@dataclass(frozen=True)
class Period:
    """From ``begin`` up to, not including, ``end``."""

    begin: datetime
    end: datetime

    def has(self, moment: datetime | None) -> bool:
        """Whether a moment lies in it."""
        return moment is not None and self.begin <= moment < self.end

    def __str__(self) -> str:
        day = "" if self.begin.date() == self.end.date() else f"{self.end:%Y-%m-%d} "
        return f"{self.begin:%Y-%m-%d %H:%M} to {day}{self.end:%H:%M}"


@dataclass(frozen=True)
class Counts:
    """How many runs failed and succeeded."""

    failed: int = 0
    succeeded: int = 0

    @property
    def runs(self) -> int:
        """All of them."""
        return self.failed + self.succeeded

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.failed + other.failed, self.succeeded + other.succeeded)

    def __str__(self) -> str:
        return f"{self.failed} of {self.runs} failed"


@dataclass(frozen=True)
class Tally:
    """The runs of a period, counted.

    :param dags: counts by Dag; only Dags with a run that counts.
    :param left_out: why runs do not count → how many.
    :param unfinished: runs whose outcome is not known yet, by Dag; they are left out as well.
    :param undecided: Dags of which a run goes on that is no younger than the last failed one: it may succeed.
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
    """Count the runs that started in a period, each by its final outcome.

    :param run_types: types of runs that count.
    :param ignored: Dags that do not count.
    :param ended_before: runs that ended later do not count: a deploy came while they were running.
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
    """Return when each Dag last began one of these runs."""
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
