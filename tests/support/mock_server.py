# SPDX-License-Identifier: Apache-2.0
"""A mock server made from the platform's OpenAPI document by Prism, which is independent of this project."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support import openapi

PRISM = Path(__file__).parents[1] / "prism" / "node_modules" / ".bin" / "prism"
_SECONDS_TO_START = 180.0
_STARTS = 3


def missing() -> str | None:
    """Return which requirement of the mock server is missing; None if none is."""
    if not openapi.PATH.is_file():
        return f"the platform's OpenAPI document is not at {openapi.PATH}"
    if shutil.which("node") is None or not PRISM.is_file():
        return "the mock server Prism is not installed: scripts/prism installs it"
    return None


@contextmanager
def mock_server(folder: Path) -> Iterator[str]:
    """Run a mock server that refuses requests that the document does not allow; yield its address.

    :param folder: a folder for its files.
    """
    document = folder / "openapi.yaml"
    # The server ignores the path of the document's own address.
    text = openapi.PATH.read_text(encoding="utf-8")
    document.write_text(text.replace("\n  /organizations/", "\n  /v1/organizations/"), encoding="utf-8")
    process, address = _start(document, folder / "prism.log")
    try:
        yield address
    finally:
        _stop(process)


def _start(document: Path, log: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start the server; another process may have taken the port meanwhile."""
    for _ in range(_STARTS):
        port = _free_port()
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(PRISM), "mock", "--errors", "-h", "127.0.0.1", "-p", str(port), str(document)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        address = f"http://127.0.0.1:{port}"
        if _answers(process, address):
            return process, address
        _stop(process)
    raise AssertionError(f"The mock server did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _answers(process: subprocess.Popen[bytes], address: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            direct.open(f"{address}/v1", timeout=10).close()
        except urllib.error.HTTPError as answer:  # the path does not exist
            answer.close()
            return True
        except OSError:
            time.sleep(0.2)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
