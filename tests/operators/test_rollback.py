# SPDX-License-Identifier: Apache-2.0
"""The operator against the sandbox: one key, one rollback, and a named failure for everything else."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from airflow_rollback_provider.compat import AirflowFailException, TaskDeferred
from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.domain.errors import RollbackSuperseded
from airflow_rollback_provider.domain.plan import RollbackPlan
from airflow_rollback_provider.operators.rollback import RollbackOperator
from airflow_rollback_provider.platforms.connection_types import PRIVATE_CLOUD
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.tokens import TOKENS
from tests.support.task_run import TaskInstance, after_requests, first_event, restored, run


def rows(sandbox: SandboxProcess, key: str) -> list[dict[str, Any]]:
    """Return a Deployment's deploys, newest first."""
    return sandbox.deployment(key)["deploys"]


def ids(sandbox: SandboxProcess, key: str) -> list[str]:
    """Return the ids of a Deployment's deploys, newest first."""
    return [row["id"] for row in rows(sandbox, key)]


@pytest.fixture
def key(rollback_sandbox: SandboxProcess) -> str:
    """A Deployment with three good deploys, the latest one running."""
    rollback_sandbox.add_deployment(
        "three-deploys",
        mechanism="dag_deploy",
        runtime="3.1-12",
        workspace="data-platform",
        deploys=[
            {"age": 30_000, "tag": "one", "bundle": "b1", "runtime": "3.1-10"},
            {"age": 20_000, "tag": "two", "bundle": "b2", "runtime": "3.1-11"},
            {"age": 10_000, "tag": "three", "bundle": "b3", "runtime": "3.1-12"},
        ],
    )
    return "three-deploys"


@pytest.fixture
def deployment_id(rollback_sandbox: SandboxProcess, key: str) -> str:
    """The id of that Deployment."""
    return rollback_sandbox.deployment(key)["id"]


def task(deployment_id: str, **kwargs: Any) -> RollbackOperator:
    """Make a task for what ends in the same way polling and deferred."""
    return RollbackOperator(
        task_id="roll_back", deployment_id=deployment_id, **{"description": "why", **kwargs}
    )


def test_rolls_back_to_the_previous_deploy(
    operator: Any, rollback_sandbox: SandboxProcess, key: str, deployment_id: str
) -> None:
    """One new entry in the history, to the previous deploy, with the reason; a small JSON result."""
    before = rows(rollback_sandbox, key)
    result = run(operator(deployment_id))
    after = rows(rollback_sandbox, key)
    assert len(after) == len(before) + 1
    assert after[0]["rollbackFromId"] == before[1]["id"] == result["target_id"]
    assert after[0]["id"] == result["rollback_id"]
    assert after[0]["description"].startswith(
        "errors since the deploy (Dag remediation, run manual__1) [idempotency-key:"
    )
    assert result["status"] == "done"
    assert result["resumed"] is False
    assert result["undone_by"].startswith("The next deploy from CI brings image tag ")
    assert len(json.dumps(result)) < 1300


def test_plan_only_changes_nothing(
    operator: Any, rollback_sandbox: SandboxProcess, key: str, deployment_id: str
) -> None:
    """``plan_only`` returns the plan that would be carried out and leaves the platform as it is."""
    before = ids(rollback_sandbox, key)
    result = run(operator(deployment_id, plan_only="True"))
    assert RollbackPlan.from_dict(result).target.id == before[1]
    assert ids(rollback_sandbox, key) == before
    assert not any("rollbackDeployment" in request["fields"] for request in rollback_sandbox.requests())


def test_plan_only_of_a_refused_rollback_returns_the_reasons(
    operator: Any, rollback_sandbox: SandboxProcess
) -> None:
    """The plan of a rollback that is not allowed has the reasons, and the task does not fail."""
    deployment = rollback_sandbox.deployment("runtime-3-0")
    result = run(operator(deployment["id"], plan_only=True))
    assert result["allowed"] is False
    assert "RUNTIME-3.0-1-TO-3.1-1" in {check["code"] for check in result["failed_checks"]}


def test_airflow_3_to_2_needs_the_acknowledgement(operator: Any, rollback_sandbox: SandboxProcess) -> None:
    """Without it nothing is submitted, and the message says what would be lost. A template makes texts."""
    deployment = rollback_sandbox.deployment("moved-to-af3")
    target = next(
        row["id"] for row in deployment["deploys"] if (row["runtimeVersion"] or "").startswith("13.")
    )
    before = ids(rollback_sandbox, "moved-to-af3")
    for acknowledged in (False, "False", ""):
        task = operator(deployment["id"], target=target, acknowledge_airflow_3_to_2=acknowledged)
        with pytest.raises(
            errors.AcknowledgementMissing, match="erased from the metadata database"
        ) as failure:
            run(task)
        assert isinstance(failure.value, AirflowFailException)
        assert ids(rollback_sandbox, "moved-to-af3") == before
    result = run(operator(deployment["id"], target=target, acknowledge_airflow_3_to_2="True"))
    assert result["target_id"] == target
    assert rollback_sandbox.deployment("moved-to-af3")["runtimeVersion"].startswith("13.")


