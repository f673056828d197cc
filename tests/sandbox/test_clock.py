# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_rollback_provider.sandbox.clock import Clock, from_iso, iso

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)


class Source:
    """A time source that a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def test_a_clock_runs_with_its_source_plus_an_offset() -> None:
    """Advancing jumps ahead, and time goes on from there."""
    source = Source()
    clock = Clock(source)
    clock.advance(10)
    source.now += timedelta(seconds=5)
    assert clock.now() == NOON + timedelta(seconds=15)


def test_a_frozen_clock_stands_until_it_is_moved_or_resumed() -> None:
    """A frozen clock moves by hand only, and resumes from its time."""
    source = Source()
    clock = Clock(source)
    clock.freeze()
    source.now += timedelta(hours=1)
    assert clock.now() == NOON
    clock.advance(30)
    assert clock.now() == NOON + timedelta(seconds=30)
    clock.resume()
    source.now += timedelta(seconds=1)
    assert clock.now() == NOON + timedelta(seconds=31)


def test_a_clock_can_be_set() -> None:
    """Setting the clock makes that the time."""
    clock = Clock(lambda: NOON)
    clock.set(NOON - timedelta(days=3))
    assert clock.now() == NOON - timedelta(days=3)


@pytest.mark.parametrize(
    "text", ["2026-11-23T12:00:00.000Z", "2026-11-23T12:00:00", "2026-11-23T13:00:00+01:00"]
)
def test_times_are_read_with_and_without_a_zone(text: str) -> None:
    """A time without a zone is UTC; Z is read on Python 3.10 too."""
    assert from_iso(text) == NOON
    assert iso(from_iso(text)) == "2026-11-23T12:00:00.000Z"
