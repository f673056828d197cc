# SPDX-License-Identifier: Apache-2.0
"""The trigger that follows a rollback in the triggerer."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseTrigger, TriggerEvent
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.rollback.poller import Tracking, broken_off
from airflow_rollback_provider.rollback.tracking import track

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_rollback_provider.rollback.outcome import Outcome


_LONGEST_FIRST_PAUSE = 2.0


class RollbackTrigger(BaseTrigger):
    """Follow a rollback to its end. It only reads, so that any number of restarts does no harm.

    :param astro_conn_id: Airflow connection to the platform. The token stays there; nothing here is
        secret.
    :param tracking: what to follow, as :meth:`Tracking.to_dict` writes it.
    """

    def __init__(self, astro_conn_id: str, tracking: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.astro_conn_id = astro_conn_id
        self.tracking = tracking
        self._ended = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the database keeps, in plain text."""
        path = "airflow_rollback_provider.triggers.rollback.RollbackTrigger"
        return path, {"astro_conn_id": self.astro_conn_id, "tracking": self.tracking}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: how the rollback ended. A trigger that raised would bypass the operator."""
        tracking = Tracking.from_dict(self.tracking)
        try:
            outcome, polls_failed = await self._track(tracking)
        except Exception as error:
            self.log.exception("Tracking the rollback %s broke off.", tracking.rollback_id)
            outcome, polls_failed = broken_off(tracking, error), 0
        self._ended = True
        event = {
            "tracking": self.tracking,
            "outcome": outcome.to_dict(),
            "at": time.time(),
            "polls_failed": polls_failed,
        }
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's

    async def cleanup(self) -> None:
        """Log that the rollback goes on, when tracking ends first: after a restart or an action of a user."""
        if not self._ended:
            self.log.warning(
                "No longer tracking the rollback %s of Deployment %s. It cannot be recalled and may still "
                "be going on: look at %s. A triggerer that takes over, or the next try of the task, goes on "
                "waiting for it.",
                self.tracking["rollback_id"],
                self.tracking["deployment_id"],
                self.tracking["where"],
            )

    async def _track(self, tracking: Tracking) -> tuple[Outcome, int]:
        await asyncio.sleep(_first_pause(tracking))
        async with DeployHistoryHook(self.astro_conn_id) as hook:
            wait = track(hook, tracking, self.log)
            return await hook.async_run(wait.until_done()), wait.poller.failed_polls


def _first_pause(tracking: Tracking) -> float:
    """Spread the first polls of all that a triggerer starts at once; the task has just polled."""
    left = max(0.0, tracking.deadline - time.time())
    spread = min(_LONGEST_FIRST_PAUSE, tracking.poll_interval, left)
    return spread * random.random()  # noqa: S311 - spreads load
