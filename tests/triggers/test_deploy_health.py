# SPDX-License-Identifier: Apache-2.0
"""The trigger of the health check yields one event, whatever happens."""

from __future__ import annotations

import time
from typing import Any

import pytest

from airflow_rollback_provider.health.case import HealthCase
from airflow_rollback_provider.health.poller import HealthCheck
from airflow_rollback_provider.triggers.deploy_health import DeployHealthTrigger
from tests.support.fake_airflow import PASSWORD, FakeAirflow, serving
from tests.support.health import LANDED, add_history, codes
from tests.support.task_run import first_event, restored

HEALTH_CHECK = HealthCheck(HealthCase(LANDED, LANDED), time.time() + 60, 0.05).to_dict()


async def evaluation(trigger: DeployHealthTrigger) -> dict[str, Any]:
    """Run a trigger to its event."""
    return (await first_event(restored(trigger)))["evaluation"]


async def test_it_evaluates(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the task would; the event has the evidence in words too, and no password."""
    with serving(FakeAirflow()) as airflow:
        monkeypatch.setenv("AIRFLOW_CONN_OBSERVED", airflow.connection())
        add_history(airflow)
        event = await first_event(restored(DeployHealthTrigger("observed", HEALTH_CHECK)))
    assert codes(event["evaluation"]) == ["AS-BEFORE"]
    assert "is evaluated as healthy" in event["words"]
    assert PASSWORD not in str(event)


async def test_a_missing_connection_ends_in_an_event() -> None:
    """The event has the error, and the operator raises it."""
    found = await evaluation(DeployHealthTrigger("no_such_connection", HEALTH_CHECK))
    assert (found["verdict"], codes(found)) == ("inconclusive", ["BROKEN-OFF"])
    assert "no_such_connection" in found["summary"]
