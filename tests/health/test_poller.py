# SPDX-License-Identifier: Apache-2.0
"""The time of the next poll, and of the verdict."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_rollback_provider.domain.errors import (
    InvalidConnection,
    PlatformFailed,
    RollbackError,
    TlsFailed,
)
from airflow_rollback_provider.health.poller import HealthCheck, HealthPoller
from airflow_rollback_provider.health.verdict import Evaluation, Health, Reason
from tests.support.health_cases import LANDED, case

CASE = case()
VERDICT_AT = CASE.since.end.timestamp()
HEALTH_CHECK = HealthCheck(CASE, VERDICT_AT + 1800, 60.0)
EARLY = LANDED.timestamp() + 1200


def evaluation(verdict: Health, code: str) -> Evaluation:
    """The evaluation of a poll."""
    return Evaluation(verdict, (Reason(code, "because"),), LANDED, datetime.now(timezone.utc))


TOO_EARLY = evaluation(Health.INCONCLUSIVE, "TOO-EARLY")
HEALTHY = evaluation(Health.HEALTHY, "AS-BEFORE")
RUNS_FAIL = evaluation(Health.REGRESSED, "RUNS-FAIL")
UNREADABLE = evaluation(Health.REGRESSED, "NEW-IMPORT-ERRORS")


def poller(*, waits: bool = True, health_check: HealthCheck = HEALTH_CHECK) -> HealthPoller:
    """A poller whose pauses are never shortened."""
    return HealthPoller(health_check, lambda: 0.0, waits=waits)


def test_it_goes_on_while_it_is_too_early() -> None:
    """After that whatever is found is the verdict."""
    one = poller()
    assert one.on_result(TOO_EARLY, EARLY) is None
    assert one.on_result(HEALTHY, VERDICT_AT) is HEALTHY


def test_failing_runs_need_no_second_look() -> None:
    """They were counted over half an hour already."""
    assert poller().on_result(RUNS_FAIL, EARLY) is RUNS_FAIL


def test_what_is_seen_at_one_moment_is_looked_at_once_more() -> None:
    """A file that cannot be read may be on its way."""
    one = poller()
    assert one.on_result(UNREADABLE, EARLY) is None
    assert one.on_result(TOO_EARLY, EARLY + 60) is None
    assert one.on_result(UNREADABLE, EARLY + 120) is None
    assert one.on_result(UNREADABLE, EARLY + 180) is UNREADABLE


def test_without_waiting_the_first_look_decides() -> None:
    """Whatever it shows."""
    for found in (TOO_EARLY, UNREADABLE, HEALTHY):
        assert poller(waits=False).on_result(found, EARLY) is found


def test_an_outage_is_waited_out_until_the_deadline() -> None:
    """An Airflow that does not answer is no failure of the Deployment."""
    one, error = poller(), PlatformFailed("it is restarting")
    assert one.on_error(error, EARLY) is None
    found = one.on_error(error, HEALTH_CHECK.deadline)
    assert found is not None
    assert (found.verdict, found.reasons[0].code) == (Health.INCONCLUSIVE, "API-ERROR")
    assert "it is restarting" in found.summary


@pytest.mark.parametrize(
    ("error", "waits"), [(TlsFailed("a certificate"), True), (PlatformFailed("no"), False)]
)
def test_an_error_that_is_not_waited_out(error: RollbackError, waits: bool) -> None:
    """What waiting cannot cure, and anything without waiting, is inconclusive at once."""
    found = poller(waits=waits).on_error(error, EARLY)
    assert found is not None
    assert found.verdict is Health.INCONCLUSIVE


def test_a_connection_that_cannot_be_used_is_the_callers_mistake() -> None:
    """It is no verdict."""
    with pytest.raises(InvalidConnection):
        poller().on_error(InvalidConnection("no host"), EARLY)


def test_looks_in_between() -> None:
    """The polls keep their interval, with one at the end of the horizon and none past the deadline."""
    one = poller()
    one.on_result(TOO_EARLY, EARLY)
    assert one.next_delay(EARLY) == 60
    assert one.next_delay(VERDICT_AT - 7) == pytest.approx(7)
    assert one.next_delay(HEALTH_CHECK.deadline - 3) == pytest.approx(3)
    assert one.next_delay(HEALTH_CHECK.deadline + 3) > 0
