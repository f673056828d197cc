# SPDX-License-Identifier: Apache-2.0
"""The triggers that wait for deploys: one for assets, which never ends, and one for a task."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseEventTrigger, BaseTrigger, TriggerEvent
from airflow_rollback_provider.deploy_events.poll import Subscription, wait_for_deploy
from airflow_rollback_provider.deploy_events.subscription import (
    Cursor,
    DeployFilter,
    WaitResult,
    WaitStatus,
    broken_off,
    landed_deploys,
)
from airflow_rollback_provider.domain.arguments import flag, interval, optional, text
from airflow_rollback_provider.domain.errors import AccessDenied, BadInput, RollbackError
from airflow_rollback_provider.domain.jsonable import encode
from airflow_rollback_provider.domain.poller import PollBackoff, Poller, Wait
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.state import StateStore, trigger_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from airflow_rollback_provider.deploy_events.subscription import PollResult

__all__ = ["DeployLandedTrigger", "DeployTrigger", "landed_deploys"]

_PATH = "airflow_rollback_provider.triggers.deploys"
LONGEST_PAUSE_IN_AN_OUTAGE = 300.0
_DESCRIPTION = "Cursor of a watcher in a deploy history. Without it the watcher begins with the next deploy."
# Airflow writes an event to its database a second or two after it was yielded. The cursor is stored after
# that: a triggerer that dies before repeats the event and does not lose it.
SECONDS_UNTIL_STORED = 5.0


class DeployLandedTrigger(BaseEventTrigger):
    """Send an asset event for each deploy that lands, once, oldest first; for ``AssetWatcher`` on Airflow 3.

    The trigger begins with the deploys after its first start, or after ``after``. Airflow stores its cursor
    (from 3.3 on with the asset, before in a Variable), so that a restart neither repeats nor loses a deploy.
    While the cursor cannot be read, the trigger waits. Only a triggerer that is killed within seconds after
    an event may repeat it. Outages of the platform and of Airflow's database and a missing connection are
    logged and waited out: the trigger never raises and never ends.

    Two watchers with the same arguments are one trigger in Airflow, and both assets get every event. With any
    other argument, ``poll_interval`` too, it is another trigger, which begins anew.

    All new deploys of one poll come in one event: Airflow starts one run for events that come close together,
    and passes it the first event only. The payload is ``{"deployment_id": …, "deploys": [{…}]}``;
    :func:`landed_deploys` reads it in a task. A deploy that brings back content that was rolled back from has
    ``rejected``: when, why, and by which rollback.

    :param deployment_id: id or release name of the Deployment.
    :param statuses: a deploy counts as soon as it has one of these: ``succeeded`` (default), ``failed``,
        ``in progress``.
    :param types: the platform's words for the types that count, such as ``DAG_ONLY``; by default all.
    :param rollbacks: whether rollbacks count. Default False.
    :param after: id of a deploy, or a time with its zone, to begin after. An older deploy that is
        still in progress is new too, once it lands. A time is better in a lasting Dag: the platform deletes
        deploys.
    :param poll_interval: time between two polls, in seconds or as a timedelta. Default 60.
    :param astro_conn_id: Airflow connection to the platform.
    """

    def __init__(
        self,
        deployment_id: str,
        statuses: Sequence[str] = ("succeeded",),
        types: Sequence[str] = (),
        rollbacks: bool = False,
        after: str | datetime | None = None,
        poll_interval: float | timedelta = 60.0,
        astro_conn_id: str = DeployHistoryHook.default_conn_name,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.deployment_id = text(deployment_id, "deployment_id")
        self.statuses = statuses
        self.types = types
        self.rollbacks = flag(rollbacks, "rollbacks")
        self.after = optional(after, "after")
        self.poll_interval = interval(poll_interval)
        self.astro_conn_id = astro_conn_id
        self._cursor: Cursor | None = None
        self._kept: Cursor | None = None
        self._hooks = AsyncExitStack()
        self._hook: DeployHistoryHook | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the identity of this trigger: the same for the same arguments, in plain values.

        :raises BadInput: for arguments that cannot be used, when the Dag is parsed.
        """
        deploy_filter = self._deploy_filter()
        return f"{_PATH}.DeployLandedTrigger", {
            "deployment_id": self.deployment_id,
            "statuses": [status.value for status in deploy_filter.statuses],
            "types": list(deploy_filter.types),
            "rollbacks": self.rollbacks,
            "after": self.after,
            "poll_interval": self.poll_interval,
            "astro_conn_id": self.astro_conn_id,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event for each poll that finds new deploys, without end."""
        backoff = PollBackoff(
            self.poll_interval,
            random.random,  # noqa: S311 - spreads load, hides nothing
            first=self.poll_interval,
            outage=LONGEST_PAUSE_IN_AN_OUTAGE,
        )
        # All watchers of a triggerer start at once.
        await asyncio.sleep(min(2.0, self.poll_interval) * random.random())  # noqa: S311 - the same
        while True:
            poll_result = await self._poll(backoff)
            if poll_result is not None and poll_result.news:
                yield TriggerEvent(_payload(poll_result))  # type: ignore[no-untyped-call]  # Airflow's
            if poll_result is not None:
                await self._store_cursor(poll_result)
            await asyncio.sleep(backoff.delay())

    async def cleanup(self) -> None:
        """Close the connections."""
        await self._close()

    def _deploy_filter(self) -> DeployFilter:
        return DeployFilter.parse(self.statuses, self.types, rollbacks=self.rollbacks)

    def _store(self) -> StateStore:
        return trigger_store(self, _DESCRIPTION)

    @property
    def _key(self) -> str:
        # One trigger in Airflow has one cursor: two triggers with one cursor would each miss deploys.
        digest = hashlib.sha256(json.dumps(self.serialize()[1], sort_keys=True).encode()).hexdigest()
        return f"rollback_watch_{digest[:20]}"

    async def _read_cursor(self) -> Cursor | None:
        """Return the stored cursor, or None at the first start.

        :raises StateUnavailable: when the store cannot be read.
        :raises BadInput: when the stored value is no cursor.
        """
        kept = await self._store().aget(self._key)
        try:
            return Cursor.from_dict(kept) if kept is not None else None
        except ValueError as error:
            raise BadInput(
                f"The cursor in Airflow under {self._key} cannot be read ({error}). Delete it, and the "
                "watcher "
                "begins anew: with the next deploy, or after its argument after."
            ) from error

    async def _poll(self, backoff: PollBackoff) -> PollResult | None:
        """Poll once; any error is logged, and the next poll comes later."""
        try:
            poll_result = await self._poll_deploys()
        except RollbackError as error:
            self.log.warning("Could not poll for deploys of Deployment %s: %s", self.deployment_id, error)
            failure: Exception = error
        except Exception as error:
            self.log.exception("Could not poll for deploys of Deployment %s.", self.deployment_id)
            failure = error
        else:
            backoff.on_success()
            self._cursor = poll_result.cursor
            return poll_result
        backoff.on_failure(failure)
        await self._close()
        return None

    async def _poll_deploys(self) -> PollResult:
        if self._cursor is None:
            self._cursor = self._kept = await self._read_cursor()
        if self._hook is None:
            hook = DeployHistoryHook(self.astro_conn_id)
            self._hook = await self._hooks.enter_async_context(hook)
        subscription = Subscription(self.deployment_id, self._deploy_filter(), self.after)
        return await self._hook.async_poll_deploys(subscription, self._cursor)

    async def _store_cursor(self, poll_result: PollResult) -> None:
        if poll_result.cursor == self._kept:
            return
        if poll_result.news:
            self.log.info("New deploys: %s", ", ".join(deploy.id for deploy in poll_result.news))
            await asyncio.sleep(SECONDS_UNTIL_STORED)
        try:
            await self._store().aset(self._key, poll_result.cursor.to_dict())
        except Exception:
            self.log.exception("Could not store the cursor. The next poll stores it again.")
        else:
            self._kept = poll_result.cursor

    async def _close(self) -> None:
        """Close the hook: the next poll reads the connection again, which may be corrected by then."""
        self._hook = None
        await self._hooks.aclose()


class DeployTrigger(BaseTrigger):
    """Wait for one deploy. It only reads, so that any number of restarts does no harm.

    :param astro_conn_id: Airflow connection to the platform.
    :param subscription: arguments of :class:`DeployFilter.parse` and :class:`Subscription` in plain values.
    :param cursor: where the task's own poll stopped, as :meth:`Cursor.to_dict` writes it.
    :param poll_interval: longest time between two polls, in seconds.
    :param deadline: when to stop waiting, in seconds since the epoch.
    """

    def __init__(
        self,
        astro_conn_id: str,
        subscription: dict[str, Any],
        cursor: dict[str, Any] | None,
        poll_interval: float,
        deadline: float,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.astro_conn_id = astro_conn_id
        self.subscription = subscription
        self.cursor = cursor
        self.poll_interval = poll_interval
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the database keeps, in plain text."""
        return f"{_PATH}.DeployTrigger", {
            "astro_conn_id": self.astro_conn_id,
            "subscription": self.subscription,
            "cursor": self.cursor,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: how waiting ended. A trigger that raised would bypass the sensor."""
        try:
            wait_result = await self._wait()
        except Exception as error:
            self.log.exception("Waiting for a deploy of %s broke off.", self.subscription["deployment"])
            wait_result = broken_off(self.subscription["deployment"], error)
        yield TriggerEvent(wait_result.to_dict())  # type: ignore[no-untyped-call]  # Airflow's

    async def _wait(self) -> WaitResult:
        subscription = Subscription.from_dict(self.subscription)
        rng = random.random  # noqa: S311 - spreads load
        poller = DeployPoller(subscription, self.deadline, self.poll_interval, rng)
        if self.cursor is not None:
            poller.cursor = Cursor.from_dict(self.cursor)
        async with DeployHistoryHook(self.astro_conn_id) as hook:
            wait = Wait(
                poller,
                lambda: wait_for_deploy(hook.platform, subscription, poller.cursor),
                clock=time.time,
                report=lambda error: self.log.warning(
                    "Could not poll for a deploy of %s: %s", subscription.deployment, error
                ),
                reconnect=hook.reconnect,
            )
            return await hook.async_run(wait.until_done())


class DeployPoller(Poller["tuple[WaitResult | None, Cursor]", WaitResult]):
    """Decides after each poll whether the deploy has come.

    :param subscription: what is waited for.
    :param deadline: when to stop waiting, in seconds since the epoch.
    :param interval: longest time between two polls, in seconds.
    """

    def __init__(
        self, subscription: Subscription, deadline: float, interval: float, rng: Callable[[], float]
    ) -> None:
        super().__init__(deadline, interval, rng)
        self.cursor: Cursor | None = None
        self._subscription = subscription

    def evaluate(self, result: tuple[WaitResult | None, Cursor], now: float) -> WaitResult | None:
        wait_result, self.cursor = result
        return wait_result

    def give_up(self, error: RollbackError, now: float) -> WaitResult:
        """Raise the error. A refusal after success leaves the retries in force: a token may have expired."""
        if self.cursor is not None and isinstance(error, AccessDenied):
            error.retryable = True
        raise error

    def time_out(self, now: float) -> WaitResult:
        return replace(timed_out(self._subscription), cursor=self.cursor)


def _payload(poll_result: PollResult) -> dict[str, Any]:
    return {
        "deployment_id": poll_result.cursor.deployment_id,
        "deploys": [
            {**deploy.to_dict(), "rejected": encode(poll_result.rejections.get(deploy.id))}
            for deploy in poll_result.news
        ],
    }


def timed_out(subscription: Subscription) -> WaitResult:
    """Describe a deploy that had not come when the deadline passed."""
    what = f"deploy {subscription.deploy_id}" if subscription.deploy_id else "a deploy"
    states = " or ".join(map(str, subscription.deploy_filter.statuses))
    return WaitResult(
        WaitStatus.TIMED_OUT,
        f"Waited in vain for {what} of Deployment {subscription.deployment} to be {states}. Look at its "
        "history, "
        "or wait longer (timeout).",
    )
