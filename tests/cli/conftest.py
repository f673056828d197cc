# SPDX-License-Identifier: Apache-2.0
"""The command line, run in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from airflow_rollback_provider.cli import main
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.cli.running import ROOT, Cli, Result, command


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run the command in this process."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")  # the command sets it; monkeypatch restores it

    def cli(*arguments: str) -> Result:
        code = main(arguments)
        captured = capfd.readouterr()
        return Result(code, captured.out, captured.err)

    return cli


@pytest.fixture
def platform(rollback_sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> SandboxProcess:
    """The sandbox with rollbacks that take no time, behind the default connection."""
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", rollback_sandbox.connection_json())
    rollback_sandbox.settings(rollback_seconds=0, cross_major_seconds=0)
    return rollback_sandbox


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a fresh machine: an Airflow home that does not exist yet."""
    ours = ("AIRFLOW_", "_AIRFLOW_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "AIRFLOW_HOME": str(tmp_path / "fresh"), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def process(environment: dict[str, str]) -> Cli:
    """Run the command in a process of its own on a fresh machine."""

    def process(*arguments: str, stdin: str = "", **more: str) -> Result:
        environ = {**environment, **more}
        done = subprocess.run(command(*arguments), input=stdin, capture_output=True, text=True, env=environ)
        return Result(done.returncode, done.stdout, done.stderr)

    return process
