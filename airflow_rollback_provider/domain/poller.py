# SPDX-License-Identifier: Apache-2.0
"""Polling: how often to read something that changes by itself, what a failed read means, when to stop.

:class:`Poller` decides and :class:`Wait` loops. Neither does I/O, sleeps or reads a clock: a wait is a flow.
A task runs it with ``requests`` and ``time.sleep``, the triggerer with ``httpx`` and ``asyncio.sleep``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from airflow_rollback_provider.domain.errors import (
    AccessDenied,
    PlatformError,
    RollbackError,
    StateUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

ResultT = TypeVar("ResultT")
OutcomeT = TypeVar("OutcomeT")
ClientT_co = TypeVar("ClientT_co", covariant=True)

FIRST_DELAY = 2.0
_GROWTH = 1.5
_JITTER = 0.2
_LONGEST_DELAY_IN_OUTAGE = 60.0
_REFUSALS_BEFORE_GIVING_UP = 3


@dataclass(frozen=True)
class Pause:
    """A step of a flow: wait.

    :param seconds: how long.
    """

    seconds: float


@dataclass(frozen=True)
class Call:
    """A step of a flow: call something that is no request.

    :param run: the call in a task.
    :param arun: the same call in an event loop.
    """

    run: Callable[[], Any]
    arun: Callable[[], Awaitable[Any]]


class Connector(Protocol[ClientT_co]):
    """A hook, as a wait uses it. A wait may outlast a token."""

    def get_conn(self) -> ClientT_co:
        """Return the client of the connection as it was last read."""

    @property
    def reconnect(self) -> Call:
        """The step that reads the connection again."""


class PollBackoff:
    """Polls become rarer up to an interval, in an outage up to a longer one.

    :param interval: longest time between two polls while they succeed, in seconds.
    :param rng: returns random numbers from 0 to 1, so that many pollers drift apart.
    :param first: time between the first two polls, in seconds; None takes ``FIRST_DELAY``.
    :param outage: longest time between two polls while they fail, in seconds; never less than the interval.
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
        self._successes = 0
        self._failures = 0
        self._refusals = 0

    def on_success(self) -> None:
        """Count a poll that succeeded."""
        self._successes += 1
        self._failures = self._refusals = 0

    def on_failure(self, error: Exception) -> bool:
        """Count a poll that failed; return whether waiting may help.

        An outage may pass. A token may be refused by mistake, twice in a row.
        """
        self._failures += 1
        if isinstance(error, AccessDenied):
            self._refusals += 1
            return self._refusals < _REFUSALS_BEFORE_GIVING_UP
        return isinstance(error, (PlatformError, StateUnavailable))

    def delay(self) -> float:
        """Return the time until the next poll, in seconds."""
        if self._failures:
            base = min(FIRST_DELAY * 2.0 ** min(self._failures - 1, 10), self._outage)
        else:
            base = min(self._first * _GROWTH ** min(max(self._successes - 1, 0), 30), self._interval)
        return base * (1 - _JITTER * self._rng())


class Poller(Generic[ResultT, OutcomeT]):
    """Decides after each poll whether waiting is over.

    A subclass says in :meth:`evaluate` what a result means, in :meth:`time_out` how the deadline ends the
    wait, and in :meth:`give_up` what an error means that waiting does not cure.

    :param deadline: when to stop, in seconds since the epoch.
    :param interval: longest time between two polls while they succeed, in seconds.
    :param rng: returns random numbers from 0 to 1.
    :param first: time between the first two polls, in seconds; None takes ``FIRST_DELAY``.
    """

    least_delay = 0.0

    def __init__(
        self, deadline: float, interval: float, rng: Callable[[], float], *, first: float | None = None
    ) -> None:
        self.deadline = deadline
        self.backoff = PollBackoff(interval, rng, first=first)
        self.last_error: RollbackError | None = None
        self.failed_polls = 0

    def on_result(self, result: ResultT, now: float) -> OutcomeT | None:
        """Take the result of a poll; return the outcome, or None to go on.

        :param now: seconds since the epoch.
        """
        self.backoff.on_success()
        self.last_error = None
        outcome = self.evaluate(result, now)
        return self.time_out(now) if outcome is None and now >= self.deadline else outcome

    def on_error(self, error: RollbackError, now: float) -> OutcomeT | None:
        """Take the error of a poll; return the outcome, or None to go on. An outage is waited out.

        :raises RollbackError: the error itself, where :meth:`give_up` or :meth:`time_out` raises it.
        """
        self.last_error = error
        self.failed_polls += 1
        if not self.backoff.on_failure(error):
            return self.give_up(error, now)
        return self.time_out(now) if now >= self.deadline else None

    def next_delay(self, now: float) -> float:
        """Return the time until the next poll, in seconds; it never passes the deadline."""
        return max(self.least_delay, min(self.backoff.delay(), self.deadline - now))

    def evaluate(self, result: ResultT, now: float) -> OutcomeT | None:
        """Return the outcome that a result stands for, or None to go on."""
        raise NotImplementedError

    def time_out(self, now: float) -> OutcomeT:
        """Return the outcome of a wait that reached its deadline."""
        raise self.last_error or NotImplementedError

    def give_up(self, error: RollbackError, now: float) -> OutcomeT:
        """Return the outcome of a wait that an error ended."""
        raise error


@dataclass(frozen=True)
class Wait(Generic[ResultT, OutcomeT]):
    """A poller with what it reads. The methods are flows.

    :param poller: decides after each poll.
    :param read: returns a flow that reads once.
    :param clock: returns seconds since the epoch.
    :param report: called with each error of a poll.
    :param reconnect: called after a refusal, before the next poll: the connection may have a new token.
    """

    poller: Poller[ResultT, OutcomeT]
    read: Callable[[], Generator[Any, Any, ResultT]]
    clock: Callable[[], float]
    report: Callable[[RollbackError], object]
    reconnect: Call | None = None

    def once(self) -> Generator[Any, Any, OutcomeT | None]:
        """Poll once; return the outcome, or None to go on.

        :raises RollbackError: what the poller raises.
        """
        try:
            result = yield from self.read()
        except RollbackError as error:
            self.report(error)
            outcome = self.poller.on_error(error, self.clock())
            if outcome is None and self.reconnect is not None and isinstance(error, AccessDenied):
                yield self.reconnect
            return outcome
        return self.poller.on_result(result, self.clock())

    def until_done(
        self, *, pause_first: bool = False, on_wait: Callable[[], object] = lambda: None
    ) -> Generator[Any, Any, OutcomeT]:
        """Poll until there is an outcome, and return it.

        :param pause_first: whether to wait before the first poll.
        :param on_wait: called before each pause after a poll.
        :raises RollbackError: what the poller raises.
        """
        if pause_first:
            yield Pause(self.poller.next_delay(self.clock()))
        while (outcome := (yield from self.once())) is None:
            on_wait()
            yield Pause(self.poller.next_delay(self.clock()))
        return outcome
