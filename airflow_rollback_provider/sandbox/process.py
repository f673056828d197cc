# SPDX-License-Identifier: Apache-2.0
"""Start the sandbox as a separate process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_rollback_provider.sandbox.client import SandboxControl, SandboxError

if TYPE_CHECKING:
    from types import TracebackType

_SECONDS_TO_START = 90.0  # on a machine that is busy; one that ends is noticed at once
_SECONDS_TO_STOP = 20.0


class SandboxProcess(SandboxControl):
    """A sandbox in a process of its own, which ends with the process that started it.

    :param scenario: what exists at the start.
    :param port: a port, 0 for a free one.
    """

    def __init__(self, scenario: str = "default", port: int = 0) -> None:
        super().__init__("")
        self.scenario = scenario
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> SandboxProcess:
        """Start the process and wait until it answers.

        :raises SandboxError: if it ends or is not ready within 90 seconds; the message contains its output.
        """
        with tempfile.TemporaryDirectory(prefix="rollback-sandbox-") as folder:
            port_file, log = Path(folder, "port"), Path(folder, "log")
            with log.open("wb") as output:
                self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
                    self._command(port_file),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=_environment(),
                )
            try:
                self.port = self._wait(self._process, port_file, log)
            except BaseException:
                self.stop()
                raise
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def _command(self, port_file: Path) -> list[str]:
        module = "airflow_rollback_provider.sandbox"
        options = {
            "--port": self.port,
            "--scenario": self.scenario,
            "--port-file": port_file,
            "--parent-pid": os.getpid(),
        }
        return [
            sys.executable,
            "-m",
            module,
            "--json",
            *(str(item) for pair in options.items() for item in pair),
        ]

    def _wait(self, process: subprocess.Popen[bytes], port_file: Path, log: Path) -> int:
        deadline = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < deadline:
            if port_file.exists():
                return int(port_file.read_text(encoding="ascii"))
            if process.poll() is not None:
                said = log.read_text(encoding="utf-8", errors="replace").strip()
                raise SandboxError(f"the sandbox ended with {process.returncode} before it was ready: {said}")
            time.sleep(0.02)
        raise SandboxError(f"the sandbox was not ready within {_SECONDS_TO_START:g} s")

    def stop(self) -> int | None:
        """End the process, by force if necessary, and return its exit code. It may have ended already."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def __enter__(self) -> SandboxProcess:
        """Start it."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()


def _environment() -> dict[str, str]:
    """Return the environment for the process, with the import path of this package."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
