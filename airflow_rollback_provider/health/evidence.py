# SPDX-License-Identifier: Apache-2.0
"""The evidence against a deploy, run by run: what each Dag's past predicts, and what happened.

The evidence is an e-value: if nothing changed, it reaches 1,000 with a probability of one in a thousand at
most, however often it is computed (Ville's inequality). docs/deploy-health.md explains the rule.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import groupby
from math import exp, lgamma, log, log1p
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.runs import (
    UNFINISHED,
    UPSTREAM_FAILED,
    Counts,
    DagRun,
    why_left_out,
)
from airflow_rollback_provider.health.verdict import MOST_DAGS, DagEvidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_rollback_provider.health.case import HealthCase

# Share of failed runs of a Dag that the deploy broke, and of one that it made unreliable.
BROKEN, UNRELIABLE = 0.95, 0.5
# Share of the Dags that a deploy breaks, by the first of two expectations; two Dags by the second, which has
# more weight: few broken Dags are hard to find.
_SHARE_OF_DAGS = 0.1
LEAST_BROKEN_DAGS = 2
_WEIGHT_OF_TWO = 0.75
# A single failure is no streak.
_STREAK = 2
# Failed runs since the landing, together, of the broken Dags that still fail after the tolerance.
LEAST_FAILED_RUNS = 4
# A run that fails within this time counts as failed from its begin on. Otherwise a Dag with a run each half
# hour would need three failed runs for half an hour: the first ends a little after the half hour began.
_FAILS_SOON = timedelta(minutes=5)
# Runs of a Dag before the deploy without which its runs after it are no evidence.
_LEAST_PAST = 5
_MOST_RATE = 0.5
# An hourly Dag is due twice within the default horizon; some of its runs before may not count.
_EXPECTED_RUNS_OF_A_DUE_DAG = 1.5
_DUE_DAGS_FOR_ONE_WITHOUT_RESULT = 10
_LARGEST_LOG = 50.0
# Types of runs that other Dags start. They do not count by default, and users do not expect them to fail.
_STARTED_BY_DAGS = ("asset_triggered", "dataset_triggered", "operator_triggered")


@dataclass(frozen=True)
class DagPast:
    """One Dag before the deploy.

    :param counts: its runs that count.
    :param longest_streak: most runs in a row that failed.
    :param last_failed: whether its last run failed.
    """

    counts: Counts = field(default_factory=Counts)
    longest_streak: int = 0
    last_failed: bool = False

    @classmethod
    def of(cls, outcomes: Sequence[bool]) -> DagPast:
        """Count runs.

        :param outcomes: of each run, the oldest first, whether it failed.
        """
        failed = sum(outcomes)
        streaks = [len(list(group)) for bad, group in groupby(outcomes) if bad]
        return cls(Counts(failed, len(outcomes) - failed), max(streaks, default=0), outcomes[-1])

    @property
    def worked(self) -> bool:
        """Whether at least half of its runs succeeded; a Dag without a run did not work."""
        return 0 < self.counts.runs <= 2 * self.counts.succeeded


@dataclass(frozen=True)
class Baseline:
    """The Dags before the deploy.

    :param length: length of the time whose runs are known.
    :param dags: each Dag that has a run that counts.
    :param left_out: each reason why runs do not count, with their number.
    :param worked_uncounted: Dags with a success in a run that does not count because another Dag started it.
    """

    length: timedelta
    dags: Mapping[str, DagPast] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    worked_uncounted: frozenset[str] = frozenset()

    @cached_property
    def chances(self) -> dict[str, tuple[float, float]]:
        """The chance of each Dag to fail, as a beta distribution, for Dags with enough of a past.

        The mean of its prior is the Deployment's share of failed runs, estimated carefully. The prior has no
        more weight than the Dag's own runs.
        """
        every = [past.counts for past in self.dags.values()]
        failed, runs = sum(counts.failed for counts in every), sum(counts.runs for counts in every)
        weight = 1 / min(_MOST_RATE, (failed + 1) / (runs + 2))
        return {
            dag_id: (1 + past.counts.failed, min(past.counts.runs, weight) - 1 + past.counts.succeeded)
            for dag_id, past in self.dags.items()
            if past.counts.runs >= _LEAST_PAST
        }

    def is_due(self, dag_id: str, within: timedelta) -> bool:
        """Return whether a Dag runs within a time, by its frequency before the deploy."""
        runs = self.dags[dag_id].counts.runs if dag_id in self.dags else 0
        return runs * (within / self.length) >= _EXPECTED_RUNS_OF_A_DUE_DAG


def count_before(case: HealthCase, runs: Iterable[DagRun], since: datetime | None = None) -> Baseline:
    """Count the runs before the deploy of a case.

    :param since: the time since which all runs are known. Default: the begin of the baseline.
    """
    period, left_out, worked = case.before, Counter[str](), set[str]()
    outcomes: defaultdict[str, list[tuple[datetime, bool]]] = defaultdict(list)
    for run in runs:
        if run.started_at is None or not period.has(run.started_at) or run.dag_id in case.ignored:
            continue
        why = why_left_out(run, case.rule.run_types, case.before_until)
        if why is None:
            outcomes[run.dag_id].append((run.started_at, run.failed))
        else:
            left_out[why] += 1
            if why in _STARTED_BY_DAGS and run.finished and not run.failed:
                worked.add(run.dag_id)
    dags = {dag_id: DagPast.of([failed for _, failed in sorted(rows)]) for dag_id, rows in outcomes.items()}
    length = period.end - max(period.begin, since or period.begin)
    return Baseline(length, dags, left_out, frozenset(worked))


class DagSince:
    """The runs of one Dag since the landing.

    :param settled_at: a success of a run that began earlier may be one of the content before.
    """

    def __init__(self, settled_at: datetime) -> None:
        self._settled_at = settled_at
        self._runs: dict[str, tuple[DagRun, str | None]] = {}
        self._clear()

    def _clear(self) -> None:
        self.failed = self.succeeded = self.waited = 0
        self.works = False
        self.first_failure: datetime | None = None  # when it ended, or _FAILS_SOON before that
        self.last_failure: datetime | None = None  # when it began
        self.open: dict[str, datetime] = {}

    @property
    def counts(self) -> Counts:
        """The runs that ended and count."""
        return Counts(self.failed, self.succeeded)

    @property
    def undecided(self) -> bool:
        """Whether an unfinished run began no later than the last failed one: it may succeed."""
        last = self.last_failure
        return last is not None and any(began <= last for began in self.open.values())

    def add(self, run: DagRun, why: str | None) -> None:
        """Add a run, or replace what was known of it.

        :param why: why it does not count, as :func:`why_left_out` returns it.
        """
        known = self._runs.get(run.run_id)
        if known == (run, why):
            return
        self._runs[run.run_id] = run, why
        if known is None or known[1] == UNFINISHED:
            self._count(run, why)
        else:  # it was cleared and ran again, or a user set its state
            self._clear()
            for each in self._runs.values():
                self._count(*each)

    def _count(self, run: DagRun, why: str | None) -> None:
        assert run.started_at is not None  # noqa: S101 - Evidence.add() has no other
        self.open.pop(run.run_id, None)
        if why == UNFINISHED:
            self.open[run.run_id] = run.started_at
        elif why == UPSTREAM_FAILED:
            self.waited += 1
        elif why is None and run.failed:
            failing = max(run.started_at, (run.ended_at or run.started_at) - _FAILS_SOON)
            self.failed += 1
            self.first_failure = min(failing, self.first_failure or failing)
            self.last_failure = max(run.started_at, self.last_failure or run.started_at)
        elif why is None:
            self.succeeded += 1
            self.works = self.works or run.started_at >= self._settled_at


class Evidence:
    """The evidence for and against a deploy. Each run is added once, in any order.

    :param baseline: the Dags before it, as :func:`count_before` counts them.
    """

    def __init__(self, case: HealthCase, baseline: Baseline) -> None:
        self.case, self.baseline = case, baseline
        self.dags: dict[str, DagSince] = {}
        self._waited_for: set[str] = set()
        self._left_out: dict[tuple[str, str], str] = {}
        self._uncounted: defaultdict[str, dict[str, bool]] = defaultdict(dict)  # whether each run failed
        self._failing: set[str] = set()

    def add(self, runs: Iterable[DagRun]) -> None:
        """Add runs since the landing; a run that is known already replaces what was known of it."""
        case, since = self.case, self.case.since
        for run in runs:
            if not since.has(run.started_at) or run.dag_id in case.ignored:
                continue
            why = why_left_out(run, case.rule.run_types, case.superseded_at)
            self._left_out.pop((run.dag_id, run.run_id), None)
            if why is not None:
                self._left_out[run.dag_id, run.run_id] = why
            if run.run_type not in case.rule.run_types:
                if why in _STARTED_BY_DAGS and run.finished:
                    self._uncounted[run.dag_id][run.run_id] = run.failed
                continue
            self._waited_for.update(run.waited_for if why == UPSTREAM_FAILED else ())
            if run.dag_id not in self.dags:
                self.dags[run.dag_id] = DagSince(case.settled_at)
            dag = self.dags[run.dag_id]
            dag.add(run, why)
            (self._failing.add if dag.failed and not dag.works else self._failing.discard)(run.dag_id)

    # The rule

    def alarming(self) -> tuple[str, ...]:
        """Return the broken Dags if they and the evidence are enough for a regression, else none."""
        broken = self.broken()
        if len(broken) < LEAST_BROKEN_DAGS:
            return ()
        dags = [self.dags[dag_id] for dag_id in broken]
        passed = min(dag.first_failure for dag in dags if dag.first_failure) + self.case.rule.outage_tolerance
        lasting = [dag.failed for dag in dags if dag.last_failure and dag.last_failure >= passed]
        enough = len(lasting) >= LEAST_BROKEN_DAGS and sum(lasting) >= LEAST_FAILED_RUNS
        return broken if enough and self.log_value() >= -log(self.case.rule.false_alarms) else ()

    def broken(self) -> tuple[str, ...]:
        """Return the Dags that worked up to the deploy, and fail since then as they never did before.

        All their runs that count failed, more of them in a row than ever before, where two or more failed in
        a row. A streak that ended in the deploy is not new; a single failure just before it makes the next
        ones a streak. So failures that come in bursts, or at the same hour of each day, are no evidence once
        the past shows them.
        """
        return tuple(sorted(filter(self._is_broken, self._failing)))

    def _is_broken(self, dag_id: str) -> bool:
        if dag_id not in self.baseline.chances or self.dags[dag_id].undecided or not self._is_new(dag_id):
            return False
        past = self.baseline.dags[dag_id]
        return not past.last_failed or past.longest_streak < _STREAK <= self.dags[dag_id].failed

    def _is_new(self, dag_id: str) -> bool:
        """Return whether a Dag worked before and now fails as it never did."""
        past = self.baseline.dags.get(dag_id, DagPast())
        longest = past.longest_streak
        return past.worked and (longest < _STREAK or self.dags[dag_id].failed > longest)

    def log_value(self, share: float = BROKEN) -> float:
        """Return the logarithm of the evidence of all Dags together.

        It is a weighted mean of two e-values. The first expects that the deploy affects a tenth of the Dags,
        the second that it affects two of them.

        :param share: the share of runs of such a Dag that fail.
        """
        factors = [self._log_factor(dag_id, share) for dag_id in self.baseline.chances]
        number = len(factors)
        if number < LEAST_BROKEN_DAGS:
            return 0.0
        tenth = log(1 - _WEIGHT_OF_TWO) + sum(log1p(_SHARE_OF_DAGS * (exp(x) - 1)) for x in factors)
        two = _WEIGHT_OF_TWO * _mean_product_of_two([exp(x) for x in factors])
        return log(exp(min(tenth, _LARGEST_LOG)) + two) if two or tenth > -_LARGEST_LOG else tenth

    def factor(self, dag_id: str) -> float:
        """Return the evidence of one Dag; 1 without enough of a past."""
        return exp(self._log_factor(dag_id, BROKEN)) if dag_id in self.baseline.chances else 1.0

    def _log_factor(self, dag_id: str, share: float) -> float:
        """Return how much more likely the runs are if the Dag is affected than by its past, as a logarithm.

        By its past, each run that fails makes the next failure more likely: its chance is not known exactly.
        Runs that fail often end early. So an unfinished run counts as a success until it ends.
        """
        dag = self.dags.get(dag_id)
        if dag is None:
            return 0.0
        failed, others = dag.failed, dag.succeeded + len(dag.open)
        a, b = self.baseline.chances[dag_id]
        rate = max(share, a / (a + b))  # a Dag that fails more seldom than before is no evidence
        by_its_past = _log_beta(a + failed, b + others) - _log_beta(a, b)
        return min(failed * log(rate) + others * log(1 - rate) - by_its_past, _LARGEST_LOG)

    # What prevents the verdict healthy

    def failing(self) -> tuple[str, ...]:
        """Return the Dags that worked before and of which each run since that ended failed."""
        return tuple(sorted(x for x in self._failing if not self.dags[x].succeeded and self._is_new(x)))

    def all_due_succeeded(self) -> bool:
        """Return whether each Dag that was due or has begun, and each critical one, has succeeded."""
        due = {*self._due(), *self.case.critical}
        return bool(due) and all(dag_id in self.dags and self.dags[dag_id].works for dag_id in due)

    def without_result(self) -> tuple[str, ...]:
        """Return Dags that finished runs before and none after, although one was due or has begun.

        Return none if they are few: those may be slow, or removed on purpose.
        """
        due = self._due()
        missing = [x for x in due if x not in self.dags or (not self._ended(x) and self.dags[x].open)]
        least = max(LEAST_BROKEN_DAGS, len(due) / _DUE_DAGS_FOR_ONE_WITHOUT_RESULT)
        return tuple(missing) if len(missing) >= least else ()

    def critical_without_result(self) -> tuple[str, ...]:
        """Return the critical Dags without a run after the deploy that ended and counts."""
        return tuple(dag_id for dag_id in self.case.critical if not self._ended(dag_id))

    def only_waited(self) -> tuple[str, ...]:
        """Return the Dags that ran before, and since then failed only because of other Dags."""
        return tuple(
            sorted(
                dag_id
                for dag_id, dag in self.dags.items()
                if dag_id in self.baseline.dags and dag.waited and not dag.counts.runs
            )
        )

    def only_uncounted(self) -> tuple[str, ...]:
        """Return the Dags that worked before, and of which no run since counts and each that ended failed.

        Other Dags started their runs. Return none if there is only one such Dag.
        """
        failing = sorted(
            dag_id
            for dag_id, failed in self._uncounted.items()
            if dag_id in self.baseline.worked_uncounted and dag_id not in self.dags and all(failed.values())
        )
        return tuple(failing) if len(failing) >= LEAST_BROKEN_DAGS else ()

    def stopped_upstream(self, now: datetime) -> tuple[str, ...]:
        """Return the Dags that others wait for, that ran before and do not run since.

        :param now: the time; a Dag that runs once a day is not missed within an hour.
        """
        if not any(dag.waited for dag in self.dags.values()):
            return ()
        silent = self.silent(now)
        return tuple(x for x in silent if x in self._waited_for) if self._waited_for else silent

    def silent(self, now: datetime) -> tuple[str, ...]:
        """Return Dags that were due since the landing by their frequency before, and have not begun a run."""
        within = min(now, self.case.since.end) - self.case.landed_at
        return tuple(
            sorted(x for x in self.baseline.dags if x not in self.dags and self.baseline.is_due(x, within))
        )

    def failing_critical_dags(self) -> dict[str, DagSince]:
        """Return the critical Dags of which all ended runs since the deploy failed.

        A Dag that did not work before is left out. A Dag without a known run before is not.
        """
        past = self.baseline.dags
        rows = ((dag_id, self.dags[dag_id]) for dag_id in self.case.critical if dag_id in self.dags)
        return {
            dag_id: dag
            for dag_id, dag in rows
            if dag.failed and not dag.succeeded and (dag_id not in past or past[dag_id].worked)
        }

    def _due(self) -> list[str]:
        horizon, known = self.case.rule.horizon, self.baseline
        return sorted(x for x in known.dags if x in self.dags or known.is_due(x, horizon))

    def _ended(self, dag_id: str) -> bool:
        return dag_id in self.dags and self.dags[dag_id].counts.runs > 0

    # For a user

    def relevant_dags(self) -> tuple[DagEvidence, ...]:
        """Return the critical Dags and those that failed after the deploy, the most important first."""
        broken, no_run = set(self.broken()), DagSince(self.case.settled_at)
        critical = self.case.critical
        rows = [
            DagEvidence(
                dag_id,
                self.baseline.dags.get(dag_id, DagPast()).counts,
                dag.counts,
                self.factor(dag_id),
                dag_id in broken,
                dag_id in critical,
            )
            for dag_id in {*self.dags, *critical}
            if (dag := self.dags.get(dag_id, no_run)).failed or dag_id in critical
        ]
        rows.sort(key=lambda row: (not row.broken, not row.critical, -row.factor, row.dag_id))
        return tuple(rows[:MOST_DAGS])

    def left_out(self) -> dict[str, int]:
        """Return the reasons why runs do not count, with their numbers, before and after together."""
        return dict(Counter(self.baseline.left_out) + Counter(self._left_out.values()))


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _mean_product_of_two(values: list[float]) -> float:
    """Return the mean of the products of all pairs, without the cancellation of the shorter formula."""
    total = products = 0.0
    for value in values:
        products += value * total
        total += value
    return products / (len(values) * (len(values) - 1) / 2)
