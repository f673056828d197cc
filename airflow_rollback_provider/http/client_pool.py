# SPDX-License-Identifier: Apache-2.0
"""One ``httpx`` client for all flows of an event loop that have the same network policy.

A triggerer tracks a thousand rollbacks at once. With one client each it would create a thousand TLS contexts,
each of which takes tens of milliseconds, and keep as many idle connections.
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
"""Open connections of one client: the number of requests of one process to one platform at a time."""


@dataclass(frozen=True)
class Lease:
    """A leased client and the semaphore that bounds its requests.

    Whenever a connection becomes free, ``httpx`` iterates over all requests that wait for one. With a
    thousand of them this blocks the event loop for seconds. Waiting for the semaphore is cheap.
    """

    client: httpx.AsyncClient
    semaphore: asyncio.Semaphore


@dataclass
class _Shared:
    """A client and the number of its users. The lock ensures that it is created once."""

    users: int = 0
    client: httpx.AsyncClient | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    semaphore: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_CONNECTIONS))


class ClientPool:
    """The clients of each event loop. A client is closed when its last lease ends."""

    def __init__(self) -> None:
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Policy, _Shared]] = WeakKeyDictionary()

    @asynccontextmanager
    async def lease(self, policy: Policy) -> AsyncIterator[Lease]:
        """Lease the client for a policy. The client stays open while there is a lease."""
        clients = self._loops.setdefault(asyncio.get_running_loop(), {})
        shared = clients.setdefault(policy, _Shared())
        shared.users += 1
        try:
            async with shared.lock:
                if shared.client is None:
                    shared.client = await new_client(policy)
            yield Lease(shared.client, shared.semaphore)
        finally:
            shared.users -= 1
            if shared.users == 0:
                clients.pop(policy, None)
                if shared.client is not None:
                    await shared.client.aclose()


async def new_client(policy: Policy) -> httpx.AsyncClient:
    """Create a client without blocking the event loop: httpx and a TLS context take long to load."""
    context = await asyncio.to_thread(tls_context, policy.trust)
    return _build(policy, context)


def tls_context(trust: bool | str) -> Any:
    """Create a TLS context. This reads some hundred certificates."""
    import ssl

    import httpx

    if isinstance(trust, bool):
        return httpx.create_ssl_context(verify=trust)
    try:
        folder = os.path.isdir(trust)
        return ssl.create_default_context(cafile=None if folder else trust, capath=trust if folder else None)
    except ssl.SSLError:
        raise TlsFailed(
            f"The file {trust!r} contains no certificate authorities. Put a PEM file there."
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
