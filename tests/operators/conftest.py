# SPDX-License-Identifier: Apache-2.0
"""A connection to the sandbox, as Airflow finds it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_rollback_provider.operators.rollback import RollbackOperator
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.store import DictStore


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> DictStore:
    """Airflow's stores need a worker or a database; the tests in ``tests/airflow`` use them."""
    store = DictStore()
    monkeypatch.setattr(RollbackOperator, "_store", lambda _self, _context: store)
    return store


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, rollback_sandbox: SandboxProcess) -> Any:
    """Point the default connection to the sandbox with one of its tokens."""

    def connect(token: str = "editor", **extra: Any) -> None:
        monkeypatch.setenv(
            "AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", rollback_sandbox.connection_json(token, **extra)
        )

    connect()
    rollback_sandbox.settings(rollback_seconds=0, cross_major_seconds=0)
    return connect


@pytest.fixture(params=[False, True], ids=["polling", "deferred"])
def deferrable(request: pytest.FixtureRequest) -> bool:
    """Both ways of waiting must reach the same end."""
    return bool(request.param)


@pytest.fixture
def operator(connect: Any, deferrable: bool) -> Any:
    """Make an operator with what every case needs."""

    def operator(deployment_id: str, **kwargs: Any) -> RollbackOperator:
        kwargs = {
            "description": "errors since the deploy",
            "poll_interval": 0.2,
            "deferrable": deferrable,
            **kwargs,
        }
        return RollbackOperator(task_id="roll_back", deployment_id=deployment_id, **kwargs)

    return operator
