# SPDX-License-Identifier: Apache-2.0
"""The evidence of one case: counts and comparisons, without a conclusion."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.runs import Counts, DagRun, ImportProblem, Period, Tally, tally
from airflow_rollback_provider.health.verdict import MOST_DAGS, DagEvidence, FileEvidence, WindowEvidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from airflow_rollback_provider.health.case import HealthCase

# An hourly Dag is due twice in the default windows; some of its runs before may not count.
_EXPECTED_RUNS_OF_A_SILENT_DAG = 1.5
# Dags without a result matter if they are a tenth of those due: the rule finds as few if they fail.
_DUE_DAGS_FOR_ONE_WITHOUT_RESULT = 10


@dataclass(frozen=True)
class Observation:
    """The data of the evaluated Deployment's Airflow at one moment.

    :param at: the moment.
    :param runs: all runs that started since the deploy landed.
    :param import_errors: files that cannot be read.
    :param components: each component with the health status that Airflow reports.
    """

    at: datetime
    runs: tuple[DagRun, ...] = ()
    import_errors: tuple[ImportProblem, ...] = ()
    components: Mapping[str, str] = field(default_factory=dict)


def count_before(case: HealthCase, runs: Iterable[DagRun]) -> Tally:
    """Count the runs before the deploy of a case."""
    return tally(
        runs,
        case.before,
        run_types=case.rule.run_types,
        ignored=case.ignored,
        ended_before=case.before_until,
    )


class Evidence:
    """The evidence for and against a deploy.

    :param case: the deploy to evaluate.
    :param before: the runs before it, as :func:`count_before` counts them.
    :param observation: the data read now. If another deploy followed, only the runs count: the later deploy
        causes the rest. Import errors count after the first window has begun: before that, files may still
        be in delivery.
    """

    def __init__(self, case: HealthCase, before: Tally, observation: Observation) -> None:
        self.case, self.before, self.observation = case, before, observation
        self.tallies = tuple(self._count(period) for period in case.windows)
        self.windows = tuple(map(self._compare, case.windows, self.tallies))
        ended = (replace(counted, unfinished={}, undecided=frozenset()) for counted in self.tallies)
        self.windows_of_ended_runs = tuple(map(self._compare, case.windows, ended))
        present = case.superseded_at is None
        self.knows_files = present and observation.at >= case.windows[0].begin
        self.files = tuple(map(self._file, observation.import_errors)) if self.knows_files else ()
        self.components = dict(observation.components) if present else {}

    @property
    def complete(self) -> bool:
        """Whether every window is complete."""
        return all(window.complete for window in self.windows)

    def worked(self, dag_id: str) -> bool:
        """Return whether a Dag worked before the deploy; a Dag without a run did not."""
        was = self.before.dags.get(dag_id, Counts())
        return was.runs > 0 and was.succeeded >= self.case.rule.worked_before * was.runs

    def failing_critical_dags(self) -> Iterator[tuple[str, Counts]]:
        """Yield each critical Dag of which all ended runs since the deploy failed, with the counts.

        A Dag that did not work before is left out. A Dag without a known run before is not.
        """
        for dag_id in self.case.critical:
            after = sum((counted.total([dag_id]) for counted in self.tallies), Counts())
            if after.failed and not after.succeeded and (self.worked(dag_id) or not self._ran_before(dag_id)):
                yield dag_id, after

    def is_undecided(self, dag_id: str) -> bool:
        """Return whether a run of this Dag has not ended and may succeed, see :class:`Tally`."""
        return any(dag_id in counted.undecided for counted in self.tallies)

    def without_result(self) -> tuple[str, ...]:
        """Return Dags that finished runs before and none after, although one was due or has begun.

        Return none if they are few: those may be slow, or removed on purpose.
        """
        if not self.complete:
            return ()
        ended, begun = self._ended(), self._begun()
        unfinished = set().union(*(counted.unfinished for counted in self.tallies))
        due = [dag_id for dag_id in self.before.dags if dag_id in begun or self._was_due(dag_id)]
        missing = [x for x in due if x not in ended and (x not in begun or x in unfinished)]
        least = max(self.case.rule.broken_dags, len(due) / _DUE_DAGS_FOR_ONE_WITHOUT_RESULT)
        return tuple(sorted(missing)) if len(missing) >= least else ()

    def critical_without_result(self) -> tuple[str, ...]:
        """Return the critical Dags without a run after the deploy that ended and counts."""
        ended = self._ended()
        return tuple(x for x in self.case.critical if x not in ended) if self.complete else ()

    def relevant_dags(self) -> tuple[DagEvidence, ...]:
        """Return the critical Dags and those that failed after the deploy, the most important first."""
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
        relevant = [row for row in rows if row.critical or row.failed]
        relevant.sort(key=lambda row: (not row.broken, not row.critical, -row.failed, row.dag_id))
        return tuple(relevant[:MOST_DAGS])

    def silent_dags(self) -> tuple[str, ...]:
        """Return Dags that were due after the deploy by their frequency before, and did not run."""
        if not self.complete:
            return ()
        begun = self._begun()
        silent = [x for x in self.before.dags if x not in begun and self._was_due(x)]
        return tuple(sorted(silent)[:MOST_DAGS])

    def left_out(self) -> dict[str, int]:
        """Return the reasons why runs do not count, with their numbers, before and after together."""
        total = Counter(self.before.left_out)
        for counted in self.tallies:
            total.update(counted.left_out)
        return dict(total)

    def _ran_before(self, dag_id: str) -> bool:
        return dag_id in self.before.dags

    def _was_due(self, dag_id: str) -> bool:
        """Return whether a Dag was due in the windows, by its frequency before."""
        rule = self.case.rule
        share = rule.windows * rule.window / rule.before
        return self.before.dags[dag_id].runs * share >= _EXPECTED_RUNS_OF_A_SILENT_DAG

    def _begun(self) -> set[str]:
        """Return the Dags that began a run in a window, with any outcome."""
        windows, types = self.case.windows, self.case.rule.run_types
        return {
            run.dag_id
            for run in self.observation.runs
            if run.run_type in types and any(period.has(run.started_at) for period in windows)
        }

    def _ended(self) -> set[str]:
        """Return the Dags with a run in a window that ended and counts."""
        return set().union(*(counted.dags for counted in self.tallies))

    def _count(self, period: Period) -> Tally:
        return tally(
            self.observation.runs,
            period,
            run_types=self.case.rule.run_types,
            ignored=self.case.ignored,
            ended_before=self.case.superseded_at,
        )

    def _compare(self, period: Period, after: Tally) -> WindowEvidence:
        both = self.before.dags.keys() & after.dags.keys()
        was, now = self.before.total(both), after.total(both)
        unfinished = sum(number for x, number in after.unfinished.items() if self._ran_before(x))
        # Failing runs often end early, so unfinished runs count as successes.
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
        if self.observation.at < period.end or (superseded_at is not None and superseded_at < period.end):
            return False
        return not after.unfinished or self.observation.at >= period.end + self.case.rule.settling_time

    def _file(self, problem: ImportProblem) -> FileEvidence:
        return FileEvidence(problem.file, problem.error, self._is_new(problem))

    def _is_new(self, problem: ImportProblem) -> bool:
        if self.case.known_import_errors is not None:
            return problem.file not in self.case.known_import_errors
        begin = self.case.before.begin  # a file that last ran before that may have broken before the deploy
        trusted_from = max(begin, self.case.trusted_from or begin)
        return problem.last_run is not None and problem.last_run >= trusted_from


def broken_in_all(windows: Iterable[WindowEvidence]) -> tuple[str, ...]:
    """Return the Dags that are broken in every window."""
    return tuple(sorted(set.intersection(*(set(window.broken) for window in windows))))


def fisher_more_failures(failed_before: int, runs_before: int, failed_after: int, runs_after: int) -> float:
    """Return the p-value of Fisher's exact test, one-sided: did more runs fail after than before?

    The p-value is the probability that at least ``failed_after`` of the failures are among the runs after, if
    all failures are distributed over all runs at random. A small value means that chance hardly explains it.

    The most likely outcome has the weight 1, and the others follow by the ratio of neighbours. So no count
    causes an overflow or a cancellation. A result below the smallest float is 0.

    :param failed_before: runs that failed before.
    :param runs_before: all runs before.
    :param failed_after: runs that failed after.
    :param runs_after: all runs after.
    :raises ValueError: when a count is negative or more runs failed than there were.
    """
    if not (0 <= failed_before <= runs_before and 0 <= failed_after <= runs_after):
        raise ValueError(
            f"{failed_before} of {runs_before} and {failed_after} of {runs_after} runs cannot have failed."
        )
    failed, runs = failed_before + failed_after, runs_before + runs_after
    least, most = max(0, failed - runs_before), min(failed, runs_after)
    likeliest = min(max((failed + 1) * (runs_after + 1) // (runs + 2), least), most)

    def ratio(count: int) -> float:
        """Return the probability of ``count + 1`` failures after, relative to ``count``."""
        return (failed - count) * (runs_after - count) / ((count + 1) * (runs_before - failed + count + 1))

    total = at_least = 0.0
    for count, weight in _weights(likeliest, least, most, ratio):
        total += weight
        if count >= failed_after:
            at_least += weight
    return min(1.0, at_least / total)


def _weights(
    likeliest: int, least: int, most: int, ratio: Callable[[int], float]
) -> Iterator[tuple[int, float]]:
    """Yield each outcome with its weight, from the most likely one outwards, until the weight is 0."""
    weight, count = 1.0, likeliest
    while weight > 0.0:
        yield count, weight
        if count == most:
            break
        weight, count = weight * ratio(count), count + 1
    weight, count = 1.0, likeliest
    while count > least and weight > 0.0:
        count -= 1
        weight /= ratio(count)
        yield count, weight
