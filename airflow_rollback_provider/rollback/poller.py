# SPDX-License-Identifier: Apache-2.0
"""Waiting for a rollback: when to look again, what an outage means, when to give up.

The same object decides for a task that polls and for the triggerer; only who sleeps and who asks differs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.deploys import Deploy, Scope
from airflow_rollback_provider.domain.errors import AccessDenied, RollbackError
from airflow_rollback_provider.domain.poll_backoff import PollBackoff
from airflow_rollback_provider.rollback.outcome import Outcome, RollbackStatus, timed_out

if TYPE_CHECKING:
    from collections.abc import Callable

_SETTLE = 60.0


@dataclass(frozen=True)
class Tracking:
    """What it takes to follow one rollback, in JSON-ready values; holds no token.

    :param deployment_id: the Deployment.
    :param rollback_id: the rollback's own entry in the history.
    :param target: the deploy that it goes back to.
    :param scope: the part that it brings back.
    :param started_at: when waiting began, seconds since the epoch.
    :param deadline: when to stop waiting, seconds since the epoch.
    :param poll_interval: longest time between two looks while the platform answers, in seconds.
    :param where: where a person can look.
    :param facts: what the result will say besides; passed through.
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

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; :meth:`from_dict` reads them back."""
        return {**asdict(self), "target": self.target.to_dict(), "scope": self.scope.value}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Tracking:
        """Read what :meth:`to_dict` wrote."""
        return cls(**{
            **values,
            "target": Deploy.from_dict(values["target"]),
            "scope": Scope(values["scope"]),
        })


class RollbackPoller:
    """Decides, look by look, whether to go on waiting.

    :param tracking: what is waited for.
    :param rng: returns random numbers from 0 to 1.
    """

    def __init__(self, tracking: Tracking, rng: Callable[[], float]) -> None:
        self._tracking = tracking
        self._backoff = PollBackoff(tracking.poll_interval, rng)
        self._mismatch_since: float | None = None
        self._last_error: RollbackError | None = None

    def on_result(self, outcome: Outcome | None, now: float) -> Outcome | None:
        """Take what a look showed.

        :param outcome: how the rollback ended as far as that look tells, or None while it goes on.
        :param now: seconds since the epoch.
        :return: the outcome to report, or None to go on waiting.
        """
        self._backoff.answered()
        self._last_error = None
        if outcome is not None and outcome.status is RollbackStatus.MISMATCH and not self._settled(now):
            outcome = None
        return outcome or self._expired(now)

    def failed(self, error: RollbackError, now: float) -> Outcome | None:
        """Take that a look failed. An outage is waited out; a token that stays refused is not.

        :raises RollbackError: the error itself when it is not one that waiting can cure.
        """
        self._last_error = error
        if self._backoff.failed(error):
            return self._expired(now)
        if isinstance(error, AccessDenied):
            return self._unknown_status(error)
        raise error

    def delay(self, now: float) -> float:
        """Return how long to wait before the next look, in seconds; never past the deadline."""
        return max(0.0, min(self._backoff.delay(), self._tracking.deadline - now))

    def _settled(self, now: float) -> bool:
        """The platform may finish the deploy's row a little before the Deployment shows the version."""
        if self._mismatch_since is None:
            self._mismatch_since = now
        return now - self._mismatch_since >= _SETTLE

    def _expired(self, now: float) -> Outcome | None:
        if now < self._tracking.deadline:
            return None
        outcome = timed_out(self._tracking.rollback_id, now - self._tracking.started_at, self._tracking.where)
        if self._last_error is None:
            return outcome
        message = f"{outcome.message} The last look failed: {self._last_error}"
        return Outcome(outcome.status, outcome.deploy_id, message)

    def _unknown_status(self, error: RollbackError) -> Outcome:
        return Outcome(
            RollbackStatus.UNKNOWN,
            self._tracking.rollback_id,
            f"The rollback {self._tracking.rollback_id} was submitted and can no longer be followed: {error} "
            f"It goes on without us: look at {self._tracking.where}. With a token that works, the next try "
            "of "
            "this task finds it and waits for it.",
        )


def broken_off(tracking: Tracking, error: Exception) -> Outcome:
    """Describe a rollback that was submitted and cannot be followed to its end.

    :param tracking: what was waited for.
    :param error: why it cannot.
    """
    return Outcome(
        RollbackStatus.UNKNOWN,
        tracking.rollback_id,
        f"The rollback {tracking.rollback_id} was submitted; following it broke off ({type(error).__name__}: "
        f"{error}). It goes on without us: look at {tracking.where}. The next try of this task finds it and "
        "waits for it.",
    )
