# SPDX-License-Identifier: Apache-2.0
"""Which runs count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_rollback_provider.domain.runs import Counts, Period, last_starts, why_left_out
from tests.support.health_cases import LANDED, run

PERIOD = Period(LANDED, LANDED + timedelta(hours=1))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, None),
        ({"state": "failed"}, None),
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
def test_runs_that_do_not_count(values: dict[str, Any], why: str | None) -> None:
    """A run is left out for one reason, which is in the evidence."""
    assert why_left_out(run("a", **values), ("scheduled",), PERIOD.end) == why


def test_other_types_can_count() -> None:
    """The rule may include runs that assets started."""
    row = run("a", run_type="asset_triggered")
    assert why_left_out(row, ("scheduled", "asset_triggered"), None) is None


@pytest.mark.parametrize(("seconds", "inside"), [(-1, False), (0, True), (3599, True), (3600, False)])
def test_the_beginning_belongs_to_a_period(seconds: int, inside: bool) -> None:
    """Periods that follow each other share no run and lose none; a queued run has no start yet."""
    assert PERIOD.has(LANDED + timedelta(seconds=seconds)) is inside
    assert not PERIOD.has(None)


def test_last_starts() -> None:
    """The latest start of each Dag, in whatever order its runs come."""
    rows = [run("a", 9), run("a", 3), run("b", 5), run("c", started_at=None, ended_at=None)]
    assert last_starts(rows) == {"a": rows[0].started_at, "b": rows[2].started_at}


def test_periods_and_counts_in_words() -> None:
    """As they stand in logs."""
    assert str(PERIOD) == "2026-11-01 12:00 to 13:00"
    assert str(Period(LANDED, LANDED + timedelta(days=1))) == "2026-11-01 12:00 to 2026-11-02 12:00"
    assert str(Counts(3, 7)) == "3 of 10 failed"
