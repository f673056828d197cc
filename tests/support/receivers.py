# SPDX-License-Identifier: Apache-2.0
"""Receivers of metrics on loopback: StatsD over UDP, OpenTelemetry over HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

OURS = "airflow.airflow_rollback."
_LAST = b"the last one"


@dataclass
class StatsdReceiver:
    """Keeps the lines about this package, without their common beginning.

    :param port: its UDP port.
    :param received: the lines so far.
    """

    port: int
    received: list[str] = field(default_factory=list)
    _reached: threading.Event = field(default_factory=threading.Event)

    def settings(self, **more: str) -> dict[str, str]:
        """Return the environment in which Airflow sends its metrics here.

        :param more: further options of the section ``metrics``.
        """
        options = {"statsd_on": "True", "statsd_host": "127.0.0.1", "statsd_port": str(self.port), **more}
        # Airflow 2.11 warns about its own default.
        options["metrics_use_pattern_match"] = "True"
        return {f"AIRFLOW__METRICS__{name.upper()}": value for name, value in options.items()}

    def lines(self) -> list[str]:
        """Return the lines that were sent before this call."""
        self._reached.clear()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(_LAST, ("127.0.0.1", self.port))
        assert self._reached.wait(10)
        return list(self.received)

    def receive(self, listener: socket.socket) -> None:
        """Receive until an empty datagram comes."""
        while datagram := listener.recv(65_535):
            if datagram == _LAST:
                self._reached.set()
            lines = datagram.decode().splitlines()
            self.received += [line.removeprefix(OURS) for line in lines if line.startswith(OURS)]


@contextmanager
def statsd_receiver() -> Iterator[StatsdReceiver]:
    """Receive StatsD."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        receiver = StatsdReceiver(listener.getsockname()[1])
        thread = threading.Thread(target=receiver.receive, args=[listener])
        thread.start()
        yield receiver
        listener.sendto(b"", listener.getsockname())
        thread.join()


@dataclass
class OtlpReceiver:
    """Keeps the numbers about this package.

    :param port: its TCP port.
    :param points: names without their common beginning, each with its tags and values, as they came.
    """

    port: int
    points: list[tuple[str, dict[str, str], float]] = field(default_factory=list)

    def settings(self) -> dict[str, str]:
        """Return the environment in which Airflow sends its metrics here."""
        options = {"otel_on": "True", "otel_host": "127.0.0.1", "otel_port": str(self.port)}
        options["metrics_use_pattern_match"] = "True"
        return {f"AIRFLOW__METRICS__{name.upper()}": value for name, value in options.items()}

    def names(self, dag_id: str, **tags: str) -> set[str]:
        """Return the names that came with these tags."""
        wanted = {"dag_id": dag_id, **tags}
        return {name for name, found, _ in self.points if wanted.items() <= found.items()}

    def take(self, request: Any) -> None:
        """Take a request of an exporter."""
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self._take(metric)

    def _take(self, metric: Any) -> None:
        if not metric.name.startswith(OURS):
            return
        data = getattr(metric, metric.WhichOneof("data"))
        for point in data.data_points:
            tags = {pair.key: pair.value.string_value for pair in point.attributes}
            # Airflow sends a time as a gauge, and from 3.2 on as a histogram.
            value = point.sum if hasattr(point, "sum") else point.as_double or point.as_int
            self.points.append((metric.name.removeprefix(OURS), tags, value))


@contextmanager
def otlp_receiver() -> Iterator[OtlpReceiver]:
    """Receive OpenTelemetry's metrics as a collector does."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/metrics":
                receiver.take(ExportMetricsServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportMetricsServiceResponse().SerializeToString())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = OtlpReceiver(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()
