# SPDX-License-Identifier: Apache-2.0
"""The evidence of one case, laid out: what is counted and compared before anything is concluded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.judgement import (
    MOST_DAGS,
    DagEvidence,
    FileEvidence,
    WindowEvidence,
)
from airflow_rollback_provider.domain.runs import Counts, DagRun, ImportProblem, Period, Tally, tally
from airflow_rollback_provider.domain.statistics import fisher_more_failures

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.health_case import HealthCase

_EXPECTED_RUNS_OF_A_SILENT_DAG = 3.0


@dataclass(frozen=True)
class Observation:
    """What the judged Deployment's Airflow shows at one moment.

    :param at: the moment.
    :param runs: all runs that started since the deploy landed.
    :param import_errors: files that cannot be read.
    :param components: component → its health in Airflow's own word.
    """

    at: datetime
    runs: tuple[DagRun, ...] = ()
    import_errors: tuple[ImportProblem, ...] = ()
    components: Mapping[str, str] = field(default_factory=dict)


def count_before(case: HealthCase, runs: Iterable[DagRun]) -> Tally:
    """Count the runs that a case is compared with."""
    return tally(
        runs,
        case.before,
        run_types=case.rule.run_types,
        ignored=case.ignored,
        ended_before=case.before_until,
    )


class Evidence:
    """What speaks for and against a deploy.

    :param case: what is judged.
    :param before: the runs before it, as :func:`count_before` counts them.
    :param seen: what is there now. Of a deploy that another one followed, only its runs count: the rest is
        the other one's doing. Import errors count once the first window has begun: until then files may
        still be on their way.
    """

    def __init__(self, case: HealthCase, before: Tally, seen: Observation) -> None:
        self.case, self.before, self.seen = case, before, seen
        self.tallies = tuple(self._count(period) for period in case.windows)
        self.windows = tuple(map(self._compare, case.windows, self.tallies))
        present = case.overtaken_at is None
        settled = present and seen.at >= case.windows[0].begin
        self.files = tuple(map(self._file, seen.import_errors)) if settled else ()
        self.components = dict(seen.components) if present else {}

    @property
    def complete(self) -> bool:
        """Whether every window is."""
        return all(window.complete for window in self.windows)

    def worked(self, dag_id: str) -> bool:
        """Whether a Dag worked before the deploy; one without a run did not."""
        was = self.before.dags.get(dag_id, Counts())
        return was.runs > 0 and was.succeeded >= self.case.rule.worked_before * was.runs

    def critical(self) -> Iterator[tuple[str, Counts]]:
        """Yield the critical Dags that worked before, with all their runs since the deploy."""
        for dag_id in self.case.critical:
            if self.worked(dag_id):
                yield dag_id, sum((counted.total([dag_id]) for counted in self.tallies), Counts())

    def telling_dags(self) -> tuple[DagEvidence, ...]:
        """Return the critical Dags and those that failed after the deploy, what matters most first."""
        broken = set(broken_in_all(self.windows))
        rows = [
            DagEvidence(
                dag_id,
                self.before.total([dag_id]),
                tuple(counted.total([dag_id]) for counted in self.tallies),
                dag_id in broken,
                dag_id in self.case.critical,
            )
            for dag_id in set(self.case.critical).union(*(counted.dags for counted in self.tallies))
        ]
        telling = [row for row in rows if row.critical or row.failed]
        telling.sort(key=lambda row: (not row.broken, not row.critical, -row.failed, row.dag_id))
        return tuple(telling[:MOST_DAGS])

    def silent_dags(self) -> tuple[str, ...]:
        """Return Dags that ran so often before that they should have run after, and did not."""
        if not self.complete:
            return ()
        rule = self.case.rule
        share = rule.windows * rule.window / rule.before
        heard = set().union(*(counted.dags for counted in self.tallies))
        silent = [
            dag_id
            for dag_id, counts in self.before.dags.items()
            if dag_id not in heard and counts.runs * share >= _EXPECTED_RUNS_OF_A_SILENT_DAG
        ]
        return tuple(sorted(silent)[:MOST_DAGS])

    def left_out(self) -> dict[str, int]:
        """Return why runs did not count, before and after together."""
        total = Counter(self.before.left_out)
        for counted in self.tallies:
            total.update(counted.left_out)
        return dict(total)

    def _count(self, period: Period) -> Tally:
        return tally(
            self.seen.runs,
            period,
            run_types=self.case.rule.run_types,
            ignored=self.case.ignored,
            ended_before=self.case.overtaken_at,
        )

    def _compare(self, period: Period, after: Tally) -> WindowEvidence:
        both = self.before.dags.keys() & after.dags.keys()
        was, now = self.before.total(both), after.total(both)
        p_value = fisher_more_failures(was.failed, was.runs, now.failed, now.runs)
        return WindowEvidence(
            period=period,
            complete=self._is_complete(period, after),
            before=was,
            after=now,
            unfinished=after.unfinished,
            p_value=p_value,
            significant=p_value <= self.case.rule.significance,
            broken=tuple(sorted(x for x in both if self.worked(x) and after.dags[x].succeeded == 0)),
        )

    def _is_complete(self, period: Period, after: Tally) -> bool:
        overtaken_at = self.case.overtaken_at
        if self.seen.at < period.end or (overtaken_at is not None and overtaken_at < period.end):
            return False
        return not after.unfinished or self.seen.at >= period.end + self.case.rule.settle

    def _file(self, problem: ImportProblem) -> FileEvidence:
        return FileEvidence(problem.file, problem.error, self._is_new(problem))

    def _is_new(self, problem: ImportProblem) -> bool:
        if self.case.known_import_errors is not None:
            return problem.file not in self.case.known_import_errors
        trusted_from = self.case.trusted_from or self.case.before.begin
        return problem.last_run is not None and problem.last_run >= trusted_from


def broken_in_all(windows: Iterable[WindowEvidence]) -> tuple[str, ...]:
    """Return the Dags that are broken in every one of some windows."""
    return tuple(sorted(set.intersection(*(set(window.broken) for window in windows))))
