# SPDX-License-Identifier: Apache-2.0
"""The hook for the REST API of the Airflow in a Deployment."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_rollback_provider.airflow_api.client import AirflowApi
from airflow_rollback_provider.airflow_api.settings import CONN_TYPE, ApiConnection, read_connection
from airflow_rollback_provider.compat import BaseHook, amask_secret, get_async_connection, mask_secret
from airflow_rollback_provider.domain.errors import InvalidConnection, RollbackError
from airflow_rollback_provider.hooks import airflow_api_form as form
from airflow_rollback_provider.http.client_pool import POOL
from airflow_rollback_provider.http.transports import HttpxTransport, RequestsTransport

if TYPE_CHECKING:
    from airflow_rollback_provider.http.connection_fields import ConnectionLike
    from airflow_rollback_provider.http.messages import Flow

T = TypeVar("T")


class AirflowApiHook(BaseHook):
    """Calls the REST API of the Airflow in a Deployment, Airflow 2 or 3.

    In an event loop, use it as ``async with AirflowApiHook(conn_id) as hook``, and ``async_run`` in the place
    of ``run``.

    :param airflow_conn_id: Airflow connection with the address of that Airflow as host, and login and
        password, or a token as password without a login. The connection may have any type.
    :param connection: the connection itself, if it does not come from Airflow.
    :raises InvalidConnection: on first use, for a missing or invalid field.
    """

    conn_name_attr = "airflow_conn_id"
    default_conn_name = "airflow_api_default"
    conn_type = CONN_TYPE
    hook_name = "Airflow REST API"

    def __init__(
        self,
        airflow_conn_id: str = default_conn_name,
        *,
        connection: ConnectionLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.airflow_conn_id = airflow_conn_id
        self._connected = read_connection(connection) if connection is not None else None
        self._api: AirflowApi | None = None
        self._transport: RequestsTransport | None = None
        self._leases = AsyncExitStack()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the hidden and renamed fields of the form."""
        return form.ui_field_behaviour()

    @property
    def api(self) -> AirflowApi:
        """The client of that Airflow. In an event loop only after ``async with``."""
        if self._api is None:
            self._api = AirflowApi(self._connect().settings)
        return self._api

    def get_conn(self) -> AirflowApi:
        """Return the client of that Airflow."""
        return self.api

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its value."""
        if self._transport is None:
            self._transport = RequestsTransport(self._connect().policy)
        return self._transport.run(flow)

    def test_connection(self) -> tuple[bool, str]:
        """Check the connection, for the button *Test* of its form; return the result as a sentence."""
        try:
            return True, self.run(self.api.check())
        except RollbackError as error:
            return False, str(error)

    def close(self) -> None:
        """Close the network connections. The hook can be used again."""
        if self._transport is not None:
            self._transport.close()

    async def async_run(self, flow: Flow[T]) -> T:
        """Run a flow to its end inside an event loop and return its value."""
        connected = await self._aconnect()
        return await HttpxTransport(connected.policy).run(flow)

    async def __aenter__(self) -> AirflowApiHook:
        connected = await self._aconnect()
        await self._leases.enter_async_context(POOL.lease(connected.policy))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._leases.aclose()

    def __getstate__(self) -> dict[str, Any]:
        """Omit the password and what cannot be pickled; the connection is read again."""
        omitted = ("_connected", "_api", "_transport", "_leases")
        kept = {name: value for name, value in self.__dict__.items() if name not in omitted}
        return {**kept, "_connected": None, "_api": None, "_transport": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _leases=AsyncExitStack())

    def _connect(self) -> ApiConnection:
        if self._connected is None:
            try:
                self._connected = read_connection(self.get_connection(self.airflow_conn_id))
            except InvalidConnection as error:
                # The traceback's frames contain the connection, whose repr shows the password on Airflow 3.
                raise error.with_traceback(None) from None
            for secret in self._connected.secrets:
                mask_secret(secret)
        return self._connected

    async def _aconnect(self) -> ApiConnection:
        if self._connected is None:
            try:
                connected = read_connection(await get_async_connection(self.airflow_conn_id))
            except InvalidConnection as error:
                raise error.with_traceback(None) from None
            for secret in connected.secrets:
                await amask_secret(secret)
            self._connected = connected
        return self._connected
