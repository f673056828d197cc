# SPDX-License-Identifier: Apache-2.0
"""The open client connections, so that one can be cut without a response.

ASGI cannot do that: if an application ends without a response, the server sends a 500. So the protocol class
stores the transport of each client address, and ``Cut`` aborts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from starlette.types import Receive, Scope, Send

_OPEN: dict[tuple[str, int], asyncio.Transport] = {}


class TrackingProtocol(H11Protocol):
    """Uvicorn's HTTP protocol; it stores the transport of each open connection."""

    _peer: tuple[str, int] | None = None

    def connection_made(self, transport: Any) -> None:
        """Store the connection."""
        super().connection_made(transport)
        address = transport.get_extra_info("peername")
        if address:
            self._peer = (str(address[0]), int(address[1]))
            _OPEN[self._peer] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection."""
        if self._peer is not None:
            _OPEN.pop(self._peer, None)
        super().connection_lost(exc)


class Cut:
    """An ASGI application that closes the client's connection without a response."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Cut the connection and wait until the server notices it, so that it sends no response."""
        host, port = scope["client"]
        transport = _OPEN.get((host, port))
        if transport is not None:  # the client may have closed it first
            transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass
