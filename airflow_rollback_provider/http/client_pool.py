# SPDX-License-Identifier: Apache-2.0
"""One ``httpx`` client for all flows of an event loop that use the network alike.

A triggerer follows a thousand rollbacks at once. A client each would mean a thousand TLS contexts, each of
which takes tens of milliseconds to make, and as many idle connections.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow_rollback_provider.domain.errors import TlsFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from airflow_rollback_provider.http.retry_policy import Policy

MOST_CONNECTIONS = 20
"""Open connections of one client: what one process may ask of one platform at the same time."""


@dataclass(frozen=True)
class Lease:
    """A client that is lent, and the gate through which its requests go.

    The client looks through all that wait for a connection whenever one becomes free, which with a thousand
    of them holds the event loop up for seconds. At the gate waiting costs nothing.
    """

    client: httpx.AsyncClient
    gate: asyncio.Semaphore


@dataclass
class _Shared:
    """A client and who uses it. The lock keeps two from making it."""

    users: int = 0
    client: httpx.AsyncClient | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_CONNECTIONS))


class ClientPool:
    """Keeps the clients, for each event loop its own, closing each when its last user has gone."""

    def __init__(self) -> None:
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Policy, _Shared]] = WeakKeyDictionary()

    @asynccontextmanager
    async def lease(self, policy: Policy) -> AsyncIterator[Lease]:
        """Lend the client for a policy. Whoever holds a lease keeps it open for all others."""
        clients = self._loops.setdefault(asyncio.get_running_loop(), {})
        shared = clients.setdefault(policy, _Shared())
        shared.users += 1
        try:
            async with shared.lock:
                if shared.client is None:
                    shared.client = await new_client(policy)
            yield Lease(shared.client, shared.gate)
        finally:
            shared.users -= 1
            if shared.users == 0:
                clients.pop(policy, None)
                if shared.client is not None:
                    await shared.client.aclose()


async def new_client(policy: Policy) -> httpx.AsyncClient:
    """Make a client without holding the event loop up: httpx and a TLS context take a while to load."""
    context = await asyncio.to_thread(_tls_context, policy.trust)
    return _build(policy, context)


def _tls_context(trust: bool | str) -> Any:
    """Make a TLS context. Making one reads some hundred certificates."""
    import ssl

    import httpx

    if isinstance(trust, bool):
        return httpx.create_ssl_context(verify=trust)
    try:
        folder = os.path.isdir(trust)
        return ssl.create_default_context(cafile=None if folder else trust, capath=trust if folder else None)
    except ssl.SSLError:
        raise TlsFailed(
            f"The file {trust!r} holds no certificate authorities. Put a PEM file there."
        ) from None


def _build(policy: Policy, context: Any) -> httpx.AsyncClient:
    import httpx

    limits = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS)
    mounts = {
        f"{scheme}://": httpx.AsyncHTTPTransport(proxy=url, verify=context, limits=limits)
        for scheme, url in policy.proxies
    }
    return httpx.AsyncClient(
        verify=context,
        mounts=mounts,
        trust_env=not policy.proxies,
        limits=limits,
        timeout=httpx.Timeout(
            policy.read_timeout, connect=policy.connect_timeout, pool=policy.longest_answer
        ),
        headers={"user-agent": policy.user_agent, "accept": "application/json"},
        follow_redirects=False,
    )


POOL = ClientPool()
"""The pool of this process."""
