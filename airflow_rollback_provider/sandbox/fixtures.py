# SPDX-License-Identifier: Apache-2.0
"""Pytest fixtures: the embedded platform for tests of your own Dags.

In a ``conftest.py``: ``pytest_plugins = ["airflow_rollback_provider.sandbox.fixtures"]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_rollback_provider.sandbox.client import PLATFORMS
from airflow_rollback_provider.sandbox.process import SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def rollback_sandbox_process() -> Iterator[SandboxProcess]:
    """Run one sandbox for the whole test session."""
    with SandboxProcess() as sandbox:
        yield sandbox


@pytest.fixture
def rollback_sandbox(rollback_sandbox_process: SandboxProcess) -> SandboxProcess:
    """Return the sandbox with a fresh world: without data of earlier tests."""
    rollback_sandbox_process.reset("default")
    return rollback_sandbox_process


@pytest.fixture(params=PLATFORMS)
def rollback_connection(request: pytest.FixtureRequest, rollback_sandbox: SandboxProcess) -> str:
    """Return the text of an ``AIRFLOW_CONN_…`` variable for the sandbox.

    Whatever uses it runs once for each platform whose API the sandbox speaks.
    """
    return rollback_sandbox.connection_json(platform=request.param)
