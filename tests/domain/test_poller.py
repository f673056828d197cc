# SPDX-License-Identifier: Apache-2.0
"""How often to look; ``test_waiting`` has what a rollback makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.errors import (
    BadInput,
    PlatformFailed,
    PlatformUnreachable,
    TokenExpired,
)
from airflow_rollback_provider.domain.poller import PollBackoff

DOWN = PlatformUnreachable("No route.")


def delays(pace: PollBackoff, looks: int) -> list[float]:
    """The waits after so many good looks."""
    found = []
    for _ in range(looks):
        pace.on_success()
        found.append(pace.delay())
    return found


def test_steady_from_the_first_look() -> None:
    """Whoever watches for days has no hurry."""
    assert delays(PollBackoff(60.0, lambda: 0.0, first=60.0), 3) == [60.0, 60.0, 60.0]


def test_an_outage_has_its_own_pace() -> None:
    """Rarer and rarer, never more often than while all is well; the next answer ends it."""
    pace = PollBackoff(60.0, lambda: 0.0, first=60.0, outage=300.0)
    found = []
    for _ in range(12):
        assert pace.on_failure(DOWN)
        found.append(pace.delay())
    assert found == sorted(found)
    assert found[-1] == 300.0
    pace.on_success()
    assert pace.delay() == 60.0


@pytest.mark.parametrize(
    ("errors", "hope"),
    [
        ([DOWN] * 99, True),
        ([PlatformFailed("500")], True),
        ([TokenExpired("no")] * 2, True),
        ([TokenExpired("no")] * 3, False),
        ([TokenExpired("no"), DOWN, TokenExpired("no"), TokenExpired("no")], False),
        ([BadInput("what?")], False),
        ([ValueError("a bug")], False),
    ],
    ids=range(7),
)
def test_what_waiting_may_cure(errors: list[Exception], hope: bool) -> None:
    """An outage may pass; a token that is refused again and again, bad input and bugs do not."""
    pace = PollBackoff(10.0, lambda: 0.0)
    assert [pace.on_failure(error) for error in errors][-1] is hope


@given(st.floats(0.01, 1000), st.floats(0.01, 1000), st.floats(0, 1), st.lists(st.booleans(), max_size=40))
def test_a_delay_keeps_its_bounds(interval: float, outage: float, luck: float, looks: list[bool]) -> None:
    """Whatever happened before."""
    pace = PollBackoff(interval, lambda: luck, outage=outage)
    for good in looks:
        pace.on_success() if good else pace.on_failure(DOWN)
        longest = interval if good else max(interval, outage)
        assert 0 < pace.delay() <= longest
