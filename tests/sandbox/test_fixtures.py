# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CONFTEST = 'pytest_plugins = ["airflow_rollback_provider.sandbox.fixtures"]\n'
TESTS = """
import json
import sys

def test_one(rollback_sandbox):
    rollback_sandbox.add_deployment("mine")
    rollback_sandbox.fault("drop_before", count=None)

def test_two(rollback_sandbox, rollback_sandbox_process):
    assert "mine" not in rollback_sandbox.state()["deployments"]
    assert rollback_sandbox.graphql("{ self { username } }")["data"]["self"]
    assert rollback_sandbox.pid == rollback_sandbox_process.pid

def test_three(rollback_connection, rollback_sandbox):
    connection = json.loads(rollback_connection)
    assert connection["host"] == rollback_sandbox.url
    print("as", connection["conn_type"])
    assert not {"starlette", "uvicorn", "graphql", "airflow"} & set(sys.modules)
"""


def test_the_fixtures_work_in_a_users_project(tmp_path: Path) -> None:
    """One line in a conftest, and each test has a fresh platform. Its process does not import the server."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_mine.py").write_text(TESTS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", str(tmp_path)]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 passed" in result.stdout
    assert "as astro_private_cloud" in result.stdout
    assert "as astro\n" in result.stdout
