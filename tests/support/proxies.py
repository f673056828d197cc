# SPDX-License-Identifier: Apache-2.0
"""A proxy on loopback that opens the requested connections, or refuses them."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy(ThreadingHTTPServer):
    """A proxy that records the targets of its connections.

    :param user: name and password that it requires; None requires none.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, user: str | None = None) -> None:
        self.targets: list[str] = []
        self.seen: list[dict[str, str]] = []
        self.wanted = f"Basic {base64.b64encode(user.encode()).decode()}" if user else None
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Do not log clients that closed the connection."""


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_CONNECT(self) -> None:
        self.server.targets.append(self.path)
        self.server.seen.append({name.lower(): value for name, value in self.headers.items()})
        if self.server.wanted and self.headers.get("Proxy-Authorization") != self.server.wanted:
            self.send_error(407, "Proxy Authentication Required")
            return
        host, _, port = self.path.rpartition(":")
        try:
            beyond = socket.create_connection((host.strip("[]"), int(port)), timeout=60)
        except OSError:
            self.send_error(502, "Bad Gateway")
            return
        with beyond:
            self.send_response(200, "Connection established")
            self.end_headers()
            self.wfile.flush()
            back = threading.Thread(target=_pump, args=(beyond, self.connection), daemon=True)
            back.start()
            _pump(self.connection, beyond)
            back.join(60)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


def _pump(source: socket.socket, goal: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            goal.sendall(data)
        goal.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def proxying(user: str | None = None) -> Iterator[Proxy]:
    """Run a proxy in a thread."""
    proxy = Proxy(user)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
