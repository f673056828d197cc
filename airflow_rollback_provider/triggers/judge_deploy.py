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
from airflow_rollback_provider.health.health_check import Agenda, Sitting
from airflow_rollback_provider.health.observe import Observer
from airflow_rollback_provider.health.verdict import explain
from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_rollback_provider.health.verdict import Judgement


class JudgeDeployTrigger(BaseTrigger):
    """Look at a deploy until there is a verdict. It only reads, so that any number of restarts does no harm.

    :param airflow_conn_id: Airflow connection to the Airflow of the Deployment. The password stays there;
        nothing here is secret.
    :param agenda: what to judge, as :meth:`Agenda.to_dict` writes it.
    """

    def __init__(self, airflow_conn_id: str, agenda: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.airflow_conn_id = airflow_conn_id
        self.agenda = agenda

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the database keeps, in plain text."""
        path = "airflow_rollback_provider.triggers.judge_deploy.JudgeDeployTrigger"
        return path, {"airflow_conn_id": self.airflow_conn_id, "agenda": self.agenda}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the judgement. A trigger that raised would bypass the operator."""
        agenda = Agenda.from_dict(self.agenda)
        try:
            judgement = await self._sit(agenda)
        except Exception as error:
            self.log.exception("Judging broke off.")
            message = f"Judging broke off ({type(error).__name__}: {error})."
            judgement = without_evidence(agenda.case, "BROKEN-OFF", message, datetime.now(timezone.utc))
        event = {"judgement": judgement.to_dict(), "words": explain(judgement)}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's

    async def _sit(self, agenda: Agenda) -> Judgement:
        sitting = Sitting(agenda, random.random)  # noqa: S311 - spreads load, hides nothing
        async with AirflowApiHook(self.airflow_conn_id) as hook:
            observer = Observer(hook.api, agenda.case)
            while True:
                # The task has looked a moment ago.
                await asyncio.sleep(sitting.delay(time.time()))
                judgement = await self._look(hook, observer, sitting)
                if judgement is not None:
                    return judgement

    async def _look(self, hook: AirflowApiHook, observer: Observer, sitting: Sitting) -> Judgement | None:
        try:
            seen = await hook.arun(observer.look(datetime.now(timezone.utc)))
        except RollbackError as error:
            self.log.warning("Could not look at the Deployment: %s", error)
            return sitting.failed(error, time.time())
        return sitting.saw(seen, time.time())
