# SPDX-License-Identifier: Apache-2.0
"""How often to look at something that changes by itself, and what a look that failed means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import AccessDenied, PlatformError, StateUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_DELAY = 2.0
_GROWTH = 1.5
_JITTER = 0.2
_LONGEST_DELAY_IN_OUTAGE = 60.0
_REFUSALS_BEFORE_GIVING_UP = 3


class PollBackoff:
    """Looks become rarer up to an interval, in an outage up to a longer one.

    :param interval: longest time between two looks while they succeed, in seconds.
    :param rng: returns random numbers from 0 to 1; many who look at once drift apart.
    :param first: time between the first two looks, in seconds; None takes ``FIRST_DELAY``.
    :param outage: longest time between two looks while they fail, in seconds; never less than the interval.
    """

    def __init__(
        self,
        interval: float,
        rng: Callable[[], float],
        *,
        first: float | None = None,
        outage: float = _LONGEST_DELAY_IN_OUTAGE,
    ) -> None:
        self._interval = interval
        self._rng = rng
        self._first = FIRST_DELAY if first is None else first
        self._outage = max(interval, outage)
        self._looks = 0
        self._failures = 0
        self._refusals = 0

    def answered(self) -> None:
        """Take that a look succeeded."""
        self._looks += 1
        self._failures = self._refusals = 0

    def failed(self, error: Exception) -> bool:
        """Take that a look failed; tell whether waiting may cure that.

        An outage may pass. A token may be refused by mistake, twice in a row.
        """
        self._failures += 1
        if isinstance(error, AccessDenied):
            self._refusals += 1
            return self._refusals < _REFUSALS_BEFORE_GIVING_UP
        return isinstance(error, (PlatformError, StateUnavailable))

    def delay(self) -> float:
        """Return how long to wait before the next look, in seconds."""
        if self._failures:
            base = min(FIRST_DELAY * 2.0 ** min(self._failures - 1, 10), self._outage)
        else:
            base = min(self._first * _GROWTH ** min(max(self._looks - 1, 0), 30), self._interval)
        return base * (1 - _JITTER * self._rng())
