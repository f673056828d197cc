# SPDX-License-Identifier: Apache-2.0
"""The rule: what each run adds to the evidence, and when it is enough for a regression."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from math import exp, log, prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.runs import Counts, DagRun
from airflow_rollback_provider.health.evidence import Baseline, DagPast, Evidence, count_before
from benchmarks.judge import Deployment, by_hour, regressions, simulate
from tests.support.health_cases import LANDED, before, case, evidence_of, going, hourly, run, usual

OUTCOMES = st.text("+-", min_size=1, max_size=30)
MINUTES = st.integers(0, 119)
PASTS = st.dictionaries(st.sampled_from("abcdef"), OUTCOMES)
SINCE = st.lists(
    st.builds(
        run,
        st.sampled_from("abcdef"),
        MINUTES,
        state=st.sampled_from(["success", "failed", "running"]),
        run_type=st.sampled_from(["scheduled", "scheduled", "manual"]),
        upstream=st.booleans(),
    ).map(lambda row: row if row.finished else going(row.dag_id, 1, started_at=row.started_at)),
    max_size=40,
)


def past_of(outcomes: dict[str, str]) -> list[DagRun]:
    """The runs before the deploy of some Dags."""
    return [row for dag_id, text in outcomes.items() for row in before(dag_id, text)]


def failed(dag_id: str, *minutes: float) -> list[DagRun]:
    """Failed runs of a Dag that began some minutes after the landing."""
    return [run(dag_id, minute, state="failed") for minute in minutes]


# The past


@pytest.mark.parametrize(
    ("outcomes", "past"),
    [
        ("+", DagPast(Counts(0, 1), 0, False)),
        ("-++--+", DagPast(Counts(3, 3), 2, False)),
        ("+++-", DagPast(Counts(1, 3), 1, True)),
    ],
)
def test_the_past_of_a_dag(outcomes: str, past: DagPast) -> None:
    """Its counts, its longest streak of failures, and whether it failed at last."""
    assert count_before(case(), before("a", outcomes)).dags == {"a": past}


def test_what_is_no_past() -> None:
    """Runs of other times, of ignored Dags, of other types, and across the deploy; two are counted."""
    across = run("a", -5, ended_at=LANDED + timedelta(minutes=1))
    rows = [
        run("a", -3),
        run("a", 3),
        run("a", -25 * 60),
        run("b", -3),
        run("a", -9, run_type="manual"),
        across,
    ]
    known = count_before(case(ignored=("b",)), rows)
    assert {dag_id: past.counts for dag_id, past in known.dags.items()} == {"a": Counts(0, 1)}
    assert known.left_out == {"manual": 1, "ran across the deploy": 1}


def test_a_careful_chance() -> None:
    """The prior has the Deployment's share of failures, and never more weight than the Dag's own runs."""
    past = past_of({"a": "+" * 40, "b": "+" * 6, "c": "-" * 6, "d": "+" * 4})
    chances = count_before(case(), past).chances
    assert chances["a"] == pytest.approx((1, 39 + 58 / 7))  # 7 of 58 by the careful estimate of the share
    assert chances["b"] == pytest.approx((1, 11))
    assert chances["c"] == pytest.approx((7, 5))
    assert "d" not in chances


@given(PASTS)
def test_chances_are_distributions(past: dict[str, str]) -> None:
    """Neither 0 nor 1 is possible, so that no single run is proof."""
    assert all(a >= 1 and b >= 1 for a, b in count_before(case(), past_of(past)).chances.values())


# The evidence


def test_the_evidence_of_all_dags() -> None:
    """It is the mean of two e-values: a tenth of the Dags is affected, or, with more weight, two are."""
    evidence = evidence_of(case(), usual(5), [*failed("dag_00", 6), *failed("dag_01", 7), run("dag_02", 8)])
    factors = [evidence.factor(f"dag_{number:02}") for number in range(5)]
    rate = 1 / (24 + 24)
    assert factors == pytest.approx([0.95 / rate, 0.95 / rate, 0.05 / (1 - rate), 1, 1])
    tenth = prod(0.9 + 0.1 * factor for factor in factors)
    two = sum(a * b for a, b in combinations(factors, 2)) / 10
    assert exp(evidence.log_value()) == pytest.approx(0.25 * tenth + 0.75 * two)


@given(PASTS, SINCE)
def test_the_evidence_does_not_depend_on_polls(past: dict[str, str], rows: list[DagRun]) -> None:
    """Runs that come one by one, in another order, twice, and first unfinished give the same evidence."""
    known = count_before(case(), past_of(past))
    once, piecemeal = Evidence(case(), known), Evidence(case(), known)
    once.add(rows)
    for row in reversed(rows):
        piecemeal.add([replace(row, state="running", ended_at=None)])
    random.Random(len(rows)).shuffle(rows)
    for row in [*rows, *rows]:
        piecemeal.add([row])
    assert piecemeal.log_value() == pytest.approx(once.log_value())
    assert piecemeal.left_out() == once.left_out()
    assert piecemeal.alarming() == once.alarming()
    assert piecemeal.relevant_dags() == once.relevant_dags()


@pytest.mark.parametrize("first", ["failed", "success"])
def test_a_run_that_was_cleared_and_ran_again(first: str) -> None:
    """Its last outcome counts."""
    evidence = evidence_of(case(), usual(), [run("dag_00", 6, state=first, run_id="r"), *failed("dag_00", 7)])
    again = "success" if first == "failed" else "failed"
    evidence.add([run("dag_00", 50, state=again, run_id="r")])
    assert evidence.dags["dag_00"].counts == (Counts(1, 1) if first == "failed" else Counts(2, 0))
    assert bool(evidence.failing()) is (first == "success")


@given(st.floats(0.001, 0.5), st.integers(5, 60), st.integers(1, 6))
def test_no_evidence_is_expected_of_a_dag_as_before(rate: float, runs: int, since: int) -> None:
    """Its expected factor is 1 if its chance to fail is one of those that its past allows: an e-value."""
    known = Baseline(timedelta(days=1), {"a": DagPast(Counts(int(rate * runs), runs - int(rate * runs)))})
    a, b = known.chances["a"]
    expected = 0.0
    for bits in range(2**since):
        outcomes = [bool(bits >> number & 1) for number in range(since)]
        evidence = Evidence(case(), known)
        evidence.add(run("a", 6 + n, state="failed" if bad else "success") for n, bad in enumerate(outcomes))
        weight = 1.0  # each outcome is drawn by the chance that is known by then
        for number, bad in enumerate(outcomes):
            before_it = sum(outcomes[:number])
            weight *= (a + before_it if bad else b + number - before_it) / (a + b + number)
        expected += weight * evidence.factor("a")
    assert expected == pytest.approx(1)


def test_a_second_failure_is_less_evidence_than_the_first() -> None:
    """The first shows that the chance to fail may be greater than it seemed."""
    factors = [evidence_of(case(), usual(), failed("dag_00", *range(n))).factor("dag_00") for n in range(3)]
    assert factors == pytest.approx([1, 0.95 * 48, 0.95 * 48 * 0.95 * 49 / 2])


@given(st.lists(st.booleans(), max_size=30), st.integers(0, 30))
def test_unfinished_runs_are_no_evidence_against_a_deploy(outcomes: list[bool], unfinished: int) -> None:
    """Until they end they count as successes: they never make a factor larger."""
    rows = [run("a", 6 + n, state="failed" if bad else "success") for n, bad in enumerate(outcomes)]
    evidence = evidence_of(case(), before("a", "+" * 24), rows)
    factor = evidence.factor("a")
    evidence.add(going("a", 40 + number) for number in range(unfinished))
    assert evidence.factor("a") <= factor


def test_a_thousand_dags_that_fail_for_hours() -> None:
    """The evidence is large and finite."""
    many = usual(1000)
    rows = [row for number in range(1000) for row in failed(f"dag_{number:02}", *range(0, 110, 10))]
    assert log(1000) < evidence_of(case(), many, rows).log_value() < 200


# A regression


def test_two_dags_that_fail_longer_than_an_outage() -> None:
    """It is one when two of them began a run half an hour after the first began to fail, and failed again."""
    evidence = evidence_of(case(), usual(), [*failed("dag_00", 1), *failed("dag_01", 6, 30)])
    evidence.add(failed("dag_00", 30.9))
    assert evidence.alarming() == ()
    evidence.add([*failed("dag_00", 31), *failed("dag_01", 31)])
    assert evidence.alarming() == ("dag_00", "dag_01")


def test_a_long_run_begins_to_fail_five_minutes_before_its_end() -> None:
    """An outage may be the reason of its failure, and may have begun long after the run."""
    late = LANDED + timedelta(minutes=21)
    evidence = evidence_of(case(), usual(), [run("dag_00", 1, state="failed", ended_at=late)])
    evidence.add([*failed("dag_01", 20), *failed("dag_00", 45), *failed("dag_01", 45)])
    assert evidence.alarming() == ()
    evidence.add([*failed("dag_00", 46), *failed("dag_01", 46)])
    assert evidence.alarming() == ("dag_00", "dag_01")


@pytest.mark.parametrize("more", [("dag_00", 45), ("dag_02", 46)], ids=["again", "a third Dag"])
def test_few_runs_that_fail_after_an_outage(more: tuple[str, float]) -> None:
    """The Dags that still fail after the tolerance have failed four runs together."""
    rows = [*failed("dag_00", 40), *failed("dag_01", 10, 41), *failed("dag_02", 3), *failed("dag_03", 4)]
    evidence = evidence_of(case(), usual(), rows)
    assert evidence.alarming() == ()
    evidence.add(failed(*more))
    assert evidence.alarming() == ("dag_00", "dag_01", "dag_02", "dag_03")


def test_a_single_failure_just_before_the_deploy() -> None:
    """It is no streak, but the next failure makes it one: that is new at the second failure since."""
    past = [*usual(1), *before("dag_01", "+" * 23 + "-"), *before("dag_02", "+" * 23 + "-"), *usual()[72:]]
    rows = [*failed("dag_00", 6, 66), *failed("dag_01", 7), *failed("dag_02", 8, 68)]
    evidence = evidence_of(case(), past, rows)
    assert evidence.broken() == ("dag_00", "dag_02")
    evidence.add(failed("dag_01", 67))
    assert evidence.broken() == ("dag_00", "dag_01", "dag_02")


BAD = {0, 1, 2}


@pytest.mark.parametrize(
    ("past", "more"),
    [
        (usual(), [run("dag_00", 40), run("dag_01", 41)]),
        ([*usual(1), *before("dag_01", "+" * 4), *before("dag_02", "+" * 4), *usual(20)[72:]], []),
        (
            [
                *usual(1),
                *before("dag_01", "-" * 14 + "+" * 10),
                *before("dag_02", "+-" * 12),
                *usual(20)[72:],
            ],
            [],
        ),
        ([*usual(1), *before("dag_01", "+" * 22 + "--"), *before("dag_02", "+" * 22 + "--")], []),
        ([*usual(1), *before("dag_01", "++--" + "+" * 20), *before("dag_02", "++--" + "+" * 20)], []),
        (usual(), [going("dag_00", 5), going("dag_01", 5)]),
    ],
    ids=[
        "they succeed now and then",
        "little past",
        "they did not work before",
        "they failed just before the deploy",
        "as many in a row failed before",
        "an earlier run may succeed",
    ],
)
def test_dags_that_are_not_broken(past: list[DagRun], more: list[DagRun]) -> None:
    """With two such Dags of three, the third is alone, and no evidence is enough."""
    rows = [row for number in BAD for row in failed(f"dag_{number:02}", 6 + number, 66 + number)]
    assert evidence_of(case(), usual(), rows).alarming()
    assert not evidence_of(case(), past, [*rows, *more]).alarming()


def test_dags_without_much_of_a_past_silence_no_others() -> None:
    """A thousand daily Dags that succeed do not change the evidence."""
    daily = [f"daily_{number}" for number in range(1000)]
    rows = hourly(failed=BAD)
    alone = evidence_of(case(), usual(), rows).log_value()
    past = [*usual(), *(row for dag_id in daily for row in before(dag_id, "+"))]
    assert evidence_of(case(), past, [*rows, *(run(dag_id, 9) for dag_id in daily)]).log_value() == alone


def test_a_success_just_after_the_landing_is_no_proof() -> None:
    """The content before may have run it; it lowers the evidence, but the Dag may be broken."""
    rows = [row for number in BAD for row in failed(f"dag_{number:02}", 20, 50, 80)]
    early = [run(f"dag_{number:02}", 4) for number in BAD]
    late = [run(f"dag_{number:02}", 6) for number in BAD]
    assert evidence_of(case(), usual(), [*early, *rows]).alarming()
    assert not evidence_of(case(), usual(), [*late, *rows]).alarming()


@given(PASTS, SINCE, st.integers(1, 25), MINUTES)
def test_an_outage_that_is_shorter_is_no_regression(
    past: dict[str, str], rows: list[DagRun], minutes: int, begin: int
) -> None:
    """If each run that was in progress during it failed, and no other, there is none, at no time."""
    evidence = Evidence(case(), count_before(case(), past_of(past)))
    for row in sorted((row for row in rows if row.finished), key=lambda row: str(row.ended_at)):
        hit = begin - 1 <= (row.started_at - LANDED) / timedelta(minutes=1) < begin + minutes  # type: ignore[operator]
        evidence.add([run(row.dag_id, started_at=row.started_at, state="failed" if hit else "success")])
        assert evidence.alarming() == ()


@given(PASTS, SINCE)
def test_what_a_regression_needs(past: dict[str, str], rows: list[DagRun]) -> None:
    """At least two Dags that worked and have no success, and evidence of a thousand."""
    evidence = evidence_of(case(), past_of(past), rows)
    for dag_id in evidence.alarming():
        assert evidence.baseline.dags[dag_id].worked
        assert not evidence.dags[dag_id].works
        assert evidence.log_value() >= log(1000)


# Simulated Deployments: the figures of docs/deploy-health.md, with fewer deploys


@pytest.mark.parametrize(
    ("deployment", "most"),
    [
        (Deployment(), 0.0),
        (Deployment(failures=0.05), 0.5),
        (Deployment(outage=15), 1.0),
        (Deployment(episodes=by_hour(120)), 0.5),
        (Deployment(failures=0.1, takes=150), 0.5),
    ],
    ids=["nothing changed", "unreliable Dags", "an outage", "by the hour", "long runs"],
)
def test_false_alarms(deployment: Deployment, most: float) -> None:
    """They are rare, as a percentage of deploys."""
    (tried,) = regressions(deployment, 100)
    assert tried.share("regressed") <= most


@pytest.mark.parametrize(
    ("deployment", "least", "minutes"),
    [
        (Deployment(broken=0.1), 98, 56),
        (Deployment(broken=0.5), 100, 42),
        (Deployment(20, 0.05, broken=0.1), 60, 90),
        (Deployment(40, 0.05, broken=0.1), 95, 62),
    ],
    ids=str,
)
def test_bad_deploys_are_caught(deployment: Deployment, least: float, minutes: float) -> None:
    """Most of them, and soon."""
    (tried,) = regressions(deployment, 60)
    assert tried.share("regressed") >= least
    assert sorted(tried.times["regressed"])[len(tried.times["regressed"]) // 2] <= minutes


def test_good_deploys_are_healthy_and_bad_ones_never_are() -> None:
    """Healthy Dags that run four times an hour say so within the first hour."""
    good: Any = simulate(Deployment(20, runs_per_hour=(4,)), 10)
    assert good.share("healthy") >= 90
    assert max(good.times["healthy"]) < 60
    assert simulate(Deployment(broken=0.1), 10).share("healthy") == 0
