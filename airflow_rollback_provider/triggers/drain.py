# SPDX-License-Identifier: Apache-2.0
"""The trigger that waits until a Deployment is drained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseTrigger, TriggerEvent
from airflow_rollback_provider.domain.redaction import quote_error
from airflow_rollback_provider.drain.drain import DrainRequest, DrainResult, PausedDagsStore
from airflow_rollback_provider.drain.poller import drain
from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class DrainTrigger(BaseTrigger):
    """Poll until a Deployment is drained, and pause Dags as soon as no task of theirs waits.

    Pausing twice does no harm, so that any number of restarts does not either. One that is left over when
    its Dags run again, or are another run's, stops before it pauses anything.

    :param airflow_conn_id: Airflow connection to the Airflow of the Deployment. The password stays there;
        nothing here is secret.
    :param request: what to wait for, as :meth:`DrainRequest.to_dict` writes it.
    """

    def __init__(self, airflow_conn_id: str, request: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.airflow_conn_id = airflow_conn_id
        self.request = request

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the database keeps, in plain text."""
        path = "airflow_rollback_provider.triggers.drain.DrainTrigger"
        return path, {"airflow_conn_id": self.airflow_conn_id, "request": self.request}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: how the wait ended. A trigger that raised would bypass the operator."""
        try:
            drained = await self._wait(DrainRequest.from_dict(self.request))
        except Exception as error:
            self.log.exception("Draining the Deployment broke off.")
            drained = DrainResult(False, f"Draining broke off ({quote_error(error)}).")
        event = {"drained": drained.to_dict(), "request": self.request}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's

    async def _wait(self, request: DrainRequest) -> DrainResult:
        store = PausedDagsStore(self.airflow_conn_id)
        async with AirflowApiHook(self.airflow_conn_id) as hook:
            # The task has polled a moment ago.
            wait = drain(hook, request, store, self.log)
            return await hook.async_run(wait.until_done(pause_first=True))
