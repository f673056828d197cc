# SPDX-License-Identifier: Apache-2.0
"""The hook: reads deploy histories and rolls Deployments back over an Airflow connection."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.deploy_events.poll import poll_deploys
from airflow_rollback_provider.domain.errors import InvalidConnection
from airflow_rollback_provider.hooks import form
from airflow_rollback_provider.hooks.client import TOLERATED_SKEW, DeployHistoryClient, Reading
from airflow_rollback_provider.hooks.http_hook import HttpHook
from airflow_rollback_provider.platforms.connection_types import ASTRO, PRIVATE_CLOUD
from airflow_rollback_provider.platforms.registry import IMPORTED_LATE, Connected, connect

if TYPE_CHECKING:
    from airflow_rollback_provider.deploy_events.poll import Subscription
    from airflow_rollback_provider.deploy_events.subscription import Cursor, PollResult
    from airflow_rollback_provider.domain.findings import Report
    from airflow_rollback_provider.http.connection_fields import ConnectionLike
    from airflow_rollback_provider.platforms.base import Platform

_ASYNC_CONNECTIONS = "airflow.providers.common.compat.connection"

__all__ = ["AstroDeployHistoryHook", "DeployHistoryHook", "Reading"]


class DeployHistoryHook(HttpHook[Connected], DeployHistoryClient):
    """Reads deploy histories and starts rollbacks, on the platform that an Airflow connection leads to.

    The type of the connection selects the platform. Methods whose names begin with ``async_`` are for an
    event loop, the others for tasks and shells. In a triggerer, use the hook as ``async with
    DeployHistoryHook(conn_id) as hook``: all hooks that are used so at the same time share one HTTP client.

    :param astro_conn_id: Airflow connection to the platform. It is read when it is first needed.
    :param connection: the connection itself, where it does not come from Airflow.
    :raises InvalidConnection: on first use, for a field that is missing or cannot be used.
    """

    conn_name_attr = "astro_conn_id"
    default_conn_name = PRIVATE_CLOUD.default_conn_id
    conn_type = PRIVATE_CLOUD.name
    hook_name = PRIVATE_CLOUD.label

    def __init__(
        self,
        astro_conn_id: str = default_conn_name,
        *,
        connection: ConnectionLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(connection, **kwargs)
        self.astro_conn_id = astro_conn_id
        self._seen = {}

    def read_connection(self, connection: ConnectionLike) -> Connected:
        return connect(connection)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's own fields, for Airflow 2."""
        return form.form_widgets(PRIVATE_CLOUD)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return what the form hides and renames."""
        return form.ui_field_behaviour(PRIVATE_CLOUD)

    @property
    def platform(self) -> Platform:
        """The platform that the connection leads to."""
        return self._connect().platform

    def get_conn(self) -> Platform:
        return self.platform

    def diagnose(self, deployment: str | None = None) -> Report:
        """Check the connection from the network to the deploy history. Nothing is changed.

        :param deployment: id or name of a Deployment to check too; None checks none.
        """
        from airflow_rollback_provider.doctor.diagnosis import diagnose, unusable

        try:
            connected = self._connect()
        except InvalidConnection as error:
            return unusable(error, self.astro_conn_id, deployment)
        return diagnose(connected, self.astro_conn_id, deployment, TOLERATED_SKEW)

    def test_connection(self) -> tuple[bool, str]:
        """Check the connection, for the button *Test* of its form; return whether it works, and a summary."""
        report = self.diagnose()
        return report.sound, report.summary()

    async def async_poll_deploys(
        self, subscription: Subscription, cursor: Cursor | None = None
    ) -> PollResult:
        """Poll once for new deploys, inside an event loop.

        :param cursor: where the poll before this one stopped, if there was one.
        """
        connected = await self._aconnect()
        return await self.async_run(poll_deploys(connected.platform, subscription, cursor))

    async def _aconnect(self) -> Connected:
        if self._connected is None:
            await _load_what_flows_need()
        return await super()._aconnect()


class AstroDeployHistoryHook(DeployHistoryHook):
    """The same hook, for connections of the type ``astro``.

    Airflow needs one class for each type, and reads the form from the class itself, not from its parents.
    """

    default_conn_name = ASTRO.default_conn_id
    conn_type = ASTRO.name
    hook_name = ASTRO.label

    def __init__(self, astro_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(astro_conn_id, **kwargs)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        return form.form_widgets(ASTRO)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        return form.ui_field_behaviour(ASTRO)


async def _load_what_flows_need() -> None:
    """Import modules in a thread that the first poll would import otherwise, blocking the event loop."""
    missing = [name for name in (*IMPORTED_LATE, _ASYNC_CONNECTIONS) if name not in sys.modules]
    if missing:
        await asyncio.to_thread(lambda: [import_module(name) for name in missing])
