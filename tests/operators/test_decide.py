# SPDX-License-Identifier: Apache-2.0
"""The decision as a task: it goes on, or skips what follows and says why."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_rollback_provider.compat import AirflowFailException, AirflowSkipException
from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.domain.guard_rails import GuardRails
from airflow_rollback_provider.operators.decide import RollbackDecisionOperator
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.task_run import TaskInstance, run

KEY = "decided"


@pytest.fixture
def deployment(connect: Any, rollback_sandbox: SandboxProcess) -> dict[str, Any]:
    """A Deployment with two deploys."""
    history = [{"age": 30_000, "tag": "one"}, {"age": 20_000, "tag": "two"}]
    return rollback_sandbox.add_deployment(KEY, deploys=history)


def task(deployment: dict[str, Any], **kwargs: Any) -> RollbackDecisionOperator:
    """A decision about a regression."""
    kwargs = {"deployment_id": deployment["id"], "verdict": "regressed", **kwargs}
    return RollbackDecisionOperator(task_id="decide", **kwargs)


def test_it_goes_on(deployment: dict[str, Any]) -> None:
    """The result has the deploy that runs, for the rollback."""
    running = deployment["deploys"][0]["id"]
    result = run(task(deployment, verdict={"verdict": "regressed", "deploy_id": running}))
    assert result["allowed"]
    assert (result["deploy_id"], result["deployment_id"]) == (running, deployment["id"])
    assert "may be rolled back" in result["summary"]


@pytest.mark.parametrize("verdict", ["healthy", "inconclusive", {"verdict": "inconclusive"}], ids=str)
def test_it_skips_what_follows(deployment: dict[str, Any], verdict: Any) -> None:
    """The reasons are in XCom all the same."""
    ti = TaskInstance()
    with pytest.raises(AirflowSkipException, match="not rolled back by itself"):
        run(task(deployment, verdict=verdict), ti)
    left = ti.xcom["return_value"]
    assert not left["allowed"]
    assert left["reasons"][0]["code"].startswith("VERDICT-")


def test_another_deploy_has_landed(deployment: dict[str, Any], rollback_sandbox: SandboxProcess) -> None:
    """The deploy that was evaluated no longer runs."""
    evaluated = deployment["deploys"][0]["id"]
    rollback_sandbox.land_deploy(KEY, tag="repair")
    with pytest.raises(AirflowSkipException, match="OTHER-DEPLOY-RUNS"):
        run(task(deployment, verdict={"verdict": "regressed", "deploy_id": evaluated}))


def test_it_may_fail_instead(deployment: dict[str, Any], rollback_sandbox: SandboxProcess) -> None:
    """For a Dag in which a user must act."""
    rollback_sandbox.land_deploy(KEY, rollback_to=0)
    with pytest.raises(errors.GuardsRefused, match="RUNS-A-ROLLBACK") as failure:
        run(task(deployment, fail_if_refused=True))
    assert isinstance(failure.value, AirflowFailException)


def test_rails_can_be_taken_away(deployment: dict[str, Any], rollback_sandbox: SandboxProcess) -> None:
    """Each by its own parameter."""
    rollback_sandbox.land_deploy(KEY, rollback_to=0)
    rails = GuardRails(allow_after_rollback=True, max_rollbacks=5, cool_down=GuardRails().cool_down * 0)
    assert run(task(deployment, guards=rails))["allowed"]


@pytest.mark.parametrize(
    "verdict", ["", "None", None, {}, {"verdict": None}, "REGRESSED", "{'verdict': 'regressed'}"], ids=str
)
def test_no_verdict_is_bad_input(deployment: dict[str, Any], verdict: Any) -> None:
    """A health check without a result does not allow a rollback."""
    with pytest.raises(errors.BadInput, match="verdict") as failure:
        run(task(deployment, verdict=verdict))
    assert isinstance(failure.value, AirflowFailException)


def test_a_history_that_cannot_be_read(deployment: dict[str, Any], rollback_sandbox: SandboxProcess) -> None:
    """It is neither allowed nor skipped: the task's retries apply."""
    rollback_sandbox.fault("status", None, status=503, count=None)
    with pytest.raises(errors.PlatformError) as failure:
        run(task(deployment))
    assert not isinstance(failure.value, AirflowFailException)
