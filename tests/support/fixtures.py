# SPDX-License-Identifier: Apache-2.0
"""Fixtures that tests of several folders use."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from airflow_rollback_provider.sandbox.client import PLATFORMS
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.connect import Connect
from tests.support.fake_airflow import FakeAirflow, serving
from tests.support.talking import DRIVERS, Talk, Talker, talker


@pytest.fixture(params=list(product(PLATFORMS, DRIVERS)), ids="-".join)
def talk(request: pytest.FixtureRequest, rollback_sandbox: SandboxProcess) -> Talk:
    """Return a function that makes a talker to the sandbox: token and fields of ``extra`` as arguments.

    A test that uses it runs for each platform over each transport.
    """
    platform, driver = request.param

    def make(token: str = "editor", **extra: Any) -> Talker:
        return talker(driver, rollback_sandbox.connection(token, platform, **extra))

    return make


@pytest.fixture(params=PLATFORMS)
def connect_hook(request: pytest.FixtureRequest, rollback_sandbox: SandboxProcess) -> Iterator[Connect]:
    """Make hooks for the sandbox. It runs for each platform."""
    connect = Connect(rollback_sandbox, request.param)
    yield connect
    for hook in connect.made:
        hook.close()


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
    from airflow_rollback_provider.operators.rollback import RollbackOperator

    def operator(deployment_id: str, **kwargs: Any) -> Any:
        kwargs = {
            "description": "errors since the deploy",
            "poll_interval": 0.2,
            "deferrable": deferrable,
            **kwargs,
        }
        return RollbackOperator(task_id="roll_back", deployment_id=deployment_id, **kwargs)

    return operator


@pytest.fixture(params=["2.11.2", "3.3.2"])
def airflow(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    """Airflow 2 behind v1, Airflow 3 behind v2."""
    with serving(FakeAirflow(request.param)) as fake:
        yield fake
