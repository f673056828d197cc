# SPDX-License-Identifier: Apache-2.0
"""The trigger yields one event, whatever happens."""

from __future__ import annotations

import asyncio
import json
import random
import time
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_rollback_provider.domain.deploys import Deploy, DeployStatus, Scope
from airflow_rollback_provider.rollback.outcome import Outcome, RollbackStatus
from airflow_rollback_provider.rollback.poller import Tracking
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.tokens import TOKENS
from airflow_rollback_provider.triggers.rollback import RollbackTrigger
from tests.support.task_run import first_event, restored


def tracking(deployment: dict[str, Any], seconds: float = 30.0) -> dict[str, Any]:
    """Watch the latest deploy of a Deployment as if it were a rollback to itself."""
    latest = deployment["deploys"][0]
    target = Deploy(latest["id"], deployment["id"], datetime.now(timezone.utc), DeployStatus.SUCCEEDED)
    now = time.time()
    return Tracking(
        deployment["id"], latest["id"], target, Scope.IMAGE, now, now + seconds, 0.1, "the history page", {}
    ).to_dict()


async def status(trigger: RollbackTrigger) -> Outcome:
    """Run a trigger to its event."""
    return Outcome.from_dict((await first_event(restored(trigger)))["outcome"])


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch, rollback_sandbox: SandboxProcess) -> str:
    """A connection with a token that may do everything."""
    monkeypatch.setenv("AIRFLOW_CONN_TRIGGER", rollback_sandbox.connection_json("editor"))
    return "trigger"


async def test_an_outage_until_the_deadline(connection: str, rollback_sandbox: SandboxProcess) -> None:
    """The trigger waits for the platform until the deadline, and the message has the last error."""
    deployment = rollback_sandbox.deployment("image-af3")
    rollback_sandbox.fault("status", None, status=503, count=None)
    outcome = await status(RollbackTrigger(connection, tracking(deployment, 0.3)))
    assert outcome.status is RollbackStatus.TIMED_OUT
    assert "503" in outcome.message


async def test_a_missing_connection_ends_in_an_event(rollback_sandbox: SandboxProcess) -> None:
    """The event has the error, so that the operator raises its class."""
    outcome = await status(
        RollbackTrigger("no_such_connection", tracking(rollback_sandbox.deployment("image-af3")))
    )
    assert outcome.status is RollbackStatus.UNKNOWN
    assert "no_such_connection" in outcome.message


async def test_the_connection_is_read_for_the_first_poll(
    monkeypatch: pytest.MonkeyPatch, rollback_sandbox: SandboxProcess
) -> None:
    """A thousand triggers that start together read their connections one by one, after their first pauses."""
    monkeypatch.setattr(random, "random", lambda: 1.0)  # the longest pause
    waited = {**tracking(rollback_sandbox.deployment("image-af3")), "poll_interval": 2.0}
    running = asyncio.create_task(status(RollbackTrigger("trigger", waited)))
    await asyncio.sleep(1.0)
    monkeypatch.setenv("AIRFLOW_CONN_TRIGGER", rollback_sandbox.connection_json("editor"))
    assert (await running).status is RollbackStatus.DONE


async def test_reports_what_has_ended(connection: str, rollback_sandbox: SandboxProcess) -> None:
    """A rollback that is done ends the trigger at its first poll. Its event is JSON without the token."""
    trigger = RollbackTrigger(connection, tracking(rollback_sandbox.deployment("image-af3")))
    event = await first_event(restored(trigger))
    assert Outcome.from_dict(event["outcome"]).status is RollbackStatus.DONE
    assert TOKENS["editor"].value not in json.dumps(event)
