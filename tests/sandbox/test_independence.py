# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
import airflow_rollback_provider.sandbox.server, airflow_rollback_provider.sandbox.process
ours = sorted(name for name in sys.modules if name.startswith("airflow_rollback_provider."))
print(*[name for name in ours if not name.startswith("airflow_rollback_provider.sandbox")])
print(*[name for name in ("airflow", "requests", "httpx") if name in sys.modules])
"""
LIGHT = """
import sys
import airflow_rollback_provider.sandbox.fixtures
print(*[name for name in ("starlette", "uvicorn", "graphql", "airflow") if name in sys.modules])
"""


def run(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_the_sandbox_stands_alone() -> None:
    """It imports no other part of the package, no Airflow and no HTTP client."""
    assert run(PROGRAM) == ""


def test_the_fixtures_load_no_server() -> None:
    """A user's test process starts the server, and does not import it."""
    assert run(LIGHT) == ""
