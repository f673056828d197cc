# SPDX-License-Identifier: Apache-2.0
"""The platform's log lines: each once, shortened, and bounded in number."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_rollback_provider.platforms.base import LogLine
from airflow_rollback_provider.rollback.tracking import LogFeed

BEGAN = datetime(2026, 11, 1, 12, 0, tzinfo=timezone.utc)


def line(number: int, message: str = "helm upgrade", second: float | None = None) -> LogLine:
    """Return a line of the platform."""
    at = BEGAN + timedelta(seconds=number if second is None else second)
    return LogLine(str(number), at, message)


def test_a_line_that_is_indexed_late() -> None:
    """Lines reach the platform's index out of order: one that is older than the latest shown is shown too."""
    feed = LogFeed(BEGAN)
    list(feed.new([line(40)]))
    late = line(35, "late")
    assert feed.since < late.at
    assert list(feed.new([late, line(40)])) == ["late"]


def test_where_the_next_look_begins() -> None:
    """Not before the rollback, minutes before the latest line; a clock that goes back moves nothing.

    So a rollback of an hour does not read an hour of lines at each poll.
    """
    feed = LogFeed(BEGAN)
    list(feed.new([line(1)]))
    assert feed.since == BEGAN
    list(feed.new([line(3600)]))
    since = feed.since
    assert since >= BEGAN + timedelta(minutes=55)
    list(feed.new([line(3601, second=10)]))
    assert feed.since == since


@pytest.mark.parametrize("length", [1000, 1001, 100_000])
def test_a_long_line_is_cut(length: int) -> None:
    """A line of the platform does not fill a task's log."""
    (shown,) = LogFeed(BEGAN).new([line(1, "x" * length)])
    assert len(shown) == min(length, 1001)
    assert shown.endswith("…") is (length > 1000)


def test_many_lines_over_many_looks() -> None:
    """The limit is for the whole rollback, and reaching it is mentioned once."""
    feed = LogFeed(BEGAN)
    shown = [text for poll in range(100) for text in feed.new(line(poll * 10 + n) for n in range(10))]
    assert len(shown) == 501
    assert sum("500 lines" in text for text in shown) == 1
