# SPDX-License-Identifier: Apache-2.0
"""How often the health check is wrong, and how soon it is right: simulated deploys, evaluated as they happen.

Each Dag runs once to four times an hour at a phase of its own, and has its own chance to fail without a
reason: near zero for most, high for some. A deploy that breaks a Dag makes every run of it fail. The rule is
the package's own; it gets the runs minute by minute, as a task polls them. ``docs/deploy-health.md`` has the
figures. ``python -m benchmarks.judge 0.05`` simulates a twentieth of the deploys, and draws no plot.
"""

from __future__ import annotations

import os
import random
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from math import log
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.runs import DagRun
from airflow_rollback_provider.health.case import HealthCase
from airflow_rollback_provider.health.evaluate import Observation, evaluate
from airflow_rollback_provider.health.evidence import (
    LEAST_BROKEN_DAGS,
    LEAST_FAILED_RUNS,
    Baseline,
    DagPast,
    Evidence,
)
from airflow_rollback_provider.health.poller import Observer
from airflow_rollback_provider.health.rule import HealthRule
from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook
from tests.support.fake_airflow import FakeAirflow, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEED = 20261101
TRIALS = 500
TRIALS_OF_FALSE_ALARMS = 20_000
PLOT = Path(__file__).parents[1] / "docs" / "images" / "time-to-verdict.svg"
TOLERANCES = (15, 30, 60)
_LANDED = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
_DAY, _HORIZON, _SETTLED = 24 * 60, 2 * 60, 5
_LEAST_RELIABLE = 0.5
_MINUTES = [_LANDED + timedelta(minutes=number) for number in range(4 * 60)]

Episodes = list[tuple[float, float]]
"""Times in which every run of a Dag fails, in minutes since the landing."""


@dataclass(frozen=True)
class Deployment:
    """A Deployment to simulate.

    :param dags: how many Dags it has.
    :param failures: mean chance of a run to fail anyway.
    :param runs_per_hour: the possible rates; each Dag has a random one.
    :param broken: share of the Dags that the deploy breaks.
    :param breaks: share of the runs of such a Dag that fail.
    :param outage: minutes from the landing in which 30 % of the Dags fail.
    :param takes: minutes until a run succeeds; it fails within one.
    :param episodes: makes the times in which each Dag fails for another reason than the deploy.
    """

    dags: int = 40
    failures: float = 0.01
    runs_per_hour: tuple[int, ...] = (4, 2, 1, 1)
    broken: float = 0.0
    breaks: float = 1.0
    outage: int = 0
    takes: int = 1
    episodes: Callable[[random.Random, int], list[Episodes]] | None = None


@dataclass
class Tried:
    """The results of many deploys.

    :param times: minutes from the landing to each verdict, by verdict.
    """

    trials: int = 0
    times: dict[str, list[int]] = field(default_factory=dict)

    def share(self, verdict: str) -> float:
        """Return the percentage of deploys with this verdict."""
        return 100 * len(self.times.get(verdict, ())) / self.trials

    def soon(self, verdict: str) -> str:
        """Return the median time to this verdict, and the time by which nine of ten are there."""
        times = sorted(self.times.get(verdict, ()))
        return f"{median(times):.0f}, {times[int(0.9 * len(times))]} min" if times else "-"


def simulate(deployment: Deployment, trials: int, *, seed: int = SEED) -> Tried:
    """Evaluate a number of deploys of a Deployment, minute by minute, until each has its verdict."""
    rng, tried = random.Random(seed), Tried(trials)
    case = HealthCase(_LANDED, _LANDED)
    for _ in range(trials):
        baseline, polls = _observed(_drawn(deployment, rng), deployment.takes)
        verdict, minute = _first_verdict(Evidence(case, baseline), polls)
        tried.times.setdefault(verdict, []).append(minute)
    return tried


