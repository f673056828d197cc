# SPDX-License-Identifier: Apache-2.0
"""How a task recognises that it runs inside a Deployment."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_rollback_provider.domain.deploys import Deployment
from airflow_rollback_provider.rollback import self_target
from airflow_rollback_provider.rollback.self_target import runs_inside

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
    monkeypatch.setattr(self_target, "NAMESPACE_FILE", tmp_path / "namespace")


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
    """A similar name belongs to another Deployment."""
    monkeypatch.setenv("AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE", value)
    assert runs_inside(DEPLOYMENT) is None


def test_a_deployment_without_names() -> None:
    """Values that the platform does not report match nothing."""
    assert runs_inside(Deployment("c123", "Billing", "")) is None