def test_a_later_try_resumes_the_rollback(
    operator: Any, rollback_sandbox: SandboxProcess, key: str, deployment_id: str
) -> None:
    """A retry or a cleared task finds its rollback; it neither submits another nor goes further back."""
    before = ids(rollback_sandbox, key)
    first = run(operator(deployment_id))
    second = run(operator(deployment_id))
    assert (second["rollback_id"], second["target_id"]) == (first["rollback_id"], before[1])
    assert second["resumed"] is True
    assert len(ids(rollback_sandbox, key)) == len(before) + 1


REFUSED = [
    ("image-af3", {"description": "  "}, errors.InvalidDescription, "needs a description"),
    ("image-af3", {"description": "x" * 501}, errors.InvalidDescription, "Shorten it"),
    ("image-af3", {"target": "tag:"}, errors.InvalidTarget, "no value"),
    ("image-af3", {"target": "no-such-deploy"}, errors.DeployNotFound, "no-such-deploy"),
    ("image-af3", {"scope": "everything"}, errors.BadInput, "not a scope"),
    ("image-af3", {"plan_only": "perhaps"}, errors.BadInput, "plan_only"),
    ("runtime-3-0", {}, errors.PlanRefused, "RUNTIME-3.0-1-TO-3.1-1"),
    ("volume-af3", {}, errors.PlanRefused, "MECHANISM-CANNOT-ROLL-BACK"),
    ("rollback-disabled", {}, errors.PlanRefused, "ROLLBACK-OFF-ON-DEPLOYMENT"),
    ("no-deploys", {}, errors.DeployNotFound, "empty"),
    ("only-failures", {}, errors.DeployNotFound, "succeeded"),
    ("one-deploy", {}, errors.DeployNotFound, "No deploy matches"),
    ("dormant", {}, errors.DeployNotFound, "empty"),
]


@pytest.mark.parametrize(
    ("key", "kwargs", "kind", "words"),
    REFUSED,
    ids=[f"{row[0]}-{row[2].__name__}-{number}" for number, row in enumerate(REFUSED)],
)
def test_a_refusal_fails_at_once(
    connect: Any,
    rollback_sandbox: SandboxProcess,
    key: str,
    kwargs: dict[str, Any],
    kind: type[Exception],
    words: str,
) -> None:
    """Bad input and refused plans fail by name, without a retry, and nothing is changed on the platform."""
    deployment = rollback_sandbox.deployment(key)
    with pytest.raises(kind, match=words) as failure:
        run(task(deployment["id"], **kwargs))
    assert isinstance(failure.value, AirflowFailException)
    assert ids(rollback_sandbox, key) == [row["id"] for row in deployment["deploys"]]


@pytest.mark.parametrize(
    ("token", "kind", "words"),
    [
        ("no-history", errors.PermissionMissing, "deployment.deployRevisions.get"),
        ("viewer", errors.PlanRefused, "deployment.images.push"),
        ("dags-only", errors.PlanRefused, "deployment.images.push"),
    ],
)
def test_a_missing_permission_fails_at_once(
    connect: Any,
    rollback_sandbox: SandboxProcess,
    key: str,
    deployment_id: str,
    token: str,
    kind: type[Exception],
    words: str,
) -> None:
    """A missing permission is named; the token itself is never shown."""
    connect(token)
    with pytest.raises(kind, match=words) as failure:
        run(task(deployment_id))
    assert isinstance(failure.value, AirflowFailException)
    assert TOKENS[token].value not in str(failure.value)


def test_an_expired_token_may_be_retried(connect: Any, deployment_id: str) -> None:
    """The next try reads the connection anew, which may have another token by then."""
    connect("expired")
    with pytest.raises(errors.TokenExpired) as failure:
        run(task(deployment_id))
    assert not isinstance(failure.value, AirflowFailException)
    connect("editor")
    assert run(task(deployment_id))["status"] == "done"


