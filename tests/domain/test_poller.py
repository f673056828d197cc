# SPDX-License-Identifier: Apache-2.0
"""The times between polls."""

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


def delays(backoff: PollBackoff, looks: int) -> list[float]:
    """The waits after a number of successful polls."""
    found = []
    for _ in range(looks):
        backoff.on_success()
        found.append(backoff.delay())
    return found


def test_an_even_delay_from_the_first_poll() -> None:
    """A watcher that runs for days polls at its interval at once."""
    assert delays(PollBackoff(60.0, lambda: 0.0, first=60.0), 3) == [60.0, 60.0, 60.0]


def test_an_outage_has_its_own_delays() -> None:
    """Rarer and rarer, never more often than while all is well; the next answer ends it."""
    backoff = PollBackoff(60.0, lambda: 0.0, first=60.0, outage=300.0)
    found = []
    for _ in range(12):
        assert backoff.on_failure(DOWN)
        found.append(backoff.delay())
    assert found == sorted(found)
    assert found[-1] == 300.0
    backoff.on_success()
    assert backoff.delay() == 60.0


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
    backoff = PollBackoff(10.0, lambda: 0.0)
    assert [backoff.on_failure(error) for error in errors][-1] is hope


@given(st.floats(0.01, 1000), st.floats(0.01, 1000), st.floats(0, 1), st.lists(st.booleans(), max_size=40))
def test_a_delay_keeps_its_bounds(interval: float, outage: float, luck: float, looks: list[bool]) -> None:
    """Whatever happened before."""
    backoff = PollBackoff(interval, lambda: luck, outage=outage)
    for good in looks:
        backoff.on_success() if good else backoff.on_failure(DOWN)
        longest = interval if good else max(interval, outage)
        assert 0 < backoff.delay() <= longest
