# SPDX-License-Identifier: Apache-2.0
"""Waiting for a verdict: what is checked, when to read again, what an outage means, when to stop."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import AccessDenied, BadInput, PlatformError, RollbackError
from airflow_rollback_provider.domain.jsonable import JsonDataclass
from airflow_rollback_provider.domain.poller import Connector, Poller, Wait
from airflow_rollback_provider.health.case import HealthCase  # noqa: TC001 - decode() reads it
from airflow_rollback_provider.health.evaluate import without_evidence
from airflow_rollback_provider.health.observe import Observer
from airflow_rollback_provider.health.verdict import Evaluation, Health

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.airflow_api.client import AirflowApi
    from airflow_rollback_provider.domain.log import Log


@dataclass(frozen=True)
class HealthCheck(JsonDataclass):
    """The health check of a deploy, in JSON-ready values; without a token.

    :param case: the deploy to evaluate.
    :param deadline: when to stop at the latest, in seconds since the epoch.
    :param poll_interval: time between two polls, in seconds.
    """

    case: HealthCase
    deadline: float
    poll_interval: float


class HealthPoller(Poller[Evaluation, Evaluation]):
    """Decides after each poll whether there is a verdict.

    :param health_check: what is evaluated, and until when.
    :param rng: returns random numbers from 0 to 1.
    :param waits: whether to wait for a verdict; otherwise the first poll decides.
    """

    least_delay = 0.1

    def __init__(self, health_check: HealthCheck, rng: Callable[[], float], *, waits: bool = True) -> None:
        interval = health_check.poll_interval
        super().__init__(health_check.deadline, interval, rng, first=interval)
        self._case = health_check.case
        self._waits = waits
        self._suspected = False

    def evaluate(self, result: Evaluation, now: float) -> Evaluation | None:
        """Return the verdict, or None while it is too early for one."""
        if not self._waits or now >= self.deadline:
            return result
        if result.verdict is Health.REGRESSED:
            return self._confirmed(result)
        self._suspected = False
        return None if any(reason.code == "TOO-EARLY" for reason in result.reasons) else result

    def on_error(self, error: RollbackError, now: float) -> Evaluation | None:
        """Take the error of a poll. An API that does not answer is no failure of the Deployment.

        :raises BadInput: the error itself when the connection or an argument cannot be used.
        """
        outcome = super().on_error(error, now)
        curable = self._waits and (error.retryable or isinstance(error, AccessDenied))
        return outcome if outcome is not None or curable else self.give_up(error, now)

    def next_delay(self, now: float) -> float:
        """Return the time until the next poll, in seconds: one poll is at the end of the horizon."""
        end = self._case.since.end.timestamp()
        pause = super().next_delay(now)
        return max(self.least_delay, min(pause, end - now if end > now else pause))

    def time_out(self, now: float) -> Evaluation:
        """Return the evaluation where the deadline passed during an outage."""
        assert self.last_error is not None  # noqa: S101 - evaluate() ends every other wait
        return self._without_evidence(self.last_error, now)

    def give_up(self, error: RollbackError, now: float) -> Evaluation:
        """Return an evaluation without evidence."""
        if isinstance(error, BadInput) or not isinstance(error, (PlatformError, AccessDenied)):
            raise error
        return self._without_evidence(error, now)

    def _without_evidence(self, error: RollbackError, now: float) -> Evaluation:
        moment = datetime.fromtimestamp(now, timezone.utc)
        message = f"What happened since the deploy could not be read: {error}"
        return without_evidence(self._case, "API-ERROR", message, moment)

    def _confirmed(self, evaluation: Evaluation) -> Evaluation | None:
        """Runs are counted for good; a state at one moment is read once more."""
        if self._suspected or any(reason.code == "RUNS-FAIL" for reason in evaluation.reasons):
            return evaluation
        self._suspected = True
        return None


def check_health(
    hook: Connector[AirflowApi], health_check: HealthCheck, log: Log, *, waits: bool = True
) -> Wait[Evaluation, Evaluation]:
    """Return the wait for a verdict, which polls the Airflow of a Deployment.

    :param hook: the hook for the REST API of that Airflow.
    :param health_check: what is evaluated, and until when.
    :param log: the task's log.
    :param waits: whether to wait for a verdict; otherwise the first poll decides.
    """
    observer = Observer(health_check.case)
    return Wait(
        HealthPoller(health_check, random.random, waits=waits),  # noqa: S311 - spreads load
        lambda: observer.poll(hook.get_conn(), datetime.now(timezone.utc)),
        clock=time.time,
        report=lambda error: log.warning("Could not read the state of the Deployment: %s", error),
        reconnect=hook.reconnect,
    )
