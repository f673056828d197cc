# SPDX-License-Identifier: Apache-2.0
"""A task that runs inside the Deployment which it is to roll back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_rollback_provider.compat import AirflowFailException
from airflow_rollback_provider.domain.deploys import Deployment
from airflow_rollback_provider.operators import whereabouts
from airflow_rollback_provider.operators.whereabouts import RollsBackItself, runs_inside
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.task_run import run

DEPLOYMENT = Deployment("c123", "Billing", "stellar-star-1234", namespace="astronomer-stellar-star-1234")
VARIABLES = (
    "ASTRO_DEPLOYMENT_ID",
    "ASTRO_DEPLOYMENT_NAMESPACE",
    "AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE",
    "AIRFLOW__KUBERNETES__NAMESPACE",
)


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever runs these tests may itself run in Kubernetes."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(whereabouts, "_NAMESPACE_FILE", tmp_path / "namespace")


def test_nothing_tells() -> None:
    """Without a hint the task runs elsewhere."""
    assert runs_inside(DEPLOYMENT) is None


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("value", ["c123", "stellar-star-1234", "astronomer-stellar-star-1234"])
def test_the_environment_tells(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """By the Deployment's id, its release name or its namespace."""
    monkeypatch.setenv(name, value)
    assert runs_inside(DEPLOYMENT) == f"{name} is {value}"


def test_the_namespace_of_the_pod_tells(tmp_path: Path) -> None:
    """Kubernetes mounts it into every pod."""
    (tmp_path / "namespace").write_text("astronomer-stellar-star-1234\n", encoding="utf-8")
    assert runs_inside(DEPLOYMENT) == "the Kubernetes namespace is astronomer-stellar-star-1234"


def test_a_setting_of_airflow_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """For surroundings that do not."""
    monkeypatch.setenv("AIRFLOW__AIRFLOW_ROLLBACK__THIS_DEPLOYMENT", "stellar-star-1234")
    assert runs_inside(DEPLOYMENT) == "[airflow_rollback] this_deployment is stellar-star-1234"


@pytest.mark.parametrize("value", ["default", "airflow", "stellar-star-12345", "other-stellar-star-123", "-"])
def test_another_name_tells_nothing(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A name that only looks alike is another Deployment's."""
    monkeypatch.setenv("AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE", value)
    assert runs_inside(DEPLOYMENT) is None


def test_a_deployment_without_names() -> None:
    """What the platform does not tell matches nothing."""
    assert runs_inside(Deployment("c123", "Billing", "")) is None


@pytest.fixture
def inside(rollback_sandbox: SandboxProcess, connect: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A Deployment that the task runs in: the newest deploy of another Runtime, then two of the same."""
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
    assert run(operator(inside["id"], target="tag:same"))["ending"] == "done"


def test_a_downgrade_is_refused(inside: dict[str, Any], operator: Any, rollback_sandbox: Any) -> None:
    """Nothing is sent; the reason and both ways out are told."""
    with pytest.raises(RollsBackItself, match=r"another Deployment.*wait_for_completion=False") as caught:
        run(operator(inside["id"], target="tag:older"))
    assert isinstance(caught.value, AirflowFailException)
    assert inside["namespace"] in str(caught.value)
    assert not any(request["operation"] == "RollBack" for request in rollback_sandbox.requests())


def test_a_downgrade_may_be_submitted_and_left(inside: dict[str, Any], operator: Any) -> None:
    """Who neither defers nor waits leaves nothing behind that could break."""
    result = run(operator(inside["id"], target="tag:older", wait_for_completion=False))
    assert result["ending"] == "not waited for"


def test_a_downgrade_may_be_planned(inside: dict[str, Any], operator: Any) -> None:
    """A dry run changes nothing, wherever it runs."""
    assert run(operator(inside["id"], target="tag:older", dry_run=True))["downgrade"] is True


def test_a_downgrade_of_another_deployment(
    inside: dict[str, Any], operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remediation runs elsewhere: nothing is refused there."""
    monkeypatch.setenv("AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE", "astronomer-somewhere-else")
    assert run(operator(inside["id"], target="tag:older"))["ending"] == "done"
