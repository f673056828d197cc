# SPDX-License-Identifier: Apache-2.0
"""No started process survives."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from demo.processes import Component, ProcessError, last_lines, run_to_end, stop_all

# Starts a child in a process group of its own, as Airflow does with tasks, and then ignores SIGTERM.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
print("ready", flush=True)
time.sleep(600)
"""


def component(tmp_path: Path, code: str) -> Component:
    """A component that runs Python code."""
    return Component("it", [sys.executable, "-c", code], os.environ, tmp_path / "log")


def wait_for_output(tmp_path: Path, lines: int) -> None:
    """Wait until the component has written a number of lines."""
    while len((tmp_path / "log").read_text().splitlines()) < lines:
        time.sleep(0.01)


def test_a_stubborn_component_and_its_child_are_killed(tmp_path: Path) -> None:
    """A process in another group, of a parent that ignores SIGTERM, is dead after the stop."""
    started = component(tmp_path, STUBBORN)
    wait_for_output(tmp_path, 2)
    pids = [process.pid for process in started.members()]
    assert len(pids) == 2
    stop_all([started], seconds=0.1)
    assert not started.members()
    assert not [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def test_an_orphan_is_found(tmp_path: Path) -> None:
    """The child of a component that has ended already is ended too."""
    started = component(tmp_path, "import os, time; os.fork() or time.sleep(600)")
    started.wait(10)
    assert len(started.members()) == 1
    started.kill()
    assert not started.members()


def test_a_component_that_ends_is_noticed(tmp_path: Path) -> None:
    """The error has its exit code and the end of its output."""
    started = component(tmp_path, "print('no licence'); raise SystemExit(3)")
    started.wait(10)
    with pytest.raises(ProcessError, match=r"it ended with code 3(.|\n)*no licence"):
        started.check()


def test_a_running_component_passes_the_check(tmp_path: Path) -> None:
    """Nothing is raised while it runs."""
    started = component(tmp_path, "import time; time.sleep(600)")
    started.check()
    stop_all([started], seconds=10)


def test_a_command_returns_what_it_printed(tmp_path: Path) -> None:
    """Only its own output is returned, though the log also has the output of others."""
    log = tmp_path / "log"
    log.write_text("before\n")
    assert run_to_end([sys.executable, "-c", "print('mine')"], os.environ, log, 30) == "mine\n"
    assert log.read_text() == "before\nmine\n"


@pytest.mark.parametrize(
    ("code", "seconds", "why"),
    [
        ("raise SystemExit(4)", 30, "failed with code 4"),
        ("import time; time.sleep(600)", 0.1, "took longer than 0.1 s"),
    ],
)
def test_a_command_that_fails(tmp_path: Path, code: str, seconds: float, why: str) -> None:
    """The error has the reason."""
    with pytest.raises(ProcessError, match=why):
        run_to_end([sys.executable, "-c", code], os.environ, tmp_path / "log", seconds)


def test_the_last_lines_of_no_file(tmp_path: Path) -> None:
    """A missing log is no error."""
    assert last_lines(tmp_path / "nothing") == "(nothing)"
