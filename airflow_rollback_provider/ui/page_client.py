# SPDX-License-Identifier: Apache-2.0
"""Asks a platform for a page in a browser: somebody is waiting, so little patience and no second tries."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from cryptography.fernet import InvalidToken

from airflow_rollback_provider.compat import AirflowNotFoundException
from airflow_rollback_provider.domain.errors import InvalidConnection, PlatformUnreachable
from airflow_rollback_provider.hooks.client import DeployHistoryClient
from airflow_rollback_provider.http.flow import run_flow
from airflow_rollback_provider.http.transports import RequestsTransport
from airflow_rollback_provider.platforms.registry import Connected, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_rollback_provider.domain.deploys import Deployment
    from airflow_rollback_provider.http.connection_fields import ConnectionLike
    from airflow_rollback_provider.http.messages import Flow, Request, Response
    from airflow_rollback_provider.http.retry_policy import Policy
    from airflow_rollback_provider.platforms.base import Page, Platform, Survey

T = TypeVar("T")

SECONDS_TO_CONNECT = 3.0
SECONDS_TO_READ = 8.0
SECONDS_FOR_ALL = 12.0
"""After that no further request of the same answer is sent."""


class PageClient(DeployHistoryClient):
    """One platform, asked in haste. For one thread at a time.

    :param connected: the platform as one connection reaches it.
    :param clock: seconds that only grow.
    """

    def __init__(self, connected: Connected, clock: Callable[[], float] = time.monotonic) -> None:
        self._platform = connected.platform
        self._transport = RequestsTransport(interactive(connected.policy))
        self._clock = clock
        self._until = clock() + SECONDS_FOR_ALL
        self._seen = {}

    @property
    def platform(self) -> Platform:
        """The platform that the connection leads to."""
        return self._platform

    @property
    def transport(self) -> RequestsTransport:
        """What carries requests and answers."""
        return self._transport

    def survey(self, deployment: str) -> Survey:
        """Read a Deployment, what may be done to it, and its latest deploys."""
        return self.run(self._platform.survey(deployment))

    def page(self, deployment_id: str, cursor: str) -> Page:
        """Read the deploys that follow."""
        return self._page(deployment_id, cursor)

    def url_of(self, deployment: Deployment) -> str | None:
        """Return the page of its deploy history on the platform. Asks nobody."""
        return self._platform.history_url(deployment)

    def close(self) -> None:
        """Close connections that are kept open."""
        self._transport.close()

    def run(self, flow: Flow[T]) -> T:
        """Run a flow; return its value."""
        return run_flow(flow, self._send)

    def _send(self, request: Request) -> Response:
        if self._clock() > self._until:
            raise PlatformUnreachable(
                f"The platform answers too slowly: after {SECONDS_FOR_ALL:g} s there was still more to ask "
                f"({request.operation!r}). Try again later."
            )
        return self._transport.send(request)


def interactive(policy: Policy) -> Policy:
    """Return a policy for somebody who waits before a screen; what the connection sets shorter stays."""
    return replace(
        policy,
        connect_timeout=min(policy.connect_timeout, SECONDS_TO_CONNECT),
        read_timeout=min(policy.read_timeout, SECONDS_TO_READ),
        longest_answer=min(policy.longest_answer, SECONDS_TO_READ),
        tries=1,
    )


class Platforms:
    """Reaches platforms by the names of Airflow connections. For many threads at a time.

    A platform is kept as long as its connection stays the same: it knows which requests an installation
    understands. The connection itself is read anew each time, so that a new token counts at once.

    :param read: reads an Airflow connection by its id.
    """

    def __init__(self, read: Callable[[str], ConnectionLike] | None = None) -> None:
        self._read = read or read_connection
        self._kept: dict[str, tuple[str, Connected]] = {}

    @contextmanager
    def reach(self, conn_id: str) -> Iterator[PageClient]:
        """Reach the platform that a connection leads to.

        :raises InvalidConnection: when there is no such connection, or a field of it cannot be used.
        """
        client = PageClient(self._connected(conn_id))
        try:
            yield client
        finally:
            client.close()

    def _connected(self, conn_id: str) -> Connected:
        connection = self._read(conn_id)
        try:
            told = _fingerprint(connection)
        except InvalidToken:  # Airflow decrypts a field when it is looked at
            raise InvalidConnection(
                f"Airflow cannot decrypt the connection {conn_id!r}: it was stored under another Fernet key. "
                "Give Airflow that key, or enter the token anew."
            ) from None
        kept = self._kept.get(conn_id)
        if kept is not None and kept[0] == told:
            return kept[1]
        connected = connect(connection)
        self._kept[conn_id] = (told, connected)
        return connected


def read_connection(conn_id: str) -> ConnectionLike:
    """Read a connection as Airflow's servers do: from a secrets backend, the environment or the database.

    :raises InvalidConnection: when there is none.
    """
    from airflow.models.connection import Connection

    try:
        found: ConnectionLike = Connection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        raise InvalidConnection(
            f"Airflow has no connection {conn_id!r}, which the Deploy History page is configured to offer. "
            "Make it, or correct the setting."
        ) from None
    return found


def _fingerprint(connection: ConnectionLike) -> str:
    names = ("conn_type", "host", "schema", "port", "password", "extra")
    told = repr([getattr(connection, name, None) for name in names])
    return sha256(told.encode()).hexdigest()
