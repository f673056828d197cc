# SPDX-License-Identifier: Apache-2.0
"""The client of the page. A user waits for its responses, so it has short timeouts and no retries."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from cryptography.fernet import InvalidToken

from airflow_rollback_provider.compat import is_missing
from airflow_rollback_provider.domain.errors import InvalidConnection, PlatformUnreachable
from airflow_rollback_provider.hooks.client import DeployHistoryClient
from airflow_rollback_provider.http.flow import run_flow
from airflow_rollback_provider.http.transports import RequestsTransport
from airflow_rollback_provider.platforms.registry import CONNECTION_TYPES, Connected, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_rollback_provider.http.connection_fields import ConnectionLike
    from airflow_rollback_provider.http.messages import Flow, Request, Response
    from airflow_rollback_provider.http.retry_policy import Policy
    from airflow_rollback_provider.platforms.base import Platform, Survey

T = TypeVar("T")

SECONDS_TO_CONNECT = 3.0
SECONDS_TO_READ = 8.0
SECONDS_FOR_ALL = 12.0
"""After this time the client of one response sends no further request."""


class PageClient(DeployHistoryClient):
    """A client with the interactive retry policy. Not thread-safe.

    :param connected: the platform of one connection.
    :param clock: a monotonic clock, in seconds.
    """

    def __init__(self, connected: Connected, clock: Callable[[], float] = time.monotonic) -> None:
        self._platform = connected.platform
        self._transport = RequestsTransport(interactive(connected.policy))
        self._clock = clock
        self._until = clock() + SECONDS_FOR_ALL
        self._seen = {}

    @property
    def platform(self) -> Platform:
        return self._platform

    @property
    def transport(self) -> RequestsTransport:
        return self._transport

    def survey(self, deployment: str) -> Survey:
        return self.run(self._platform.survey(deployment))

    def close(self) -> None:
        self._transport.close()

    def run(self, flow: Flow[T]) -> T:
        return run_flow(flow, self._send)

    def _send(self, request: Request) -> Response:
        if self._clock() > self._until:
            raise PlatformUnreachable(
                f"The platform answers too slowly: after {SECONDS_FOR_ALL:g} s another request was still to "
                f"be sent ({request.operation!r}). Try again later."
            )
        return self._transport.send(request)


def interactive(policy: Policy) -> Policy:
    """Return the policy for interactive use. Shorter timeouts of the connection are kept."""
    return replace(
        policy,
        connect_timeout=min(policy.connect_timeout, SECONDS_TO_CONNECT),
        read_timeout=min(policy.read_timeout, SECONDS_TO_READ),
        longest_answer=min(policy.longest_answer, SECONDS_TO_READ),
        tries=1,
    )


class Platforms:
    """Opens clients for Airflow connections. Thread-safe.

    A platform is cached while its connection stays the same, because it has found out which requests the
    installation supports. The connection itself is read each time, so that a new token is used at once.

    :param read: reads an Airflow connection by its id.
    """

    def __init__(self, read: Callable[[str], ConnectionLike] | None = None) -> None:
        self._read = read or read_connection
        self._cached: dict[str, tuple[str, Connected]] = {}

    @contextmanager
    def open_client(self, conn_id: str) -> Iterator[PageClient]:
        """Open a client for a connection, and close it afterwards.

        :raises InvalidConnection: if there is no such connection, or a field of it cannot be used.
        """
        client = PageClient(self._connected(conn_id))
        try:
            yield client
        finally:
            client.close()

    def _connected(self, conn_id: str) -> Connected:
        connection = self._read(conn_id)
        try:
            fingerprint = _fingerprint(connection)
        except InvalidToken:  # Airflow decrypts a field when it is read
            raise InvalidConnection(
                f"Airflow cannot decrypt the connection {conn_id!r}: it was stored under another Fernet key. "
                "Configure that key in Airflow, or enter the token again."
            ) from None
        cached = self._cached.get(conn_id)
        if cached is not None and cached[0] == fingerprint:
            return cached[1]
        connected = connect(connection)
        self._cached[conn_id] = (fingerprint, connected)
        return connected


def read_connection(conn_id: str) -> ConnectionLike:
    """Read a connection as Airflow's servers do: from a secrets backend, the environment or the database.

    :raises InvalidConnection: if there is none, or Airflow cannot read it.
    """
    from airflow.models.connection import Connection

    try:
        found: ConnectionLike = Connection.get_connection_from_secrets(conn_id)
    except Exception as error:  # noqa: BLE001 - its message may contain a piece of the connection
        does = "has no" if is_missing(conn_id, error) else "cannot read the"
        raise InvalidConnection(
            f"Airflow {does} connection {conn_id!r}, which the setting of the Deploy History page names. "
            "Write it as a URI or as JSON, or correct the setting."
        ) from None
    return found


def list_connections() -> list[str]:
    """Return the ids of the connections to a platform in Airflow's database, in order.

    Those of the environment and of a secrets backend are missing: Airflow does not list them. Only Airflow's
    servers may call it.
    """
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    query = select(Connection.conn_id).where(Connection.conn_type.in_(CONNECTION_TYPES))
    with create_session() as session:
        return sorted(session.scalars(query))


def _fingerprint(connection: ConnectionLike) -> str:
    names = ("conn_type", "host", "schema", "port", "password", "extra")
    values = repr([getattr(connection, name, None) for name in names])
    return sha256(values.encode()).hexdigest()
