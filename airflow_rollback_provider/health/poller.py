# SPDX-License-Identifier: Apache-2.0
"""Waiting for a verdict: when to look again, what a look that failed means, when to close.

The same object decides for a task that polls and for the triggerer; only who sleeps and who asks differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.errors import AccessDenied, BadInput, PlatformError, RollbackError
from airflow_rollback_provider.domain.poll_backoff import PollBackoff
from airflow_rollback_provider.health.case import HealthCase
from airflow_rollback_provider.health.evaluate import without_evidence
from airflow_rollback_provider.health.verdict import Health

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_rollback_provider.health.verdict import Evaluation

_LEAST_DELAY = 0.1


@dataclass(frozen=True)
class HealthCheck:
    """What a sitting is about, in JSON-ready values; holds no token.

    :param case: what is judged.
    :param deadline: when to close at the latest, in seconds since the epoch.
    :param poll_interval: time between two looks, in seconds.
    """

    case: HealthCase
    deadline: float
    poll_interval: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; :meth:`from_dict` reads them back."""
        return {**vars(self), "case": self.case.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HealthCheck:
        """Read what :meth:`to_dict` wrote."""
        return cls(**{**values, "case": HealthCase.from_dict(values["case"])})


class HealthPoller:
    """Decides, look by look, whether there is a verdict.

    :param health_check: what is judged, and until when.
    :param rng: returns random numbers from 0 to 1.
    :param waits: whether to wait for the windows; otherwise the first look decides.
    """

    def __init__(self, health_check: HealthCheck, rng: Callable[[], float], *, waits: bool = True) -> None:
        self._health_check = health_check
        self._case = health_check.case
        self._waits = waits
        self._backoff = PollBackoff(health_check.poll_interval, rng, first=health_check.poll_interval)
        self._suspected = False
        self._in_outage = False

    def on_result(self, evaluation: Evaluation, now: float) -> Evaluation | None:
        """Take what a look showed; return the verdict, or None to go on.

        :param now: seconds since the epoch.
        """
        self._backoff.answered()
        self._in_outage = False
        if not self._waits or now >= self._health_check.deadline:
            return evaluation
        if evaluation.verdict is Health.REGRESSED:
            return self._confirmed(evaluation)
        self._suspected = False
        return None if any(reason.code == "TOO-EARLY" for reason in evaluation.reasons) else evaluation

    def failed(self, error: RollbackError, now: float) -> Evaluation | None:
        """Take that a look failed. What the API does not tell is no failure of the Deployment.

        :raises BadInput: the error itself when the connection or an argument cannot be used.
        """
        if isinstance(error, BadInput) or not isinstance(error, (PlatformError, AccessDenied)):
            raise error
        self._in_outage = True
        curable = self._backoff.failed(error) and (error.retryable or isinstance(error, AccessDenied))
        if self._waits and curable and now < self._health_check.deadline:
            return None
        moment = datetime.fromtimestamp(now, timezone.utc)
        message = f"What happened since the deploy could not be read: {error}"
        return without_evidence(self._case, "API-ERROR", message, moment)

    def delay(self, now: float) -> float:
        """Return how long to wait before the next look, in seconds."""
        steps = [self._case.windows[0].begin, self._case.verdict_at]
        ahead = [moment.timestamp() - now for moment in steps if moment.timestamp() > now]
        pause = self._backoff.delay()
        if len(ahead) == len(steps) and not self._in_outage:  # nothing to be seen yet
            pause = ahead[0]
        return max(_LEAST_DELAY, min(pause, *ahead, self._health_check.deadline - now))

    def _confirmed(self, evaluation: Evaluation) -> Evaluation | None:
        """Runs are counted for good; what is seen at one moment is looked at once more."""
        if self._suspected or any(reason.code == "RUNS-FAIL" for reason in evaluation.reasons):
            return evaluation
        self._suspected = True
        return None
