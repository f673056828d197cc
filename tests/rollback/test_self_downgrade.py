# SPDX-License-Identifier: Apache-2.0
"""A task that runs inside the Deployment which it is to roll back."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_rollback_provider.compat import AirflowFailException
from airflow_rollback_provider.rollback.self_target import RollsBackItself
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.task_run import run


@pytest.fixture
def inside(rollback_sandbox: SandboxProcess, connect: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A Deployment that the task runs in: the latest deploy of another Runtime, then two of the same."""
    drafts = [
        {"age": 400, "tag": "older", "runtime": "3.1-8", "seconds": 1},
        {"age": 300, "tag": "same", "runtime": "3.1-12", "seconds": 1},
        {"age": 200, "tag": "now", "runtime": "3.1-12", "seconds": 1},
        {"age": 100, "tag": "newer", "runtime": "3.2-3", "outcome": "FAILED", "seconds": 1},
    ]
    deployment = rollback_sandbox.add_deployment(
        "home", mechanism="image", workspace="data-platform", deploys=drafts
    )
    monkeypatch.setenv("AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE", deployment["namespace"])
    return deployment


def test_the_same_runtime_is_fine(inside: dict[str, Any], operator: Any) -> None:
    """Running tasks go on: the task may wait for its own Deployment."""
    assert run(operator(inside["id"], target="tag:same"))["status"] == "done"


def test_a_downgrade_is_refused(inside: dict[str, Any], operator: Any, rollback_sandbox: Any) -> None:
    """Nothing is sent; the message has the reason and both ways out."""
    with pytest.raises(RollsBackItself, match=r"another Deployment.*wait_for_completion=False") as caught:
        run(operator(inside["id"], target="tag:older"))
    assert isinstance(caught.value, AirflowFailException)
    assert inside["namespace"] in str(caught.value)
    assert not any(request["operation"] == "RollBack" for request in rollback_sandbox.requests())


def test_a_downgrade_may_be_submitted_and_left(inside: dict[str, Any], operator: Any) -> None:
    """A task that does not wait leaves nothing behind that could break."""
    result = run(operator(inside["id"], target="tag:older", wait_for_completion=False))
    assert result["status"] == "not waited for"


def test_a_downgrade_may_be_planned(inside: dict[str, Any], operator: Any) -> None:
    """``plan_only`` changes nothing, wherever it runs."""
    assert run(operator(inside["id"], target="tag:older", plan_only=True))["downgrade"] is True


def test_a_downgrade_of_another_deployment(
    inside: dict[str, Any], operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remediation runs elsewhere: nothing is refused there."""
    monkeypatch.setenv("AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE", "astronomer-somewhere-else")
    assert run(operator(inside["id"], target="tag:older"))["status"] == "done"