def regressions(
    deployment: Deployment, trials: int, tolerances: tuple[int, ...] = (30,), *, seed: int = SEED
) -> list[Tried]:
    """Find the regressions among a number of deploys, for each of some tolerances in minutes.

    Only runs count here, and only deploys that may be a regression are evaluated, which is much faster. What
    is no regression with a tolerance is none with a longer one.
    """
    rng, found = random.Random(seed), [Tried(trials) for _ in tolerances]
    rules = [HealthRule(outage_tolerance=timedelta(minutes=minutes)) for minutes in sorted(tolerances)]
    for _ in range(trials):
        dags = _drawn(deployment, rng)
        if not _may_regress(dags, min(tolerances)):
            continue
        baseline, polls = _observed(dags, deployment.takes)
        for rule, tried in zip(rules, found, strict=True):
            minute = _first_alarm(Evidence(HealthCase(_LANDED, _LANDED, rule), baseline), polls)
            if minute is None:
                break
            tried.times.setdefault("regressed", []).append(minute)
    return found


def _first_alarm(evidence: Evidence, polls: list[list[DagRun]]) -> int | None:
    for minute, runs in enumerate(polls):
        if runs:
            evidence.add(runs)
            if evidence.alarming():
                return minute
    return None


def _first_verdict(evidence: Evidence, polls: list[list[DagRun]]) -> tuple[str, int]:
    for minute, runs in enumerate(polls):
        evidence.add(runs)
        found = evaluate(evidence, Observation(_LANDED + timedelta(minutes=minute)))
        if not any(reason.code == "TOO-EARLY" for reason in found.reasons):
            return found.verdict.value, minute
    raise AssertionError("The last poll is at the end of the horizon.")


@dataclass(frozen=True)
class Outcomes:
    """The runs of one Dag.

    :param starts: when they begin, in minutes since the landing.
    :param fails: which of them fail.
    :param first: the index of the first run after the landing.
    """

    starts: range
    fails: list[bool]
    first: int

    def streak(self) -> list[int]:
        """Return when the runs began that failed since the landing, before one succeeds that counts."""
        found = []
        for start, failed in zip(self.starts[self.first :], self.fails[self.first :], strict=True):
            if failed:
                found.append(start)
            elif start >= _SETTLED:
                break
        return found


