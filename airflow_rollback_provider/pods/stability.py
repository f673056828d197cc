# SPDX-License-Identifier: Apache-2.0
"""Waiting until a release is ready and stays so: what crashes again and again is ready in between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.poll_backoff import PollBackoff
from airflow_rollback_provider.pods.report import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.pods.report import PodsReport, Restarts


class StabilityWindow:
    """Decides, look by look, whether to go on waiting.

    :param deadline: when to give up, in seconds since the epoch.
    :param min_ready_seconds: how long the release must have been ready, without a restart, in seconds.
    :param poll_interval: longest time between two looks, in seconds.
    :param rng: returns random numbers from 0 to 1.
    """

    def __init__(
        self, deadline: float, min_ready_seconds: float, poll_interval: float, rng: Callable[[], float]
    ) -> None:
        self._deadline = deadline
        self._min_ready_seconds = min_ready_seconds
        self._backoff = PollBackoff(poll_interval, rng)
        self._since: float | None = None
        self._restarts = 0
        self._at_first: dict[tuple[str, str], int] | None = None

    def on_result(self, report: PodsReport, now: float) -> bool | None:
        """Take what a look showed; return True when the release is ready, False when the time is up."""
        self._backoff.answered()
        if self._at_first is None:
            self._at_first = {(one.pod, one.container): one.count for one in report.restarted}
        if not report.ready:
            self._since = None
        elif self._since is None or report.restarts != self._restarts:
            self._since = now
        self._restarts = report.restarts
        if self._since is not None and now - self._since >= self._min_ready_seconds:
            return True
        return False if now >= self._deadline else None

    def failed(self, error: Exception, now: float) -> bool | None:
        """Take that a look failed; return False when the time is up.

        :raises Exception: the error itself when waiting cannot cure it.
        """
        self._since = None
        if not self._backoff.failed(error):
            raise error
        return False if now >= self._deadline else None

    def delay(self, now: float) -> float:
        """Return how long to wait before the next look, in seconds.

        When the release is ready that is until it has been so for long enough; never past the deadline.
        """
        wait = self._backoff.delay()
        if self._since is not None:
            wait = min(wait, self._since + self._min_ready_seconds - now)
        return max(0.0, min(wait, self._deadline - now))

    def explain(self, report: PodsReport, now: float) -> PodsReport:
        """Add why a release that was ready when the time was up was not so for long enough.

        That are the containers that were restarted during the wait; where there is none, all that ever were.

        :param report: what the last look showed.
        """
        if not report.ready or self._since is None:
            return report
        lasted = f"ready for {now - self._since:.0f} s, which has to be {self._min_ready_seconds:.0f} s"
        again = [one for one in report.restarted if self._grown(one)] or report.restarted
        findings = [Finding("NOT-STEADY", "all components", lasted), *map(self._restarted, again)]
        return replace(report, findings=tuple(findings))

    def _grown(self, restarts: Restarts) -> int:
        return restarts.count - (self._at_first or {}).get((restarts.pod, restarts.container), 0)

    def _restarted(self, one: Restarts) -> Finding:
        grown = self._grown(one)
        during = f", {grown} of them during the wait" if grown else ""
        words = f"{one.pod}/{one.container} was restarted {one.count} times{during}. {one.ended}".rstrip()
        return Finding("NOT-STEADY", one.component, words, one.pod, one.container)
