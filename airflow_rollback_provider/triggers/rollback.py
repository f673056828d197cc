# SPDX-License-Identifier: Apache-2.0
"""The trigger that follows a rollback in the triggerer."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseTrigger, TriggerEvent
from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.rollback.log_feed import feed_for
from airflow_rollback_provider.rollback.poller import RollbackPoller, Tracking, broken_off

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_rollback_provider.rollback.log_feed import LogFeed
    from airflow_rollback_provider.rollback.outcome import Outcome


_FIRST_LOOK_WITHIN = 2.0


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
        await self._take_turns()
        tracking = Tracking.from_dict(self.tracking)
        try:
            outcome = await self._follow(tracking)
        except Exception as error:
            self.log.exception("Following the rollback %s broke off.", tracking.rollback_id)
            outcome = broken_off(tracking, error)
        self._ended = True
        event = {"tracking": self.tracking, "outcome": outcome.to_dict(), "at": time.time()}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's

    async def cleanup(self) -> None:
        """Say what goes on when following ends before the rollback does: a restart, or a person's action."""
        if not self._ended:
            self.log.warning(
                "No longer following the rollback %s of Deployment %s. It cannot be recalled and may still "
                "be going on: look at %s. A triggerer that takes over, or the next try of the task, goes on "
                "waiting for it.",
                self.tracking["rollback_id"],
                self.tracking["deployment_id"],
                self.tracking["where"],
            )

    async def _take_turns(self) -> None:
        """Spread the first looks of all that a triggerer starts at once; the task has just looked."""
        left = max(0.0, self.tracking["deadline"] - time.time())
        spread = min(_FIRST_LOOK_WITHIN, self.tracking["poll_interval"], left)
        await asyncio.sleep(spread * random.random())  # noqa: S311 - spreads load, hides nothing

    async def _follow(self, tracking: Tracking) -> Outcome:
        waiter = RollbackPoller(tracking, random.random)  # noqa: S311 - spreads load, hides nothing
        feed = feed_for(tracking)
        async with DeployHistoryHook(self.astro_conn_id) as hook:
            while True:
                outcome = await self._look(hook, tracking, waiter, feed)
                if outcome is not None:
                    return outcome
                await asyncio.sleep(waiter.delay(time.time()))

    async def _look(
        self, hook: DeployHistoryHook, tracking: Tracking, waiter: RollbackPoller, feed: LogFeed
    ) -> Outcome | None:
        try:
            seen = await hook.async_observe(tracking)
        except RollbackError as error:
            self.log.warning("Could not look at the rollback %s: %s", tracking.rollback_id, error)
            return waiter.failed(error, time.time())
        await self._show_logs(hook, tracking, feed)
        return waiter.on_result(seen, time.time())

    async def _show_logs(self, hook: DeployHistoryHook, tracking: Tracking, feed: LogFeed) -> None:
        if not hook.capabilities.logs or feed.full:
            return
        try:
            lines = await hook.async_logs(tracking.deployment_id, feed.since)
        except RollbackError as error:
            if feed.complain_once():
                self.log.warning("The platform's log of the rollback is not available: %s", error)
            return
        for line in feed.new(lines):
            self.log.info("platform: %s", line)
