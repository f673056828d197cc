# SPDX-License-Identifier: Apache-2.0
"""A release is ready when it stays ready for ``min_ready_seconds``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.errors import BadInput, PlatformUnreachable
from airflow_rollback_provider.pods.cluster import StabilityWindow
from airflow_rollback_provider.pods.report import Finding, PodsReport, Restarts

READY = PodsReport((("scheduler", "1/1"),), ())
STUCK = PodsReport((("scheduler", "0/1"),), (Finding("STARTING", "scheduler", "so"),))


def waits() -> StabilityWindow:
    """Waits until 1000 for a release that is ready for 30 s."""
    return StabilityWindow(1000.0, 30.0, 10.0, lambda: 0.0)


def restarted(times: int) -> PodsReport:
    """A release that is ready after a number of restarts."""
    restarts = (Restarts("scheduler", "p", "scheduler", times, "It ended with 1 (Error)"),)
    return PodsReport(READY.components, (), restarts if times else ())


def test_the_time_is_up() -> None:
    """A release that is ready at the deadline, but not for long enough, is not ready."""
    wait = waits()
    assert wait.on_result(STUCK, 999.0) is None
    assert wait.on_result(READY, 1000.0) is False


def test_an_outage() -> None:
    """The wait goes on until the deadline; the time of the outage does not count as ready."""
    wait = waits()
    wait.on_result(READY, 0.0)
    assert wait.on_error(PlatformUnreachable("no route"), 20.0) is None
    assert wait.on_result(READY, 31.0) is None
    assert wait.on_error(PlatformUnreachable("no route"), 1000.0) is False
    with pytest.raises(BadInput):
        wait.on_error(BadInput("no such thing"), 1.0)


def test_delay_until_the_wait_may_end() -> None:
    """The delay is not longer than needed, and not past the deadline."""
    wait = waits()
    for now in range(0, 40, 4):
        wait.on_result(STUCK, float(now))
    assert wait.next_delay(40.0) == 10.0
    wait.on_result(READY, 40.0)
    assert wait.next_delay(65.0) == 5.0
    assert wait.next_delay(999.0) == 0.0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.floats(0.1, 60)), max_size=60))
def test_never_ready_too_early(polls: list[tuple[bool, int, float]]) -> None:
    """Ready needs polls that were all ready, without a restart, over the whole time."""
    wait, now, since, last = waits(), 0.0, None, None
    for good, times, step in polls:
        now += step
        report = restarted(times) if good else STUCK
        if not good:
            since = None
        elif since is None or times != last:
            since = now
        last = times if good else 0
        result = wait.on_result(report, now)
        assert (result is True) == (since is not None and now - since >= 30.0)


def findings_at_deadline(wait: StabilityWindow, report: PodsReport, now: float) -> list[str]:
    """Findings on a release that was ready and not stable at the deadline."""
    assert wait.on_result(report, now) is False
    return [str(finding) for finding in wait.explain(report, now).findings]


def test_why_it_is_not_stable() -> None:
    """Containers that were restarted during the wait are named, earlier ones are not."""
    wait = waits()
    old = Restarts("worker", "w", "worker", 9, "")
    for now, times in ((0.0, 2), (500.0, 4)):
        wait.on_result(PodsReport(READY.components, (), (old, *restarted(times).restarted)), now)
    report = PodsReport(READY.components, (), (old, *restarted(5).restarted))
    first, second = findings_at_deadline(wait, report, 1000.0)
    assert first == "NOT-STABLE: all components: ready for 0 s, which has to be 30 s"
    assert second == (
        "NOT-STABLE: scheduler: p/scheduler was restarted 5 times, 3 of them during the wait. "
        "It ended with 1 (Error)"
    )


def test_earlier_restarts_are_named_if_there_is_no_other() -> None:
    """The container may crash again before it is stable."""
    wait = waits()
    wait.on_result(STUCK, 0.0)
    other = waits()
    other.on_result(restarted(3), 0.0)
    other.on_result(STUCK, 980.0)
    other.on_result(restarted(3), 990.0)
    first, second = findings_at_deadline(other, restarted(3), 1000.0)
    assert "ready for 10 s" in first
    assert "p/scheduler was restarted 3 times. It ended" in second
    assert "3 of them" in findings_at_deadline(wait, restarted(3), 1000.0)[1]


def test_ready_too_late() -> None:
    """Without a restart, the finding gives the time alone."""
    wait = waits()
    wait.on_result(STUCK, 980.0)
    wait.on_result(READY, 990.0)
    assert findings_at_deadline(wait, READY, 1000.0) == [
        "NOT-STABLE: all components: ready for 10 s, which has to be 30 s"
    ]


def test_findings_of_a_release_that_is_not_ready() -> None:
    """No finding is added."""
    wait = waits()
    wait.on_result(STUCK, 1000.0)
    assert wait.explain(STUCK, 1000.0) is STUCK