def test_a_token_that_is_renewed_while_waiting(
    connect: Any, operator: Any, rollback_sandbox: SandboxProcess, deployment_id: str, monkeypatch: Any
) -> None:
    """The wait reads the connection again after the refusal, and goes on."""
    monkeypatch.setattr("airflow_rollback_provider.domain.poller.FIRST_DELAY", 0.1)
    rollback_sandbox.settings(rollback_seconds=60)

    def renew() -> None:
        connect("viewer")
        rollback_sandbox.settings(expired_tokens=["editor"])
        rollback_sandbox.clock(advance=61)

    task = operator(deployment_id, on_submitted_callback=lambda _context: rollback_sandbox.clear_requests())
    with after_requests(rollback_sandbox, 10, renew):
        assert run(task)["status"] == "done"


def test_a_platform_that_is_down_may_be_retried(
    connect: Any, rollback_sandbox: SandboxProcess, deployment_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A platform that cannot be reached leaves the task's retries in force, with the link stored already."""
    connection = json.loads(rollback_sandbox.connection_json("editor")) | {"host": "http://127.0.0.1:9"}
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", json.dumps(connection))
    ti = TaskInstance()
    with pytest.raises(errors.PlatformUnreachable) as failure:
        run(task(deployment_id), ti)
    assert not isinstance(failure.value, AirflowFailException)
    assert "_link_DeployHistoryLink" in ti.xcom


def test_a_rollback_that_has_ended_is_not_deferred(
    connect: Any, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """A rollback that has ended at the first poll ends the task without the triggerer."""
    assert task(deployment_id, deferrable=True).execute({"ti": TaskInstance()})["status"] == "done"


async def test_no_token_in_the_serialised_trigger(
    connect: Any, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """The stored deferral is JSON, has no token, and is enough to finish."""
    rollback_sandbox.settings(rollback_seconds=1)
    conn_id = f"{PRIVATE_CLOUD.default_conn_id}\n"  # as from a Variable that a user typed
    deferred = task(deployment_id, astro_conn_id=conn_id, deferrable=True, poll_interval=0.2)
    with pytest.raises(TaskDeferred) as deferral:
        deferred.execute({"ti": TaskInstance()})
    kept = json.dumps(deferral.value.trigger.serialize())
    assert TOKENS["editor"].value not in kept
    assert deferral.value.timeout > timedelta(minutes=30)
    event = await first_event(restored(deferral.value.trigger))
    assert deferred.resume({"ti": TaskInstance()}, event)["status"] == "done"


def test_at_most_five_requests_and_the_polls(
    connect: Any, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """Two requests for the plan, one proof in a process, one last check and the submission."""
    rollback_sandbox.clear_requests()
    run(task(deployment_id, wait_for_completion=False))
    assert len(rollback_sandbox.requests()) == 5


def test_killed_while_waiting(
    operator: Any,
    rollback_sandbox: SandboxProcess,
    deployment_id: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The log has the rollback and the work of the next try, also of a task that resumes after a deferral."""
    rollback_sandbox.settings(rollback_seconds=1)
    killed, context = operator(deployment_id), {"ti": TaskInstance()}
    try:
        result = killed.execute(context)
    except TaskDeferred as deferred:
        event = asyncio.run(first_event(restored(deferred.trigger)))
        killed = operator(deployment_id)  # in another process
        result = killed.resume(context, event)
    with caplog.at_level("WARNING"):
        killed.on_kill()
    said = caplog.text + capsys.readouterr().out  # Airflow 3 logs past the standard library's handlers
    assert f"Killed while waiting. The rollback {result['rollback_id']}" in said
    assert "may still be going on" in said


@pytest.mark.parametrize(("age", "polled"), [(0.0, False), (60.0, True)], ids=["fresh", "old"])
def test_an_old_success_is_polled_once_more(
    connect: Any, rollback_sandbox: SandboxProcess, deployment_id: str, key: str, age: float, polled: bool
) -> None:
    """An event that waited for a worker may be out of date: another deploy has landed since."""
    rollback_sandbox.settings(rollback_seconds=1)
    waits = task(deployment_id, deferrable=True, poll_interval=0.2)
    context: Any = {"ti": TaskInstance()}
    with pytest.raises(TaskDeferred) as deferred:
        waits.execute(context)
    event = asyncio.run(first_event(restored(deferred.value.trigger)))
    rollback_sandbox.land_deploy(key, tag="newer")
    event["at"] -= age
    if polled:
        with pytest.raises(RollbackSuperseded):
            waits.resume(context, event)
    else:
        assert waits.resume(context, event)["status"] == "done"


def test_killed_before_a_deferral_is_resumed(
    operator: Any, deployment_id: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Airflow 2 may end it before it calls another method; the rollback was submitted."""
    task, ti = operator(deployment_id), TaskInstance()
    ti.next_method = "resume"  # type: ignore[attr-defined]
    task.pre_execute({"ti": ti})
    task.on_kill()
    shown = caplog.text + capsys.readouterr().out
    assert "cannot be recalled and may still be going on" in shown
    assert "No rollback is known" not in shown
