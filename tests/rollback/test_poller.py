# SPDX-License-Identifier: Apache-2.0
"""The time of the next poll, and the end of the wait."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.deploys import Scope
from airflow_rollback_provider.domain.errors import NotFound, PlatformUnreachable, RollbackError, TokenExpired
from airflow_rollback_provider.rollback.outcome import Outcome, RollbackStatus
from airflow_rollback_provider.rollback.poller import RollbackPoller, Tracking
from tests.support.builders import deploy

WATCH = Tracking("dep", "r", deploy("d1"), Scope.IMAGE, 1000.0, 4600.0, 30.0, "https://where", {"a": 1})
DONE, MISMATCH = (
    Outcome(RollbackStatus.DONE, "r", "Done."),
    Outcome(RollbackStatus.MISMATCH, "r", "Mismatch."),
)
DOWN = PlatformUnreachable("No route.")


def waiter(luck: float = 0.0) -> RollbackPoller:
    """A poller whose jitter is always the same."""
    return RollbackPoller(WATCH, lambda: luck)


def test_looks_become_rarer_up_to_the_poll_interval() -> None:
    """While the platform answers."""
    waits = waiter()
    delays = []
    for _ in range(20):
        assert waits.on_result(None, 1001.0) is None
        delays.append(waits.next_delay(1001.0))
    assert delays[:3] == [2.0, 3.0, 4.5]
    assert delays == sorted(delays)
    assert delays[-1] == 30.0


def test_an_outage_is_waited_out() -> None:
    """The wait goes on until the deadline, with a poll each minute; the next answer ends the outage."""
    waits = waiter()
    for _ in range(50):
        assert waits.on_error(DOWN, 1001.0) is None
    assert waits.next_delay(1001.0) == 60.0
    assert waits.on_result(DONE, 1001.0) is DONE


@given(st.floats(0, 1), st.lists(st.booleans(), max_size=60), st.floats(1000, 5000))
def test_a_delay_is_never_negative_nor_past_the_deadline(luck: float, looks: list[bool], now: float) -> None:
    """Whatever happened before."""
    waits = waiter(luck)
    for good in looks:
        waits.on_result(None, 1000.0) if good else waits.on_error(DOWN, 1000.0)
    delay = waits.next_delay(now)
    assert 0 <= delay <= max(0.0, WATCH.deadline - now)
    assert delay <= 60


def test_jitter_only_shortens() -> None:
    """By a fifth at most."""
    waits = waiter(1.0)
    waits.on_result(None, 1000.0)
    assert waits.next_delay(1000.0) == pytest.approx(1.6)


def test_the_deadline_ends_the_wait() -> None:
    """The error is that of the last poll, if it failed."""
    on_time = waiter().on_result(None, 4599.9)
    assert on_time is None
    late = waiter().on_result(None, 4600.0)
    assert late is not None
    assert late.status is RollbackStatus.TIMED_OUT
    assert "after 3,600 s" in late.message
    broken = waiter().on_error(DOWN, 4600.0)
    assert broken is not None
    assert broken.message.endswith("The last poll failed: No route.")
    assert waiter().on_result(DONE, 9999.0) is DONE  # an end that is seen late is still the end


def test_a_mismatch_has_time_to_settle() -> None:
    """The platform may finish the row a little before the Deployment shows the version."""
    waits = waiter()
    assert waits.on_result(MISMATCH, 1000.0) is None
    assert waits.on_result(MISMATCH, 1059.9) is None
    assert waits.on_result(MISMATCH, 1060.0) is MISMATCH


def test_a_token_that_stays_refused_ends_the_wait() -> None:
    """Three refusals in a row; an answer in between counts anew."""
    waits, expired = waiter(), TokenExpired("Expired.")
    assert waits.on_error(expired, 1001.0) is None
    assert waits.on_error(expired, 1002.0) is None
    assert waits.on_result(None, 1003.0) is None
    assert [waits.on_error(expired, 1004.0) for _ in range(2)] == [None, None]
    outcome = waits.on_error(expired, 1005.0)
    assert outcome is not None
    assert outcome.status is RollbackStatus.UNKNOWN
    assert "Expired." in outcome.message


@pytest.mark.parametrize("error", [NotFound("Gone."), RollbackError("Odd.")])
def test_an_error_that_waiting_does_not_cure_ends_the_wait(error: Any) -> None:
    """At once, not at the deadline: the outcome is unknown."""
    outcome = waiter().on_error(error, 1001.0)
    assert outcome is not None
    assert outcome.status is RollbackStatus.UNKNOWN
    assert str(error) in outcome.message
    assert "https://where" in outcome.message
