# SPDX-License-Identifier: Apache-2.0
"""Open client connections, so that one can be cut without an answer.

ASGI has no way to do that: an application that ends without an answer makes the server send a 500. So the
protocol class remembers the transport of each client address, and ``Cut`` aborts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from starlette.types import Receive, Scope, Send

_OPEN: dict[tuple[str, int], asyncio.Transport] = {}


class RememberingProtocol(H11Protocol):
    """Uvicorn's HTTP protocol, which remembers the transport of each connection while it is open."""

    _peer: tuple[str, int] | None = None

    def connection_made(self, transport: Any) -> None:
        """Remember the connection."""
        super().connection_made(transport)
        address = transport.get_extra_info("peername")
        if address:
            self._peer = (str(address[0]), int(address[1]))
            _OPEN[self._peer] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._peer is not None:
            _OPEN.pop(self._peer, None)
        super().connection_lost(exc)


class Cut:
    """An ASGI answer that is none: the client's connection is closed without a byte."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Cut the connection and wait until the server knows, so that it does not answer in our place."""
        host, port = scope["client"]
        transport = _OPEN.get((host, port))
        if transport is not None:  # the client may have gone first
            transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass
