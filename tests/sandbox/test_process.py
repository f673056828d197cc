# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_rollback_provider.sandbox.client import SandboxControl, SandboxError
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.server import add_arguments, run

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "airflow_rollback_provider.sandbox"]


def until(condition: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def answers(url: str) -> bool:
    try:
        SandboxControl(url).requests()
    except SandboxError:
        return False
    return True


def test_a_process_starts_answers_and_stops() -> None:
    """It ends with 0 and leaves nothing behind; stopping again is harmless."""
    sandbox = SandboxProcess("minimal").start()
    pid = sandbox.pid
    assert pid is not None
    assert list(sandbox.state()["deployments"]) == ["image-af3", "image-af2"]
    assert sandbox.stop() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert (sandbox.stop(), sandbox.pid) == (None, None)
    with pytest.raises(SandboxError, match="on http://127"):
        sandbox.requests()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_a_json_line_and_a_welcome_text(number: int, tmp_path: Path) -> None:
    """The first line is JSON; then come connection, tokens and Deployments; a signal ends it with 0."""
    options = ["--scenario", "minimal", "--port-file", str(tmp_path / "port")]
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["pid"] == process.pid
        assert ready["url"] == f"http://127.0.0.1:{(tmp_path / 'port').read_text().strip()}"
        assert answers(ready["url"])
        process.send_signal(number)
        page = process.stdout.read()
    assert process.returncode == 0
    for needle in (
        "AIRFLOW_CONN_",
        '"conn_type": "astro"',
        "sandbox-token-viewer",
        "stellar-orbit-4821",
        ready["url"],
    ):
        assert needle in page


def test_it_ends_with_its_parent() -> None:
    """If the parent is killed, the sandbox ends: no orphan."""
    program = (
        "import time; from airflow_rollback_provider.sandbox.process import SandboxProcess\n"
        "print(SandboxProcess('empty').start().url, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert answers(url)
        parent.kill()
    assert until(lambda: not answers(url))


def test_it_ends_with_a_process_that_is_not_its_parent() -> None:
    """It accepts any process id."""
    watched = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    options = ["--json", "--scenario", "empty", "--parent-pid", str(watched.pid)]
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert answers(json.loads(process.stdout.readline())["url"])
        watched.kill()
        watched.wait()
        assert process.wait(15) == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.com", ""])
def test_it_listens_on_loopback_only(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Any other host is refused before anything listens."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["--host", host])) == 2
    assert "loopback only" in capsys.readouterr().err


def test_a_port_in_use_is_reported() -> None:
    """The reason is in the error, and no process is left."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        sandbox = SandboxProcess("empty", port=taken.getsockname()[1])
        with pytest.raises(SandboxError, match="in use"):
            sandbox.start()
    assert sandbox.pid is None
