# SPDX-License-Identifier: Apache-2.0
"""Waiting until a Deployment is drained: what is paused at each poll, and when to stop."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import (
    AccessDenied,
    PlatformError,
    RollbackError,
    StateUnavailable,
)
from airflow_rollback_provider.domain.poller import Call, Connector, Poller, Wait
from airflow_rollback_provider.drain.drain import DrainRequest, DrainResult, Steps
from airflow_rollback_provider.drain.survey import pause_idle_dags

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.airflow_api.client import AirflowApi
    from airflow_rollback_provider.domain.log import Log
    from airflow_rollback_provider.drain.active_work import ActiveWork
    from airflow_rollback_provider.drain.drain import PausedDagsStore
    from airflow_rollback_provider.http.messages import Flow


class DrainPoller(Poller["tuple[ActiveWork, Steps]", DrainResult]):
    """Decides after each poll whether to go on waiting until a Deployment is drained.

    :param request: what is waited for.
    """

    least_delay = 0.1

    def __init__(self, request: DrainRequest, rng: Callable[[], float]) -> None:
        super().__init__(request.deadline, request.poll_interval, rng)
        self._last: ActiveWork | None = None

    def evaluate(self, result: tuple[ActiveWork, Steps], now: float) -> DrainResult | None:
        """Return that the Deployment is drained, or None to go on.

        A Dag that was paused a moment ago may have begun something a moment before: that takes one more poll.
        """
        self._last, steps = result
        if self._last.drained and not steps.pause:
            return DrainResult(
                True, "The Deployment is drained: no task runs or waits.", self._last.to_dict()
            )
        return None

    def time_out(self, now: float) -> DrainResult:
        why = str(self._last) if self.last_error is None else f"The last poll failed: {self.last_error}"
        return self._not_drained(f"The time is up. {why}")

    def give_up(self, error: RollbackError, now: float) -> DrainResult:
        """Return a wait that an error ended.

        :raises BadInput: the error itself when the connection or an argument cannot be used.
        """
        if not isinstance(error, (PlatformError, AccessDenied, StateUnavailable)):
            raise error
        return self._not_drained(f"The active work could not be read: {error}")

    def _not_drained(self, why: str) -> DrainResult:
        work = self._last.to_dict() if self._last is not None else None
        return DrainResult(False, f"The Deployment is not drained. {why}", work)


def drain(
    hook: Connector[AirflowApi], request: DrainRequest, store: PausedDagsStore, log: Log
) -> Wait[tuple[ActiveWork, Steps], DrainResult]:
    """Return the wait until the Deployment is drained. It pauses Dags as soon as no task of theirs waits.

    :param hook: the hook for the REST API of the Deployment's Airflow.
    :param request: what is waited for.
    :param store: the Dags that are paused.
    """

    def read() -> Flow[tuple[ActiveWork, Steps]]:
        paused_dags = yield Call(store.get, store.aget)
        work, steps = yield from pause_idle_dags(hook.get_conn(), request, paused_dags)
        log.info("%s", work)
        return work, steps

    return Wait(
        DrainPoller(request, random.random),  # noqa: S311 - spreads load
        read,
        clock=time.time,
        report=lambda error: log.warning("Could not read the state of the Deployment: %s", error),
        reconnect=hook.reconnect,
    )
