# SPDX-License-Identifier: Apache-2.0
"""Which runs count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.runs import Counts, DagRun, Period, Tally, tally
from tests.support.health_cases import LANDED, run

PERIOD = Period(LANDED, LANDED + timedelta(hours=1))


def test_each_run_counts_once_by_its_outcome() -> None:
    """Two Dags with their failures and successes."""
    counted = tally([run("a", PERIOD), run("a", PERIOD, state="failed"), run("b", PERIOD)], PERIOD)
    assert counted == Tally({"a": Counts(1, 1), "b": Counts(0, 1)})


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"run_type": "manual"}, "manual"),
        ({"run_type": "backfill", "state": "failed"}, "backfill"),
        ({"run_type": "asset_triggered"}, "asset_triggered"),
        ({"state": "running", "ended_at": None}, "unfinished"),
        ({"state": "queued", "ended_at": None}, "unfinished"),
        ({"state": "failed", "upstream": True}, "upstream failed"),
        ({"ended_at": LANDED + timedelta(hours=2)}, "ran across the deploy"),
        ({"ended_at": None}, "ran across the deploy"),
    ],
)
def test_runs_that_do_not_count(values: dict[str, Any], why: str) -> None:
    """A run is left out for one reason, which is in the evidence."""
    counted = tally([run("a", PERIOD, **values)], PERIOD, ended_before=PERIOD.end)
    going = ({"a": 1}, frozenset("a")) if why == "unfinished" else ()
    assert counted == Tally({}, {why: 1}, *going)


@pytest.mark.parametrize(("minutes", "undecided"), [(1, "a"), (2, "a"), (3, "")])
def test_a_run_that_goes_on_decides_until_a_later_one_failed(minutes: int, undecided: str) -> None:
    """A run that began before the last failed one may succeed; a later one does not count."""
    failed = run("a", PERIOD, state="failed", started_at=LANDED + timedelta(minutes=2))
    going = run("a", PERIOD, state="running", ended_at=None, started_at=LANDED + timedelta(minutes=minutes))
    counted = tally([failed, going, run("b", PERIOD)], PERIOD)
    assert (counted.unfinished, counted.undecided) == ({"a": 1}, frozenset(undecided))


@pytest.mark.parametrize(
    "moment", [None, PERIOD.begin - timedelta(microseconds=1), PERIOD.end, PERIOD.end + timedelta(days=1)]
)
def test_runs_of_other_times(moment: Any) -> None:
    """A period includes its beginning and not its end; a queued run has no start yet."""
    row = DagRun("a", "r", "scheduled", "success", moment, moment)
    assert tally([row], PERIOD) == Tally()


def test_the_beginning_belongs_to_a_period() -> None:
    """Periods that follow each other share no run and lose none."""
    assert tally([run("a", PERIOD, started_at=PERIOD.begin)], PERIOD).dags == {"a": Counts(0, 1)}


def test_ignored_dags() -> None:
    """An ignored Dag is not counted under the left-out runs either."""
    assert tally([run("a", PERIOD), run("a", PERIOD, run_type="manual")], PERIOD, ignored=["a"]) == Tally()


def test_other_types_can_count() -> None:
    """The rule may include runs that assets started."""
    row = run("a", PERIOD, run_type="asset_triggered")
    assert tally([row], PERIOD, run_types=("scheduled", "asset_triggered")).dags == {"a": Counts(0, 1)}


@given(
    st.lists(
        st.builds(
            run,
            st.sampled_from("abc"),
            st.just(PERIOD),
            state=st.sampled_from(["success", "failed", "running"]),
            run_type=st.sampled_from(["scheduled", "manual"]),
            upstream=st.booleans(),
        )
    )
)
def test_no_run_is_lost(rows: list[DagRun]) -> None:
    """Each run of the period either counts or is left out with a reason."""
    counted = tally(rows, PERIOD)
    assert counted.total("abc").runs + sum(counted.left_out.values()) == len(rows)


def test_periods_and_counts_in_words() -> None:
    """As they stand in logs."""
    assert str(PERIOD) == "2026-11-01 12:00 to 13:00"
    assert str(Period(LANDED, LANDED + timedelta(days=1))) == "2026-11-01 12:00 to 2026-11-02 12:00"
    assert str(Counts(3, 7)) == "3 of 10 failed"
