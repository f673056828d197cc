# SPDX-License-Identifier: Apache-2.0
"""Run the sandbox as its own process, on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from airflow_rollback_provider.sandbox.app import make_app
from airflow_rollback_provider.sandbox.client import connection
from airflow_rollback_provider.sandbox.connections import TrackingProtocol
from airflow_rollback_provider.sandbox.scenarios import SCENARIOS
from airflow_rollback_provider.sandbox.state import Sandbox
from airflow_rollback_provider.sandbox.tokens import TOKENS

if TYPE_CHECKING:
    import argparse

    from airflow_rollback_provider.sandbox.world import World

LOOPBACK = ("127.0.0.1", "localhost")
_SECONDS_BETWEEN_CHECKS_OF_THE_PARENT = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sandbox's options to a parser."""
    parser.add_argument("--host", default="127.0.0.1", help="a loopback name (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="a port; 0, the default, takes a free one")
    parser.add_argument(
        "--scenario", default="default", choices=sorted(SCENARIOS), help="the initial content"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="select another installation: other names and words; 0, the default, has the assumed ones",
    )
    parser.add_argument("--port-file", type=Path, help="a file to write the port to when the server listens")
    parser.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    parser.add_argument("--json", action="store_true", help="print one JSON line when ready and nothing else")


def run(args: argparse.Namespace) -> int:
    """Serve until a signal; return the exit code (2: cannot listen there)."""
    try:
        serve(
            host=args.host,
            port=args.port,
            scenario=args.scenario,
            seed=args.seed,
            port_file=args.port_file,
            parent_pid=args.parent_pid,
            for_machines=args.json,
        )
    except (ValueError, OSError) as problem:
        sys.stderr.write(f"sandbox: cannot serve on {args.host}:{args.port}: {problem}\n")
        return 2
    return 0


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    scenario: str = "default",
    seed: int = 0,
    port_file: Path | None = None,
    parent_pid: int | None = None,
    for_machines: bool = False,
) -> None:
    """Serve the sandbox until SIGTERM or SIGINT.

    :param host: ``127.0.0.1`` or ``localhost``; the sandbox never listens on a network.
    :param port: a port, 0 for a free one.
    :param scenario: the initial content, see ``scenarios.make_world``.
    :param seed: the installation, see ``variation.vary``; 0 is the assumed one.
    :param port_file: where to write the port once the server listens.
    :param parent_pid: stop when this process no longer exists.
    :param for_machines: print only the JSON ready line, not the welcome text.
    :raises ValueError: if the host is not loopback or the scenario unknown.
    :raises OSError: if the port cannot be bound.
    """
    if host not in LOOPBACK:
        raise ValueError(f"the sandbox listens on loopback only ({' or '.join(LOOPBACK)})")
    sandbox = Sandbox(scenario, seed)
    _die_quietly()
    with _listener(port) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        asyncio.run(
            _serve(sandbox, listener, parent_pid, _Announcement(url, sandbox, port_file, for_machines))
        )


def _listener(port: int) -> socket.socket:
    """Return a bound socket; it names TCP, so that asyncio turns Nagle's algorithm off (40 ms a response)."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener


def _die_quietly() -> None:
    """Make a signal end the process with 0: uvicorn stops on it, then raises it again for the old handler."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)


class _Announcement:
    """Announces that the server is ready."""

    def __init__(self, url: str, sandbox: Sandbox, port_file: Path | None, for_machines: bool) -> None:
        self.url = url
        self.sandbox = sandbox
        self.port_file = port_file
        self.for_machines = for_machines

    def __call__(self) -> None:
        if self.port_file is not None:
            partial = self.port_file.with_name(f"{self.port_file.name}.partial")
            partial.write_text(f"{self.url.rpartition(':')[2]}\n", encoding="ascii")
            partial.replace(self.port_file)
        text = _ready_line(self.url) if self.for_machines else _welcome(self.url, self.sandbox.world)
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


class _Server(uvicorn.Server):
    """Uvicorn with an announcement when it is ready."""

    announce: _Announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then announce it."""
        await super().startup(sockets)
        self.announce()


async def _serve(
    sandbox: Sandbox, listener: socket.socket, parent_pid: int | None, announce: _Announcement
) -> None:
    server = _Server(
        uvicorn.Config(
            make_app(sandbox),
            http=TrackingProtocol,
            loop="asyncio",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
    )
    server.announce = announce
    watch = asyncio.create_task(_stop_without(parent_pid, server)) if parent_pid else None
    await server.serve([listener])
    if watch is not None:
        watch.cancel()


async def _stop_without(parent_pid: int, server: uvicorn.Server) -> None:
    is_child = os.getppid() == parent_pid
    while _is_alive(parent_pid, is_child):  # noqa: ASYNC110 -- no event reports the end of another process
        await asyncio.sleep(_SECONDS_BETWEEN_CHECKS_OF_THE_PARENT)
    server.should_exit = True


def _is_alive(pid: int, is_parent: bool) -> bool:
    """Return whether a process is alive. This detects a dead parent even before it is reaped."""
    if is_parent:
        return os.getppid() == pid
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _ready_line(url: str) -> str:
    """Return the JSON line for scripts that wait for the server."""
    return json.dumps({"url": url, "pid": os.getpid()})


def _welcome(url: str, world: World) -> str:
    """Return the text for a user: address, connections, tokens and Deployments."""
    hosted = connection(url, platform="astro")
    return "\n".join([
        _ready_line(url),
        "",
        f"The embedded platform answers at {url} (GraphQL: POST {url}/v1). Stop it with Ctrl-C.",
        "",
        "An Airflow connection to it as Astro Private Cloud:",
        f"  export AIRFLOW_CONN_SANDBOX='{json.dumps(connection(url))}'",
        "",
        "The same Deployments as hosted Astro:",
        f"  export AIRFLOW_CONN_SANDBOX_ASTRO='{json.dumps(hosted)}'",
        "",
        "Tokens:",
        *(f"  {token.value:<32} {token.author.full_name}" for token in TOKENS.values()),
        "",
        "Deployments:",
        *(f"  {item.id}  {item.release_name:<22} {item.label}" for item in world.deployments.values()),
    ])
