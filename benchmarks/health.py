# SPDX-License-Identifier: Apache-2.0
"""How often the evaluation is wrong: deploys that changed nothing, and deploys that broke Dags, simulated.

Each Dag has its own random chance to fail: near zero for most, high for some. Deploys that change nothing do
not affect it; after deploys that break a share of the Dags, those fail in every run. The evaluation is the
real one with its default numbers. It is compared with a naive rule: the failure rate has doubled.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.runs import Counts, DagRun, Period, Tally
from airflow_rollback_provider.health.case import HealthCase
from airflow_rollback_provider.health.evaluate import Observation, evaluate
from airflow_rollback_provider.health.rule import HealthRule

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261101
TRIALS = 1_000
TRIALS_OF_FALSE_ALARMS = 20_000
_LANDED = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
_LEAST_RELIABLE = 0.5
_NAIVE_FACTOR = 2


@dataclass(frozen=True)
class Deployment:
    """A Deployment to simulate.

    :param dags: how many Dags it has.
    :param failures: mean random chance of a run to fail.
    :param runs_per_hour: the possible rates; each Dag has a random one.
    :param window: length of a window after the deploy, in hours.
    :param broken: share of the Dags that the deploy breaks.
    :param outage: share of the Dags with an external outage in the first window only.
    :param takes: minutes until a run succeeds; it fails within one.
    """

    dags: int = 40
    failures: float = 0.01
    runs_per_hour: tuple[int, ...] = (4, 2, 1, 1)
    window: int = 1
    broken: float = 0.0
    outage: float = 0.0
    takes: int = 1


@dataclass
class Tried:
    """The results of many deploys."""

    trials: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    naive: int = 0

    def share(self, verdict: str) -> float:
        """Return the percentage of deploys with this verdict."""
        return 100 * self.verdicts[verdict] / self.trials

    @property
    def naive_share(self) -> float:
        """Return the percentage of deploys to which the naive rule applied."""
        return 100 * self.naive / self.trials


def simulate(deployment: Deployment, trials: int, seed: int = SEED) -> Tried:
    """Evaluate a number of deploys of a Deployment."""
    rng, tried = random.Random(seed), Tried()
    rule = HealthRule(window=timedelta(hours=deployment.window))
    case = HealthCase(_LANDED, _LANDED, rule)
    for _ in range(trials):
        before, runs = _one(deployment, case, rng)
        seen = Observation(case.verdict_at, runs, (), {"scheduler": "healthy"})
        tried.trials += 1
        tried.verdicts[evaluate(case, before, seen).verdict.value] += 1
        tried.naive += _doubled(before, [run for run in runs if case.windows[0].has(run.started_at)])
    return tried


def _one(deployment: Deployment, case: HealthCase, rng: random.Random) -> tuple[Tally, tuple[DagRun, ...]]:
    hours = int(case.rule.before.total_seconds() // 3600)
    broken, hit = round(deployment.broken * deployment.dags), round(deployment.outage * deployment.dags)
    before: dict[str, Counts] = {}
    runs: list[DagRun] = []
    for number in range(deployment.dags):
        dag_id, rate = f"dag_{number}", rng.choice(deployment.runs_per_hour)
        chance = min(_LEAST_RELIABLE, rng.expovariate(1 / deployment.failures))
        failures = [rng.random() < chance for _ in range(rate * hours)]
        ended = failures[: rate * hours - rate * deployment.takes // 60]  # the rest succeed after the deploy
        before[dag_id] = Counts(sum(failures), ended.count(False))
        for index, window in enumerate(case.windows):
            certain = number < broken or (index == 0 and deployment.dags - number <= hit)
            outcomes = [certain or rng.random() < chance for _ in range(rate * deployment.window)]
            for start, failed in zip(_starts(window, len(outcomes)), outcomes, strict=True):
                end = start + timedelta(minutes=1 if failed else deployment.takes)
                runs.append(_run(dag_id, start, end, failed, case.verdict_at))
    return Tally(before), tuple(runs)


def _starts(window: Period, number: int) -> Iterator[datetime]:
    pause = (window.end - window.begin) / number
    return (window.begin + position * pause for position in range(number))


def _run(dag_id: str, start: datetime, end: datetime, failed: bool, seen_at: datetime) -> DagRun:
    if end > seen_at:
        return DagRun(dag_id, f"{start}", "scheduled", "running", start, None)
    return DagRun(dag_id, f"{start}", "scheduled", "failed" if failed else "success", start, end)


def _doubled(before: Tally, first: list[DagRun]) -> bool:
    """Return whether the naive rule applies: in the first window the failure rate has more than doubled."""
    was = before.total(before.dags)
    return sum(run.failed for run in first) / len(first) > _NAIVE_FACTOR * was.failed / was.runs


def run() -> Iterator[str]:
    """Simulate good and bad deploys of Deployments of several sizes."""
    usual = Deployment()
    yield f"40 Dags, 1 % of runs fail anyway, windows of an hour; seed {SEED}"
    yield _columns("deploys that …", "regressed", "inconclusive", "healthy", "naive rule fires")
    yield _verdicts("changed nothing", usual, TRIALS_OF_FALSE_ALARMS)
    yield _verdicts("changed nothing; outage in window 1", replace(usual, outage=0.3), TRIALS)
    long = replace(usual, failures=0.1, takes=150)
    yield _verdicts("changed nothing; 150 minutes, 10 % fail", long, TRIALS_OF_FALSE_ALARMS)
    for broken in (0.05, 0.1, 0.2, 0.5):
        yield _verdicts(f"broke {broken:.0%} of the Dags", replace(usual, broken=broken), TRIALS)
    yield ""
    yield "Deployments of other sizes; the deploy broke a tenth of the Dags, or changed nothing"
    yield _columns("Dags, runs that fail anyway, window", "caught", "false alarms", "", "naive false alarms")
    for dags in (20, 40, 100):
        for failures in (0.01, 0.02, 0.05):
            for window in (1, 2):
                yield _sizes(replace(usual, dags=dags, failures=failures, window=window))


def _verdicts(title: str, deployment: Deployment, trials: int) -> str:
    tried = simulate(deployment, trials)
    shares = [tried.share(verdict) for verdict in ("regressed", "inconclusive", "healthy")]
    return _columns(title, *(f"{share:.2f} %" for share in shares), f"{tried.naive_share:.1f} %")


def _sizes(deployment: Deployment) -> str:
    good, bad = simulate(deployment, TRIALS), simulate(replace(deployment, broken=0.1), TRIALS)
    return _columns(
        f"{deployment.dags}, {deployment.failures:.0%}, {deployment.window} h",
        f"{bad.share('regressed'):.1f} %",
        f"{good.share('regressed'):.2f} %",
        "",
        f"{good.naive_share:.1f} %",
    )


def _columns(title: str, *values: str) -> str:
    widths = (14, 14, 10, 20)
    return f"{title:40}" + "".join(f"{value:>{width}}" for value, width in zip(values, widths, strict=True))