def _drawn(deployment: Deployment, rng: random.Random) -> list[Outcomes]:
    """Return the runs of all Dags before and after a deploy."""
    found = []
    broken, hit = round(deployment.broken * deployment.dags), round(0.3 * deployment.dags)
    episodes = deployment.episodes(rng, deployment.dags) if deployment.episodes else [[]] * deployment.dags
    for number in range(deployment.dags):
        gap = 60 // rng.choice(deployment.runs_per_hour)
        starts = range(rng.randrange(gap) - _DAY, _HORIZON, gap)
        fails = _failures(rng, deployment.failures, starts, episodes[number])
        first = -(starts[0] // gap)
        for index in range(first, len(starts)):
            by_deploy = number < broken and rng.random() < deployment.breaks
            by_outage = starts[index] < deployment.outage and deployment.dags - number <= hit
            fails[index] = fails[index] or by_deploy or by_outage
        found.append(Outcomes(starts, fails, first))
    return found


def _may_regress(dags: list[Outcomes], tolerance: int) -> bool:
    """Return whether the runs after the landing allow a regression, whatever the past. Most do not."""
    streaks = [streak for streak in (dag.streak() for dag in dags) if streak]
    passed = min((streak[0] for streak in streaks), default=0) + tolerance
    lasting = [len(streak) for streak in streaks if streak[-1] >= passed]
    return len(lasting) >= LEAST_BROKEN_DAGS and sum(lasting) >= LEAST_FAILED_RUNS


def _observed(dags: list[Outcomes], takes: int) -> tuple[Baseline, list[list[DagRun]]]:
    """Return the Dags before a deploy, and the runs that each poll after it finds new or changed."""
    past: dict[str, DagPast] = {}
    polls: list[list[DagRun]] = [[] for _ in range(_HORIZON + 1)]
    for number, dag in enumerate(dags):
        dag_id = f"dag_{number}"
        rows = list(zip(dag.starts, dag.fails, strict=True))
        before = [failed for start, failed in rows[: dag.first] if failed or start + takes < 0]
        past[dag_id] = DagPast.of(before)  # a run that succeeds after the landing ran across the deploy
        for start, failed in rows[dag.first :]:
            end = start + (1 if failed else takes)
            if end - start > 1:  # a shorter run begins and ends between two polls
                polls[start].append(_run(dag_id, start, "running", None))
            if end <= _HORIZON:
                polls[end].append(_run(dag_id, start, "failed" if failed else "success", end))
    return Baseline(timedelta(minutes=_DAY), past), polls


def _failures(rng: random.Random, mean: float, starts: range, episodes: Episodes) -> list[bool]:
    """Return which runs of a Dag fail anyway. The number of runs from one to the next is drawn, for speed."""
    fails = [False] * len(starts)
    if episodes:
        fails = [any(begin <= start < end for begin, end in episodes) for start in starts]
    chance = min(_LEAST_RELIABLE, rng.expovariate(1 / mean)) if mean else 0
    position = -1
    while chance:
        position += 1 + int(log(1 - rng.random()) / log(1 - chance))
        if position >= len(starts):
            break
        fails[position] = True
    return fails


def _run(dag_id: str, start: int, state: str, end: int | None) -> DagRun:
    ended_at = None if end is None else _MINUTES[end]
    return DagRun(dag_id, str(start), "scheduled", state, _MINUTES[start], ended_at)


# Failures that are not independent


def in_bursts(share: float, mean: float) -> Callable[[random.Random, int], list[Episodes]]:
    """Each Dag fails in bursts of its own.

    :param share: mean share of the time in a burst.
    :param mean: mean length of a burst, in minutes.
    """

    def make(rng: random.Random, dags: int) -> list[Episodes]:
        return [_bursts(rng, min(_LEAST_RELIABLE, rng.expovariate(1 / share)), mean) for _ in range(dags)]

    return make


def _bursts(rng: random.Random, share: float, mean: float) -> Episodes:
    found, time, good = [], -1.5 * _DAY, mean * (1 - share) / max(share, 1e-9)
    while time < _DAY:
        begin = time + rng.expovariate(1 / good)
        time = begin + rng.expovariate(1 / mean)
        found.append((begin, time))
    return found


def by_hour(length: int) -> Callable[[random.Random, int], list[Episodes]]:
    """A third of the Dags fails at the same hour of each day; the deploy lands at any hour."""

    def make(rng: random.Random, dags: int) -> list[Episodes]:
        begin = rng.uniform(0, _DAY)
        nights = [(begin + day * _DAY, begin + day * _DAY + length) for day in (-2, -1, 0)]
        return [nights if number < dags // 3 else [] for number in range(dags)]

    return make


def together(rng: random.Random, dags: int) -> list[Episodes]:
    """Ten Dags use one database, which fails once a day for an hour in the mean."""
    outages = _bursts(rng, 1 / 25, 60)
    return [outages if number < 10 else [] for number in range(dags)]


# The figures


def run(share: float = 1.0) -> Iterator[str]:
    """Print all figures of the health check, and draw the plot.

    :param share: the share of the deploys to simulate. The plot needs all of them.
    """
    begin, trials = time.monotonic(), max(10, int(share * TRIALS))
    yield f"seed {SEED}"
    yield from _false_alarms(max(100, int(share * TRIALS_OF_FALSE_ALARMS)))
    yield from _caught(trials)
    yield from _dependent(2 * trials)
    yield from _verdicts(max(10, trials // 5))
    yield _cost()
    yield _requests()
    if share >= 1:
        PLOT.write_text(plot(trials // 5), encoding="utf-8")
        yield f"drew {PLOT.name}"
    yield f"{(time.monotonic() - begin) / 60:.1f} minutes"


def _false_alarms(trials: int) -> Iterator[str]:
    yield ""
    yield _columns("nothing changed: false alarms", *(f"{x} min" for x in TOLERANCES), "deploys")
    for dags, failures in ((40, 0.01), (20, 0.05), (40, 0.05), (100, 0.05)):
        good = Deployment(dags, failures)
        yield _regressed(f"{dags} Dags, {failures:.0%} fail anyway", good, trials, "{:.3f} %")
    long = Deployment(failures=0.1, takes=150)
    yield _regressed("40 Dags, 10 %, good runs take 150 min", long, trials // 10)
    for minutes, some in ((15, trials // 2), (30, trials // 10), (60, trials // 10)):
        outage = Deployment(outage=minutes)
        yield _regressed(f"outage of {minutes} min at 30 % of 40 Dags", outage, some)


def _caught(trials: int) -> Iterator[str]:
    yield ""
    yield _columns("caught, median, nine of ten by", *(f"{x} min" for x in TOLERANCES), "deploys")
    for broken in (0.05, 0.1, 0.2, 0.5):
        yield _regressed(f"{broken:.0%} of 40 Dags broken", Deployment(broken=broken), trials)
    hourly = Deployment(runs_per_hour=(1,), broken=0.2)
    yield _regressed("20% of 40 hourly Dags broken", hourly, trials)
    for dags, failures in ((20, 0.01), (20, 0.05), (40, 0.05), (100, 0.01), (100, 0.05), (500, 0.01)):
        tenth = Deployment(dags, failures, broken=0.1)
        some = trials if dags < 500 else trials // 10
        yield _regressed(f"10% of {dags} Dags, {failures:.0%} fail anyway", tenth, some)


def _regressed(title: str, deployment: Deployment, trials: int, share: str = "{:.2f} %") -> str:
    values = [
        share.format(tried.share("regressed")) + (f", {tried.soon('regressed')}" if deployment.broken else "")
        for tried in regressions(deployment, trials, TOLERANCES)
    ]
    return _columns(title, *values, f"{trials:,}")


def _dependent(trials: int) -> Iterator[str]:
    yield ""
    yield _columns(
        "failures that are not independent: false alarms", *(f"{x} min" for x in TOLERANCES), "deploys"
    )
    for title, make in (
        ("bursts of 1 h, 1 % of the time", in_bursts(0.01, 60)),
        ("bursts of 2 h, 1 % of the time", in_bursts(0.01, 120)),
        ("bursts of 1 h, 5 % of the time", in_bursts(0.05, 60)),
        ("bursts of 2 h, 5 % of the time", in_bursts(0.05, 120)),
        ("a third of the Dags, the same 1 h each day", by_hour(60)),
        ("a third of the Dags, the same 2 h each day", by_hour(120)),
        ("ten Dags together, 1 h once a day", together),
    ):
        one = Deployment(failures=0.0 if "bursts" in title else 0.01, episodes=make)
        yield _regressed(title, one, trials)


def _verdicts(trials: int) -> Iterator[str]:
    yield ""
    yield _columns("40 Dags", "regressed", "inconclusive", "healthy", "healthy after", "deploys")
    half = replace(Deployment(), broken=0.2, breaks=0.5)
    for title, one in (
        ("nothing changed, 1 % fail anyway", Deployment()),
        ("the same, all run four times an hour", Deployment(runs_per_hour=(4,))),
        ("the same, all run hourly", Deployment(runs_per_hour=(1,))),
        ("nothing changed, 5 % fail anyway", Deployment(failures=0.05)),
        ("outage of 30 min", Deployment(outage=30)),
        ("a tenth broken", Deployment(broken=0.1)),
        ("a fifth fails every other run", half),
    ):
        tried = simulate(one, trials)
        shares = [f"{tried.share(name):.1f} %" for name in ("regressed", "inconclusive", "healthy")]
        yield _columns(title, *shares, tried.soon("healthy"), f"{trials:,}")


def _cost() -> str:
    """Return the time of a poll of a large Deployment."""
    case = HealthCase(_LANDED, _LANDED)
    dags = _drawn(Deployment(1_000, runs_per_hour=(60,)), random.Random(SEED))
    baseline, polls = _observed(dags, takes=2)
    evidence = Evidence(case, baseline)
    seconds = []
    for minute, runs in enumerate(polls):
        begin = time.process_time()
        evidence.add(runs)
        evaluate(evidence, Observation(_LANDED + timedelta(minutes=minute)))
        seconds.append(time.process_time() - begin)
    slowest, usual = 1000 * max(seconds), 1000 * median(seconds)
    return f"\n1,000 Dags, a run a minute: {usual:.0f} ms of CPU for the usual poll, {slowest:.0f} ms at most"


def _requests() -> str:
    """Return the number of requests of a poll of a large Deployment, polled each minute."""
    airflow, numbers = FakeAirflow(), []
    observer = Observer(HealthCase(_LANDED, _LANDED))
    with serving(airflow):
        os.environ["AIRFLOW_CONN_LARGE"] = airflow.connection()
        hook = AirflowApiHook("large")
        for minute in range(-20, 5):
            for number in range(1_000):
                began = _LANDED + timedelta(minutes=minute, seconds=60 * number / 1_000)
                airflow.add_runs(f"dag_{number}", [began])
            if minute >= 0:
                airflow.requests.clear()
                hook.run(observer.poll(hook.api, _LANDED + timedelta(minutes=minute + 1)))
                numbers.append(len(airflow.requests))
    return f"the same: {numbers[0]} requests for the first poll, {numbers[-1]} for the usual poll"


# The plot

_WIDTH, _HEIGHT, _LEFT, _TOP = 560, 320, 60, 20
_COLORS = ("#2a78d6", "#1b7f4b", "#b3541e")
_SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)


def plot(trials: int) -> str:
    """Return the median time to the verdict against the share of broken Dags, as an SVG."""
    tried = [regressions(Deployment(broken=share), trials, TOLERANCES) for share in _SHARES]
    parts = [_axes()]
    for number, (tolerance, color) in enumerate(zip(TOLERANCES, _COLORS, strict=True)):
        times = [median(one[number].times["regressed"]) for one in tried]
        points = [_point(share, minutes) for share, minutes in zip(_SHARES, times, strict=True)]
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{color}"/>' for x, y in points]
        x, y = points[-1]
        parts.append(f'<text x="{x + 8:.0f}" y="{y + 4:.0f}" fill="{color}">{tolerance} min</text>')
    size = f'width="{_WIDTH + 120}" height="{_HEIGHT + 80}"'
    style = 'font-family="sans-serif" font-size="13"'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>',
        '<rect width="100%" height="100%" fill="#fff"/>',
        *parts,
        "</svg>\n",
    ])


def _point(share: float, minutes: float) -> tuple[float, float]:
    return _LEFT + share / 0.5 * (_WIDTH - 40), _TOP + _HEIGHT - minutes / 120 * _HEIGHT


def _axes() -> str:
    parts = []
    for minutes in range(0, 121, 30):
        x, y = _point(0, minutes)
        parts.append(f'<path d="M{x:.0f} {y:.0f}H{_LEFT + _WIDTH - 40}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 8:.0f}" y="{y + 4:.0f}" text-anchor="end">{minutes}</text>')
    for share in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5):
        x, y = _point(share, 0)
        parts.append(f'<text x="{x:.0f}" y="{y + 18:.0f}" text-anchor="middle">{share:.0%}</text>')
    parts.append(f'<text x="{_LEFT}" y="{_TOP + _HEIGHT + 44}">share of 40 Dags that the deploy broke</text>')
    parts.append(f'<text x="{_LEFT}" y="14">minutes from the landing to the verdict (median)</text>')
    parts.append(f'<text x="{_LEFT + _WIDTH + 55}" y="14" text-anchor="end">outage_tolerance</text>')
    return "\n".join(parts)


def _columns(title: str, *values: str) -> str:
    return f"{title:48}" + "".join(f"{value:>22}" for value in values)


if __name__ == "__main__":
    for text in run(*map(float, sys.argv[1:2])):
        print(text, flush=True)
