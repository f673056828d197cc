# SPDX-License-Identifier: Apache-2.0
"""The evidence of one case, laid out: what is counted and compared before anything is concluded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.runs import Counts, DagRun, ImportProblem, Period, Tally, tally
from airflow_rollback_provider.health.statistics import fisher_more_failures
from airflow_rollback_provider.health.verdict import MOST_DAGS, DagEvidence, FileEvidence, WindowEvidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_rollback_provider.health.case import HealthCase

# An hourly Dag is due twice in the default windows; some of its runs before may have been left out.
_EXPECTED_RUNS_OF_A_SILENT_DAG = 1.5
# One Dag without a result in so many that were due matters: a tenth is what the rule finds when it fails.
_DUE_DAGS_FOR_ONE_WITHOUT_RESULT = 10


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
        ended = (replace(counted, unfinished={}, undecided=frozenset()) for counted in self.tallies)
        self.windows_of_ended_runs = tuple(map(self._compare, case.windows, ended))
        present = case.superseded_at is None
        self.knows_files = present and seen.at >= case.windows[0].begin
        self.files = tuple(map(self._file, seen.import_errors)) if self.knows_files else ()
        self.components = dict(seen.components) if present else {}

    @property
    def complete(self) -> bool:
        """Whether every window is."""
        return all(window.complete for window in self.windows)

    def worked(self, dag_id: str) -> bool:
        """Whether a Dag worked before the deploy; one without a run did not."""
        was = self.before.dags.get(dag_id, Counts())
        return was.runs > 0 and was.succeeded >= self.case.rule.worked_before * was.runs

    def failing_critical_dags(self) -> Iterator[tuple[str, Counts]]:
        """Yield the critical Dags of which all ended runs since the deploy failed, with these runs.

        Those that did not work before are left out, those of which no run before is known are not.
        """
        for dag_id in self.case.critical:
            after = sum((counted.total([dag_id]) for counted in self.tallies), Counts())
            if after.failed and not after.succeeded and (self.worked(dag_id) or not self._ran_before(dag_id)):
                yield dag_id, after

    def is_undecided(self, dag_id: str) -> bool:
        """Whether a run of this Dag goes on that may succeed, see :class:`Tally`."""
        return any(dag_id in counted.undecided for counted in self.tallies)

    def without_result(self) -> tuple[str, ...]:
        """Return Dags that finished runs before and none after, though one was due or has begun.

        None where they are so few that they may be slow, or have been removed on purpose.
        """
        if not self.complete:
            return ()
        ended, begun = self._ended(), self._begun()
        going = set().union(*(counted.unfinished for counted in self.tallies))
        due = [dag_id for dag_id in self.before.dags if dag_id in begun or self._was_due(dag_id)]
        missing = [x for x in due if x not in ended and (x not in begun or x in going)]
        least = max(self.case.rule.broken_dags, len(due) / _DUE_DAGS_FOR_ONE_WITHOUT_RESULT)
        return tuple(sorted(missing)) if len(missing) >= least else ()

    def critical_without_result(self) -> tuple[str, ...]:
        """Return the critical Dags without a run after the deploy that ended and counts."""
        ended = self._ended()
        return tuple(x for x in self.case.critical if x not in ended) if self.complete else ()

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
        begun = self._begun()
        silent = [x for x in self.before.dags if x not in begun and self._was_due(x)]
        return tuple(sorted(silent)[:MOST_DAGS])

    def left_out(self) -> dict[str, int]:
        """Return why runs did not count, before and after together."""
        total = Counter(self.before.left_out)
        for counted in self.tallies:
            total.update(counted.left_out)
        return dict(total)

    def _ran_before(self, dag_id: str) -> bool:
        return dag_id in self.before.dags

    def _was_due(self, dag_id: str) -> bool:
        """Whether a Dag ran so often before that it should have run in the windows."""
        rule = self.case.rule
        share = rule.windows * rule.window / rule.before
        return self.before.dags[dag_id].runs * share >= _EXPECTED_RUNS_OF_A_SILENT_DAG

    def _begun(self) -> set[str]:
        """Return the Dags that began a run in a window, whatever came of it."""
        windows, types = self.case.windows, self.case.rule.run_types
        return {
            run.dag_id
            for run in self.seen.runs
            if run.run_type in types and any(period.has(run.started_at) for period in windows)
        }

    def _ended(self) -> set[str]:
        """Return the Dags with a run in a window that ended and counts."""
        return set().union(*(counted.dags for counted in self.tallies))

    def _count(self, period: Period) -> Tally:
        return tally(
            self.seen.runs,
            period,
            run_types=self.case.rule.run_types,
            ignored=self.case.ignored,
            ended_before=self.case.superseded_at,
        )

    def _compare(self, period: Period, after: Tally) -> WindowEvidence:
        both = self.before.dags.keys() & after.dags.keys()
        was, now = self.before.total(both), after.total(both)
        unfinished = sum(number for x, number in after.unfinished.items() if self._ran_before(x))
        # What fails often ends early: runs that go on count as if they were to succeed.
        p_value = fisher_more_failures(was.failed, was.runs, now.failed, now.runs + unfinished)
        broken = (x for x in both if self.worked(x) and after.dags[x].succeeded == 0)
        return WindowEvidence(
            period=period,
            complete=self._is_complete(period, after),
            before=was,
            after=now,
            unfinished=sum(after.unfinished.values()),
            p_value=p_value,
            significant=p_value <= self.case.rule.significance,
            broken=tuple(sorted(x for x in broken if x not in after.undecided)),
        )

    def _is_complete(self, period: Period, after: Tally) -> bool:
        superseded_at = self.case.superseded_at
        if self.seen.at < period.end or (superseded_at is not None and superseded_at < period.end):
            return False
        return not after.unfinished or self.seen.at >= period.end + self.case.rule.settling_time

    def _file(self, problem: ImportProblem) -> FileEvidence:
        return FileEvidence(problem.file, problem.error, self._is_new(problem))

    def _is_new(self, problem: ImportProblem) -> bool:
        if self.case.known_import_errors is not None:
            return problem.file not in self.case.known_import_errors
        begin = self.case.before.begin  # what ran last before that may have been broken before the deploy
        trusted_from = max(begin, self.case.trusted_from or begin)
        return problem.last_run is not None and problem.last_run >= trusted_from


def broken_in_all(windows: Iterable[WindowEvidence]) -> tuple[str, ...]:
    """Return the Dags that are broken in every one of some windows."""
    return tuple(sorted(set.intersection(*(set(window.broken) for window in windows))))
