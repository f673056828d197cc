# SPDX-License-Identifier: Apache-2.0
"""Waiting until a release is ready and stays so: a crashing container is ready in between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.poller import Poller
from airflow_rollback_provider.pods.report import Finding, PodsReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.domain.errors import RollbackError
    from airflow_rollback_provider.pods.report import Restarts


class StabilityWindow(Poller[PodsReport, bool]):
    """Decides after each poll whether a release is ready and has been so for long enough.

    :param deadline: when to give up, in seconds since the epoch.
    :param min_ready_seconds: how long the release must have been ready, without a restart, in seconds.
    :param poll_interval: longest time between two polls, in seconds.
    :param rng: returns random numbers from 0 to 1.
    """

    def __init__(
        self, deadline: float, min_ready_seconds: float, poll_interval: float, rng: Callable[[], float]
    ) -> None:
        super().__init__(deadline, poll_interval, rng)
        self._min_ready_seconds = min_ready_seconds
        self._since: float | None = None
        self._restarts = 0
        self._at_first: dict[tuple[str, str], int] | None = None

    def evaluate(self, result: PodsReport, now: float) -> bool | None:
        """Return True when the release is ready and stays so."""
        if self._at_first is None:
            self._at_first = {(one.pod, one.container): one.count for one in result.restarted}
        if not result.ready:
            self._since = None
        elif self._since is None or result.restarts != self._restarts:
            self._since = now
        self._restarts = result.restarts
        return True if self._since is not None and now - self._since >= self._min_ready_seconds else None

    def on_error(self, error: RollbackError, now: float) -> bool | None:
        """Take the error of a poll: the time that the release was ready counts no more.

        :raises RollbackError: the error itself when waiting cannot cure it.
        """
        self._since = None
        return super().on_error(error, now)

    def time_out(self, now: float) -> bool:
        """Return False."""
        return False

    def next_delay(self, now: float) -> float:
        """Return the time until the next poll, in seconds.

        When the release is ready that is until it has been so for long enough; it never passes the deadline.
        """
        wait = super().next_delay(now)
        if self._since is not None:
            wait = min(wait, self._since + self._min_ready_seconds - now)
        return max(0.0, wait)

    def explain(self, report: PodsReport, now: float) -> PodsReport:
        """Add why a release that was ready when the time was up was not so for long enough.

        These are the containers that were restarted during the wait; if there is none, all that ever were.

        :param report: the report of the last poll.
        """
        if not report.ready or self._since is None:
            return report
        lasted = f"ready for {now - self._since:.0f} s, which has to be {self._min_ready_seconds:.0f} s"
        again = [one for one in report.restarted if self._grown(one)] or report.restarted
        findings = [Finding("NOT-STABLE", "all components", lasted), *map(self._restarted, again)]
        return replace(report, findings=tuple(findings))

    def _grown(self, restarts: Restarts) -> int:
        return restarts.count - (self._at_first or {}).get((restarts.pod, restarts.container), 0)

    def _restarted(self, one: Restarts) -> Finding:
        grown = self._grown(one)
        during = f", {grown} of them during the wait" if grown else ""
        words = f"{one.pod}/{one.container} was restarted {one.count} times{during}. {one.ended}".rstrip()
        return Finding("NOT-STABLE", one.component, words, one.pod, one.container)
