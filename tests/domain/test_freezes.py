# SPDX-License-Identifier: Apache-2.0
"""Freezes: read from text, in their own zone."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.domain.guard_rails import Once, Weekly, read_freeze

UTC = timezone.utc
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
MINUTES = 7 * 24 * 60


def at(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "now", "until"),
    [
        ("fri 16:00 - mon 08:00", "2026-11-27T15:59", None),
        ("fri 16:00 - mon 08:00", "2026-11-27T16:00", "2026-11-30T08:00"),
        ("Friday 16:00-Monday 08:00", "2026-11-29T12:00", "2026-11-30T08:00"),
        ("fri 16:00 - mon 08:00", "2026-11-30T08:00", None),
        ("fri 16:00 - mon 08:00 Europe/Berlin", "2026-11-27T15:00", "2026-11-30T07:00"),
        ("fri 16:00 - mon 08:00 Europe/Berlin", "2026-07-31T14:00", "2026-08-03T06:00"),
        ("mon 9:00 - mon 17:00", "2026-11-23T12:00", "2026-11-23T17:00"),
        ("mon 9:00 - mon 17:00", "2026-11-23T17:00", None),
        ("mon 17:00 - mon 09:00", "2026-11-25T00:00", "2026-11-30T09:00"),
        ("mon 00:00 - mon 00:00", "2026-11-25T00:00", "2026-11-30T00:00"),
        # The night in which Berlin repeats an hour, and the one in which it skips one.
        ("sun 00:00 - sun 03:00 Europe/Berlin", "2026-10-25T01:59", "2026-10-25T02:00"),
        ("sun 02:30 - sun 04:00 Europe/Berlin", "2026-03-29T01:00", "2026-03-29T02:00"),
        ("2026-12-20T00:00:00+01:00 / 2027-01-02T00:00:00+01:00", "2026-12-24T18:00", "2027-01-01T23:00"),
        ("2026-12-20T00:00:00Z to 2027-01-02T00:00:00Z", "2026-12-19T23:59", None),
        ("2026-12-20T00:00:00Z to 2027-01-02T00:00:00Z", "2027-01-02T00:00", None),
    ],
)
def test_whether_it_holds(text: str, now: str, until: str | None) -> None:
    """And until when, by the clock of its zone."""
    assert read_freeze(text).until(at(now)) == (at(until) if until else None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "weekends",
        "fri 25:00 - mon 08:00",
        "fre 16:00 - mon 08:00",
        "fri 16:00 - mon 08:00 Nowhere/City",
        "2026-12-20 / 2027-01-02",
        "2026-12-20T00:00:00 / 2027-01-02T00:00:00",
        "2027-01-02T00:00:00Z / 2026-12-20T00:00:00Z",
        "2026-13-20T00:00:00Z / 2027-01-02T00:00:00Z",
    ],
)
def test_what_is_no_freeze(text: str) -> None:
    """The error shows how to write a freeze: an unreadable freeze must not be ignored."""
    with pytest.raises(BadInput, match="fri 16:00 - mon 08:00"):
        read_freeze(text)


def moment(minute: int) -> tuple[int, object]:
    """Weekday and time of a minute of the week."""
    when = MONDAY + timedelta(minutes=minute)
    return when.weekday(), when.time()


@given(st.integers(0, MINUTES - 1), st.integers(0, MINUTES - 1), st.integers(0, 4 * MINUTES))
def test_a_week_goes_round(begin: int, end: int, now: int) -> None:
    """It lasts from its start to its end, to the minute."""
    freeze = Weekly(moment(begin), moment(end), UTC)  # type: ignore[arg-type]
    length = (end - begin) % MINUTES or MINUTES
    passed = (now - begin) % MINUTES
    until = freeze.until(MONDAY + timedelta(minutes=now))
    assert until == (MONDAY + timedelta(minutes=now - passed + length) if passed < length else None)


@given(
    st.integers(0, 365 * 24 * 60).map(lambda minutes: MONDAY + timedelta(minutes=minutes)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"]),
)
def test_the_end_is_later_than_now(now: datetime, zone: str) -> None:
    """This holds for any change of the clocks in the zone."""
    freeze = Weekly((5, time(0, 30)), (0, time(6, 0)), ZoneInfo(zone))
    until = freeze.until(now)
    assert until is None or until > now


@given(st.integers(-5, 5), st.integers(1, 5))
def test_a_span_that_comes_once(begin: int, length: int) -> None:
    """Its first moment belongs to it, the first after it does not."""
    freeze = Once(MONDAY + timedelta(hours=begin), MONDAY + timedelta(hours=begin + length))
    assert (freeze.until(MONDAY) is not None) is (begin <= 0 < begin + length)
