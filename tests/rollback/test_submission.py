# SPDX-License-Identifier: Apache-2.0
"""A rollback is sent once, whether its answer arrives or not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_rollback_provider.domain.deploys import DeployStatus
from airflow_rollback_provider.domain.errors import (
    DeployInProgress,
    PermissionMissing,
    PlatformUnreachable,
    RequestLost,
    RollbackError,
    StalePlan,
)
from airflow_rollback_provider.domain.idempotency import key_in
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.hooks.test_deploy_history import KEY, identify
from tests.support.connect import Connect, need

Sandbox = SandboxProcess


def rollbacks(sandbox: Sandbox, key: str = "image-af3") -> list[dict[str, Any]]:
    """Return the rows that carry a tag."""
    return [row for row in sandbox.deployment(key)["deploys"] if key_in(row["description"] or "")]


def test_a_rollback_that_left_no_trace_is_not_sent_again(
    connect_hook: Connect, rollback_sandbox: Sandbox
) -> None:
    """The history is read until the grace period is over: then it is known not to have been carried out."""
    hook = connect_hook()
    paused: list[float] = []
    hook.transport.sleep = paused.append
    plan = hook.plan(identify(rollback_sandbox))
    rollback_sandbox.fault("drop_before", connect_hook.operations["roll_back"])
    with pytest.raises(RequestLost, match="was not carried out") as caught:
        hook.submit(plan, "too slow", KEY, grace_period=60)
    assert f"[idempotency-key:{KEY}]" in str(caught.value)
    assert (sum(paused), max(paused), caught.value.retryable) == (60, 15, True)
    assert rollbacks(rollback_sandbox) == []
    assert connect_hook.sent() == 1


def test_nothing_is_sent_when_the_last_check_fails(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """An error of ``before_sending`` stops the request."""
    hook = connect_hook()

    def refuse() -> None:
        raise StalePlan("not now")

    with pytest.raises(StalePlan, match="not now"):
        hook.submit(hook.plan(identify(rollback_sandbox)), "too slow", KEY, before_sending=refuse)
    assert connect_hook.sent() == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_before"},
        {"kind": "api_error", "message": "4 DEADLINE_EXCEEDED"},
        {"kind": "api_error", "name": "GATEWAY_TIMEOUT"},
        {"kind": "api_error", "name": "DOWNSTREAM_SERVICE_ERROR"},
        {"kind": "api_error", "message": "helm release not found"},
        {"kind": "status", "status": 404},
        {"kind": "status", "status": 409},
    ],
    ids=lambda fault: str(fault),
)
def test_a_row_that_appears_late_is_found(
    connect_hook: Connect, rollback_sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    """After a lost answer, or an error that is not known to be a refusal, the search goes on for a while."""
    need(connect_hook.platform != "astro" or fault["kind"] == "drop_before", "errors of Houston")
    hook, other = connect_hook(), connect_hook()
    plan = hook.plan(identify(rollback_sandbox))
    rollback_sandbox.fault(operation=connect_hook.operations["roll_back"], count=1, **fault)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            other.submit(plan, "too slow", KEY)

    hook.transport.sleep = pause
    assert hook.submit(plan, "too slow", KEY).id == rollbacks(rollback_sandbox)[0]["id"]
    assert pauses == [0.0, 1.0, 2.0]


def test_the_same_key_finds_the_first_rollback(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """A later try whose new plan has another target gets the first one's rollback."""
    rollback_sandbox.settings(rollback_seconds=0)
    hook, deployment_id = connect_hook(), identify(rollback_sandbox)
    first_plan = hook.plan(deployment_id)
    first = hook.submit(first_plan, "too slow", KEY)
    second_plan = hook.plan(deployment_id)
    assert second_plan.target.id != first_plan.target.id
    second = hook.submit(second_plan, "too slow", KEY)
    assert second.id == first.id
    assert second.rolled_back_to == first_plan.target.id
    assert connect_hook.sent() == 1


def test_a_deploy_in_progress_stops_a_rollback(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """One at a time: nothing is submitted while another deploy goes on."""
    rollback_sandbox.land_deploy("image-af3", tag="slow", seconds=None)
    hook, deployment_id = connect_hook(), identify(rollback_sandbox)
    plan = hook.plan(deployment_id)
    assert hook.deploys(deployment_id).__next__().status is DeployStatus.IN_PROGRESS
    with pytest.raises(DeployInProgress, match="has not ended"):
        hook.submit(plan, "too slow", KEY)
    assert connect_hook.sent() == 0


def test_the_platform_refuses_what_the_plan_cannot_check(
    connect_hook: Connect, rollback_sandbox: Sandbox
) -> None:
    """Without permissions to read, the platform's own answer decides; nothing changed."""
    rollback_sandbox.settings(hide_assumed=True)
    hook = connect_hook("viewer")
    plan = hook.plan(identify(rollback_sandbox))
    assert plan.allowed
    with pytest.raises(PermissionMissing, match=re.escape(hook.capabilities.permissions["image"])):
        hook.submit(plan, "too slow", KEY)
    assert rollbacks(rollback_sandbox) == []


def test_a_server_that_is_gone_is_no_doubt(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """A refused connection means that nothing was sent: the error may be retried."""
    hook = connect_hook()
    plan = hook.plan(identify(rollback_sandbox))
    run = hook.transport.run

    def dying(flow: Any) -> Any:
        if flow.__name__ == "roll_back":
            flow.close()
            raise PlatformUnreachable("connection refused")
        return run(flow)

    hook.transport.run = dying  # type: ignore[method-assign]
    with pytest.raises(RollbackError) as caught:
        hook.submit(plan, "too slow", KEY)
    assert type(caught.value) is PlatformUnreachable
    assert caught.value.retryable
