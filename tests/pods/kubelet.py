# SPDX-License-Identifier: Apache-2.0
"""A kubelet for the tests, which only serves the log of a container to the API server."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.kube import Kube


class Kubelet:
    """Answers every request for a log with the same lines.

    :param lines: the log.
    """

    def __init__(self, lines: list[str]) -> None:
        self.name = f"node-{uuid.uuid4().hex[:8]}"
        self.requests: list[str] = []
        text, requests = "\n".join(lines).encode(), self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                requests.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> Kubelet:
        """Serve with a self-signed certificate, which the API server accepts by default."""
        with tempfile.TemporaryDirectory() as folder:
            files = [str(Path(folder, name)) for name in ("cert.pem", "key.pem")]
            command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
            command += ["-subj", "/CN=node", "-out", files[0], "-keyout", files[1]]
            subprocess.run(command, check=True, capture_output=True)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*files)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def register(self, kube: Kube) -> None:
        """Register this kubelet's address with the API server."""
        kube.call("POST", "/api/v1/nodes", {"metadata": {"name": self.name}})
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._server.server_address[1]}},
        }
        kube.call("PATCH", f"/api/v1/nodes/{self.name}/status", {"status": status})
