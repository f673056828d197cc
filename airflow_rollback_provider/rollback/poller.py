# SPDX-License-Identifier: Apache-2.0
"""Waiting for a rollback: what is tracked, what an outage means, when to give up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.deploys import Deploy, Scope  # noqa: TC001 - decode() reads them
from airflow_rollback_provider.domain.errors import AccessDenied, RollbackError
from airflow_rollback_provider.domain.jsonable import JsonDataclass
from airflow_rollback_provider.domain.poller import Poller
from airflow_rollback_provider.domain.redaction import quote_error
from airflow_rollback_provider.rollback.outcome import Outcome, RollbackStatus, timed_out

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS_OF_MISMATCH = 60.0


@dataclass(frozen=True)
class Tracking(JsonDataclass):
    """One rollback to track, in JSON-ready values; without a token.

    :param rollback_id: the rollback's own entry in the history.
    :param target: the deploy that it goes back to.
    :param scope: the part that it brings back.
    :param started_at: when waiting began, seconds since the epoch.
    :param deadline: when to stop waiting, seconds since the epoch.
    :param poll_interval: longest time between two polls while the platform answers, in seconds.
    :param where: where a user finds the deploy history.
    :param facts: further values of the result.
    :param submitted_at: when the rollback was made by the platform's clock, in seconds since the epoch; 0 if
        that is not known.
    """

    deployment_id: str
    rollback_id: str
    target: Deploy
    scope: Scope
    started_at: float
    deadline: float
    poll_interval: float
    where: str
    facts: dict[str, Any]
    submitted_at: float = 0.0


class RollbackPoller(Poller["Outcome | None", Outcome]):
    """Decides after each poll whether a rollback has ended."""

    def __init__(self, tracking: Tracking, rng: Callable[[], float]) -> None:
        super().__init__(tracking.deadline, tracking.poll_interval, rng)
        self._tracking = tracking
        self._mismatch_since: float | None = None

    def evaluate(self, result: Outcome | None, now: float) -> Outcome | None:
        """Return the outcome; a mismatch counts only after a minute.

        The platform may finish the deploy's row a little before the Deployment shows the version.
        """
        if result is None or result.status is not RollbackStatus.MISMATCH:
            return result
        if self._mismatch_since is None:
            self._mismatch_since = now
        return result if now - self._mismatch_since >= _SECONDS_OF_MISMATCH else None

    def time_out(self, now: float) -> Outcome:
        tracking = self._tracking
        outcome = timed_out(tracking.rollback_id, now - tracking.started_at, tracking.where)
        if self.last_error is None:
            return outcome
        return replace(outcome, message=f"{outcome.message} The last poll failed: {self.last_error}")

    def give_up(self, error: RollbackError, now: float) -> Outcome:
        if not isinstance(error, AccessDenied):
            return broken_off(self._tracking, error)
        return Outcome(
            RollbackStatus.UNKNOWN,
            self._tracking.rollback_id,
            f"The rollback {self._tracking.rollback_id} was submitted and can no longer be tracked: {error} "
            f"It goes on: look at {self._tracking.where}. With a token that works, the next try of this task "
            "finds it and waits for it.",
        )


def broken_off(tracking: Tracking, error: Exception) -> Outcome:
    """Describe a rollback that was submitted and cannot be tracked to its end."""
    return Outcome(
        RollbackStatus.UNKNOWN,
        tracking.rollback_id,
        f"The rollback {tracking.rollback_id} was submitted; tracking it broke off ({quote_error(error)}). "
        f"It goes on: look at {tracking.where}. The next try of this task finds it and waits for "
        "it.",
    )
