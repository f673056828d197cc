# SPDX-License-Identifier: Apache-2.0
"""The trigger that waits for the windows after a deploy, and judges."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseTrigger, TriggerEvent
from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.health.evaluate import without_evidence
from airflow_rollback_provider.health.observe import Observer
from airflow_rollback_provider.health.poller import HealthCheck, HealthPoller
from airflow_rollback_provider.health.verdict import explain
from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_rollback_provider.health.verdict import Evaluation


class DeployHealthTrigger(BaseTrigger):
    """Look at a deploy until there is a verdict. It only reads, so that any number of restarts does no harm.

    :param airflow_conn_id: Airflow connection to the Airflow of the Deployment. The password stays there;
        nothing here is secret.
    :param health_check: what to judge, as :meth:`HealthCheck.to_dict` writes it.
    """

    def __init__(self, airflow_conn_id: str, health_check: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.airflow_conn_id = airflow_conn_id
        self.health_check = health_check

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the database keeps, in plain text."""
        path = "airflow_rollback_provider.triggers.deploy_health.DeployHealthTrigger"
        return path, {"airflow_conn_id": self.airflow_conn_id, "health_check": self.health_check}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the judgement. A trigger that raised would bypass the operator."""
        health_check = HealthCheck.from_dict(self.health_check)
        try:
            evaluation = await self._watch(health_check)
        except Exception as error:
            self.log.exception("Judging broke off.")
            message = f"Judging broke off ({type(error).__name__}: {error})."
            evaluation = without_evidence(
                health_check.case, "BROKEN-OFF", message, datetime.now(timezone.utc)
            )
        event = {"evaluation": evaluation.to_dict(), "words": explain(evaluation)}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's

    async def _watch(self, health_check: HealthCheck) -> Evaluation:
        poller = HealthPoller(health_check, random.random)  # noqa: S311 - spreads load, hides nothing
        async with AirflowApiHook(self.airflow_conn_id) as hook:
            observer = Observer(hook.api, health_check.case)
            while True:
                # The task has looked a moment ago.
                await asyncio.sleep(poller.delay(time.time()))
                evaluation = await self._look(hook, observer, poller)
                if evaluation is not None:
                    return evaluation

    async def _look(
        self, hook: AirflowApiHook, observer: Observer, poller: HealthPoller
    ) -> Evaluation | None:
        try:
            seen = await hook.arun(observer.look(datetime.now(timezone.utc)))
        except RollbackError as error:
            self.log.warning("Could not look at the Deployment: %s", error)
            return poller.failed(error, time.time())
        return poller.on_result(seen, time.time())
