# SPDX-License-Identifier: Apache-2.0
"""One observed Airflow for all tests of this folder: starting it takes longer than they do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.airflow.health.observed import ObservedAirflow

_SECONDS_TO_START = 300.0


@pytest.fixture(scope="package")
def observed(rollback_sandbox_process: SandboxProcess) -> Iterator[ObservedAirflow]:
    """An Airflow whose Dags run every few seconds."""
    airflow = ObservedAirflow(rollback_sandbox_process.connection_json())
    airflow.start(_SECONDS_TO_START)
    try:
        yield airflow
    finally:
        airflow.stop()


@pytest.fixture(autouse=True)
def connection(observed: ObservedAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default connection of the operators leads to it."""
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", observed.connection())
