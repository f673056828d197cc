# SPDX-License-Identifier: Apache-2.0
"""Processes that are started, checked and ended together with all their child processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SECONDS_BETWEEN_POLLS = 0.05
_LINES_OF_AN_ERROR = 30


class ProcessError(Exception):
    """A process ended unexpectedly, or failed."""


class Component:
    """One long-running process in a session of its own, with its output in a file.

    Airflow moves its tasks into process groups of their own, but never out of the session: that is what
    tells which processes belong to it, also when their parent is gone.

    :param name: its name in messages.
    :param command: the program and its arguments.
    :param environment: the whole environment.
    :param log: the file for its output; appended to.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's id, which is its session's too."""
        return self._process.pid

    def members(self) -> list[psutil.Process]:
        """Return every live process of the session."""
        return [process for process in psutil.process_iter() if _session_of(process) == self.pid]

    def runs(self) -> bool:
        """Return whether the process itself, not only a child process, is alive."""
        return self._process.poll() is None

    def check(self) -> None:
        """Check that it runs.

        :raises ProcessError: if it ended; the message has the end of its output.
        """
        code = self._process.poll()
        if code is not None:
            raise ProcessError(f"{self.name} ended with code {code}. Its last words:\n{last_lines(self.log)}")

    def terminate(self) -> None:
        """Send it a signal to end, without waiting."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Wait until it has ended, with a timeout."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def kill(self) -> None:
        """Kill it and all its child processes at once, without any cleanup."""
        # A second round for processes that were started during the first one.
        while members := self.members():
            for process in members:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.poll()
            time.sleep(_SECONDS_BETWEEN_POLLS)
        self._process.wait()


def stop_all(components: Sequence[Component], seconds: float) -> None:
    """Send all a signal to end, and kill those that are alive after ``seconds``."""
    deadline = time.monotonic() + seconds
    for component in components:
        component.terminate()
    for component in components:
        component.wait(max(0.0, deadline - time.monotonic()))
    for component in components:
        component.kill()


def run_to_end(command: Sequence[str], environment: Mapping[str, str], log: Path, seconds: float) -> str:
    """Run a command, also append its output to ``log``, and return it.

    :raises ProcessError: if it fails or takes longer than ``seconds``.
    """
    with log.open("ab") as output:
        start = output.tell()
        component = Component(" ".join(command[-3:]), command, environment, log)
    try:
        component.wait(seconds)
        code = component._process.poll()
    finally:
        component.kill()
    if code != 0:
        why = f"took longer than {seconds:g} s" if code is None else f"failed with code {code}"
        raise ProcessError(f"'{' '.join(command)}' {why}:\n{last_lines(log)}")
    return log.read_bytes()[start:].decode(errors="replace")


def last_lines(file: Path, count: int = _LINES_OF_AN_ERROR) -> str:
    """Return the last ``count`` lines of a file, or a note that there are none."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
    return "\n".join(lines[-count:]) or "(nothing)"


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid) if process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, psutil.Error):
        return None
