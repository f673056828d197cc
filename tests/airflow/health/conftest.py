# SPDX-License-Identifier: Apache-2.0
"""One judged Airflow for all tests of this folder: starting it takes longer than they do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.airflow.health.judged import JudgedAirflow

_SECONDS_TO_START = 300.0


@pytest.fixture(scope="package")
def judged(rollback_sandbox_process: SandboxProcess) -> Iterator[JudgedAirflow]:
    """An Airflow whose Dags run every few seconds."""
    airflow = JudgedAirflow(rollback_sandbox_process.connection_json())
    airflow.start(_SECONDS_TO_START)
    try:
        yield airflow
    finally:
        airflow.stop()


@pytest.fixture(autouse=True)
def connection(judged: JudgedAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default connection of the operators leads to it."""
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", judged.connection())
