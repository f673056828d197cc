# SPDX-License-Identifier: Apache-2.0
"""The trigger that waits for the verdict on a deploy."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseTrigger, TriggerEvent
from airflow_rollback_provider.domain.redaction import quote_error
from airflow_rollback_provider.health.evaluate import without_evidence
from airflow_rollback_provider.health.poller import HealthCheck, check_health
from airflow_rollback_provider.health.verdict import explain
from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_rollback_provider.health.verdict import Evaluation


class DeployHealthTrigger(BaseTrigger):
    """Poll until there is a verdict. It only reads, so that any number of restarts does no harm.

    :param airflow_conn_id: Airflow connection to the Airflow of the Deployment. The password stays there;
        nothing here is secret.
    :param health_check: what to check, as :meth:`HealthCheck.to_dict` writes it.
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
        """Yield one event: the evaluation. A trigger that raised would bypass the operator."""
        health_check = HealthCheck.from_dict(self.health_check)
        try:
            evaluation, polls_failed = await self._check(health_check)
        except Exception as error:
            self.log.exception("The health check broke off.")
            message = f"The health check broke off ({quote_error(error)})."
            now, polls_failed = datetime.now(timezone.utc), 0
            evaluation = without_evidence(health_check.case, "BROKEN-OFF", message, now)
        event = {
            "evaluation": evaluation.to_dict(),
            "words": explain(evaluation),
            "polls_failed": polls_failed,
        }
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's

    async def _check(self, health_check: HealthCheck) -> tuple[Evaluation, int]:
        async with AirflowApiHook(self.airflow_conn_id) as hook:
            # The task has polled a moment ago.
            wait = check_health(hook, health_check, self.log)
            return await hook.async_run(wait.until_done(pause_first=True)), wait.poller.failed_polls
