# SPDX-License-Identifier: Apache-2.0
"""The life cycle of a hook that sends HTTP requests: its connection, its transports, and pickling."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from airflow_rollback_provider.compat import BaseHook, amask_secret, get_async_connection, mask_secret
from airflow_rollback_provider.domain.errors import InvalidConnection, RollbackError
from airflow_rollback_provider.domain.poller import Call
from airflow_rollback_provider.http.client_pool import POOL
from airflow_rollback_provider.http.transports import HttpxTransport, RequestsTransport

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_rollback_provider.http.connection_fields import ConnectionLike
    from airflow_rollback_provider.http.messages import Flow
    from airflow_rollback_provider.http.retry_policy import Policy


class HttpConnection(Protocol):
    """The settings of a connection."""

    @property
    def policy(self) -> Policy:
        """The network policy."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must not appear in a log."""


T = TypeVar("T")
ConnectedT = TypeVar("ConnectedT", bound=HttpConnection)


class HttpHook(BaseHook, Generic[ConnectedT]):
    """A hook for tasks and shells, and with ``async with`` for an event loop.

    :param connection: the connection itself, where it does not come from Airflow.
    :raises InvalidConnection: on first use, for a field that is missing or cannot be used.
    """

    conn_name_attr: str

    def __init__(self, connection: ConnectionLike | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._connected = self.read_connection(connection) if connection is not None else None
        self._from_airflow = connection is None
        self._transport: RequestsTransport | None = None
        self._leases = AsyncExitStack()

    def read_connection(self, connection: ConnectionLike) -> ConnectedT:
        """Read the fields of a connection. No request is sent.

        :raises InvalidConnection: for a field that is missing or cannot be used.
        """
        raise NotImplementedError

    @property
    def transport(self) -> RequestsTransport:
        """The transport of requests and answers."""
        if self._transport is None:
            self._transport = RequestsTransport(self._connect().policy)
        return self._transport

    def run(self, flow: Flow[T]) -> T:
        """Run a flow; return its value."""
        return self.transport.run(flow)

    async def async_run(self, flow: Flow[T]) -> T:
        """Run a flow inside an event loop; return its value."""
        connected = await self._aconnect()
        return await HttpxTransport(connected.policy).run(flow)

    @property
    def reconnect(self) -> Call:
        """The step of a flow that reads the connection from Airflow again.

        A connection that cannot be read is logged, and the hook keeps the one that it has. The network policy
        of a flow that runs stays the same.
        """
        return Call(self.reread_connection, self._areconnect)

    def close(self) -> None:
        """Close connections that are kept open. The hook can be used again."""
        if self._transport is not None:
            self._transport.close()

    async def __aenter__(self) -> Self:
        connected = await self._aconnect()
        await self._leases.enter_async_context(POOL.lease(connected.policy))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._leases.aclose()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the token and what cannot be pickled; the connection is read anew."""
        kept = {name: value for name, value in self.__dict__.items() if name != "_leases"}
        return {**kept, "_connected": None, "_transport": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _leases=AsyncExitStack())

    # A traceback that held the connection would show the password, by the connection's repr on Airflow 3. So
    # no frame has it in a variable, and the frames of read_connection are cut off.
    def _connect(self) -> ConnectedT:
        if self._connected is None:
            self._connected = self._load()
        return self._connected

    async def _aconnect(self) -> ConnectedT:
        if self._connected is None:
            self._connected = await self._aload()
        return self._connected

    def _load(self) -> ConnectedT:
        try:
            connected = self.read_connection(self.get_connection(self._conn_id))
        except InvalidConnection as error:
            raise error.with_traceback(None) from None
        for secret in connected.secrets:
            mask_secret(secret)
        return connected

    async def _aload(self) -> ConnectedT:
        try:
            connected = self.read_connection(await get_async_connection(self._conn_id))
        except InvalidConnection as error:
            raise error.with_traceback(None) from None
        for secret in connected.secrets:
            await amask_secret(secret)
        return connected

    def reread_connection(self) -> None:
        """Read the connection from Airflow again; see :attr:`reconnect`."""
        if self._from_airflow:
            try:
                self._connected = self._load()
            except Exception as error:  # noqa: BLE001 - the next poll shows whether the old one still works
                self._warn(error)

    async def _areconnect(self) -> None:
        if self._from_airflow:
            try:
                self._connected = await self._aload()
            except Exception as error:  # noqa: BLE001 - as in a task
                self._warn(error)

    def _warn(self, error: Exception) -> None:
        # Another error's message may quote the connection.
        reason = error if isinstance(error, RollbackError) else type(error).__name__
        self.log.warning("Could not read the connection %s again: %s", self._conn_id, reason)

    @property
    def _conn_id(self) -> str:
        return str(getattr(self, self.conn_name_attr))
