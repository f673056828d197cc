# SPDX-License-Identifier: Apache-2.0
"""The same operator, pointed to hosted Astro by its connection's type alone."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.leaks import Evidence, listening
from tests.support.task_run import TaskInstance, run

LINK = "_link_DeployHistoryLink"


@pytest.fixture
def operator(operator: Any, rollback_sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make an operator for a Deployment of hosted Astro."""
    monkeypatch.setenv("AIRFLOW_CONN_HOSTED", rollback_sandbox.connection_json(platform="astro"))
    return partial(operator, astro_conn_id="hosted")


@pytest.mark.parametrize("name", ["id", "releaseName", "label"])
def test_rolls_back_whatever_the_deployment_is_named_by(
    operator: Any, rollback_sandbox: SandboxProcess, name: str
) -> None:
    """By id, namespace or name: one new entry, and the plan in the log says what the platform cannot do."""
    before = rollback_sandbox.deployment("dag-deploy-af3")
    ti, evidence = TaskInstance(), Evidence()
    with listening(evidence):
        result = run(operator(before[name]), ti)
    after = rollback_sandbox.deployment("dag-deploy-af3")["deploys"]
    assert after[0]["rollbackFromId"] == before["deploys"][2]["id"] == result["target_id"]
    assert [row["id"] for row in after[1:]] == [row["id"] for row in before["deploys"]][: len(after) - 1]
    assert result["status"] == "done"
    assert result["scope"] == "image_and_dags"
    assert ti.xcom[LINK] == result["history"]
    assert evidence.holds("log", "Limits of Astro:")
    assert not any(request["operation"] == "Logs" for request in rollback_sandbox.requests())


def test_a_scope_is_refused_by_the_plan(operator: Any, rollback_sandbox: SandboxProcess) -> None:
    """Before anything is sent; the link is there by then, since the Deployment was read."""
    deployment, ti = rollback_sandbox.deployment("dag-deploy-af3"), TaskInstance()
    with pytest.raises(errors.PlanRefused, match="SCOPE-NOT-OFFERED"):
        run(operator(deployment["id"], scope="image"), ti)
    assert "DeployRollback" not in {request["operation"] for request in rollback_sandbox.requests()}
    assert ti.xcom[LINK].endswith(f"/deployments/{deployment['id']}/overview")
