# SPDX-License-Identifier: Apache-2.0
"""The trigger that waits until a Deployment is at rest."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseTrigger, TriggerEvent
from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.drain.draining import Drain, DrainOrder, Rest
from airflow_rollback_provider.drain.paused_dags import PausedDags
from airflow_rollback_provider.drain.survey import quieten
from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class RestTrigger(BaseTrigger):
    """Look at a Deployment until it is at rest, pausing Dags as soon as nothing of theirs waits.

    Pausing twice does no harm, so that any number of restarts does not either. One that is left over when
    its Dags run again, or are another run's, stops before it pauses anything.

    :param airflow_conn_id: Airflow connection to the Airflow of the Deployment. The password stays there;
        nothing here is secret.
    :param order: what to wait for, as :meth:`DrainOrder.to_dict` writes it.
    """

    def __init__(self, airflow_conn_id: str, order: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.airflow_conn_id = airflow_conn_id
        self.order = order

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the database keeps, in plain text."""
        path = "airflow_rollback_provider.triggers.prepare.RestTrigger"
        return path, {"airflow_conn_id": self.airflow_conn_id, "order": self.order}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: how the wait ended. A trigger that raised would bypass the operator."""
        try:
            rest = await self._wait(DrainOrder.from_dict(self.order))
        except Exception as error:
            self.log.exception("Waiting for the Deployment to come to rest broke off.")
            rest = Rest(False, f"Waiting broke off ({type(error).__name__}: {error}).")
        event = {"rest": dict(vars(rest)), "order": self.order}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's

    async def _wait(self, order: DrainOrder) -> Rest:
        drain = Drain(order, random.random)  # noqa: S311 - spreads load, hides nothing
        async with AirflowApiHook(self.airflow_conn_id) as hook:
            while True:
                # The task has looked a moment ago.
                await asyncio.sleep(drain.delay(time.time()))
                rest = await self._look(hook, order, drain)
                if rest is not None:
                    return rest

    async def _look(self, hook: AirflowApiHook, order: DrainOrder, drain: Drain) -> Rest | None:
        try:
            work, steps = await hook.arun(
                quieten(hook.api, order, await PausedDags(self.airflow_conn_id).aget())
            )
        except RollbackError as error:
            self.log.warning("Could not look at the Deployment: %s", error)
            return drain.failed(error, time.time())
        self.log.info("%s", work)
        return drain.saw(work, steps, time.time())
