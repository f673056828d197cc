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

LOCATION = "location"
"""The extension of a response with the value of this header."""
MOST_CONNECTIONS = 20
"""Open connections of one client: the number of requests of one process to one platform at a time."""


class Lease:
    """Clients with one network policy, and the semaphore that bounds their requests.

    There is one client for each proxy, and usually only one proxy or none.

    Whenever a connection becomes free, ``httpx`` iterates over all requests that wait for one. With a
    thousand of them this blocks the event loop for seconds. Waiting for the semaphore is cheap.
    """

    def __init__(self, policy: Policy, context: Any) -> None:
        self.semaphore = asyncio.Semaphore(MOST_CONNECTIONS)
        self._policy = policy
        self._context = context
        self._clients: dict[str | None, httpx.AsyncClient] = {}

    def client_for(self, url: str) -> httpx.AsyncClient:
        """Return the shared client for a URL.

        :raises ProxyUnusable: when its proxy cannot be used.
        """
        proxy = self._policy.proxy_for(url)
        if proxy not in self._clients:
            self._clients[proxy] = self.new_client(proxy)
        return self._clients[proxy]

    def new_client(self, proxy: str | None) -> httpx.AsyncClient:
        """Return a client without open connections; the caller closes it."""
        return _build(self._policy, self._context, proxy)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()


@dataclass
class _Shared:
    """A lease and the number of its users. The lock ensures that it is created once."""

    users: int = 0
    lease: Lease | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


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
                if shared.lease is None:
                    # httpx and a TLS context take long to load: this must not block the event loop.
                    shared.lease = Lease(policy, await asyncio.to_thread(tls_context, policy.trust))
            yield shared.lease
        finally:
            shared.users -= 1
            if shared.users == 0:
                clients.pop(policy, None)
                if shared.lease is not None:
                    await shared.lease.close()


def tls_context(trust: bool | str) -> Any:
    """Create a TLS context. This reads some hundred certificates."""
    import ssl

    import httpx

    if isinstance(trust, bool):
        return httpx.create_ssl_context(verify=trust, trust_env=False)  # as requests does
    try:
        folder = os.path.isdir(trust)
        return ssl.create_default_context(cafile=None if folder else trust, capath=trust if folder else None)
    except ssl.SSLError:
        raise TlsFailed(
            f"The file {trust!r} contains no certificate authorities. Put a PEM file there."
        ) from None


def _build(policy: Policy, context: Any, proxy: str | None) -> httpx.AsyncClient:
    import httpx

    limits = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS)
    if proxy and proxy.startswith("socks5h"):  # the proxy resolves the name: httpx always has it do so
        proxy = proxy.replace("socks5h", "socks5", 1)
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(proxy=proxy, verify=context, limits=limits),
        trust_env=False,
        event_hooks={"response": [_put_location_aside]},
        timeout=httpx.Timeout(
            policy.read_timeout, connect=policy.connect_timeout, pool=policy.longest_answer
        ),
        headers=policy.headers,
        follow_redirects=False,
    )


async def _put_location_aside(response: httpx.Response) -> None:
    """Keep httpx from reading the address of a redirect that it is not to follow: it may be malformed."""
    response.extensions[LOCATION] = response.headers.pop("location", "")


POOL = ClientPool()
"""The pool of this process."""
