# SPDX-License-Identifier: Apache-2.0
"""Callbacks find ``context["rollback"]`` at every stage, and a callback that fails affects nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_rollback_provider.compat import (
    AIRFLOW_3,
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
)
from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.operators import rollback as module
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.tokens import TOKENS
from tests.support.task_run import TaskInstance, run, run_callbacks

try:
    from airflow.sdk.exceptions import AirflowTaskTerminated, AirflowTaskTimeout
except ImportError:  # before 3.2
    from airflow.exceptions import AirflowTaskTerminated, AirflowTaskTimeout  # type: ignore[no-redef]
if AIRFLOW_3:
    from airflow.sdk import BaseNotifier
else:
    from airflow.notifications.basenotifier import BaseNotifier  # type: ignore[no-redef]

KEY = "callbacks"
OURS = ("on_planned_callback", "on_submitted_callback")
AIRFLOWS = ("on_success_callback", "on_failure_callback", "on_retry_callback", "on_skipped_callback")


@pytest.fixture
def deployment_id(rollback_sandbox: SandboxProcess) -> str:
    """A Deployment with two deploys."""
    history = [{"age": 30_000, "tag": "one"}, {"age": 20_000, "tag": "two"}]
    return rollback_sandbox.add_deployment(KEY, deploys=history)["id"]


@dataclass
class Calls:
    """Records the calls of all callbacks, as JSON holds what they find."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def callbacks(self) -> dict[str, Any]:
        """Return all callbacks as arguments of the operator."""
        return {name: self._recorder(name) for name in (*OURS, *AIRFLOWS)}

    def _recorder(self, name: str) -> Any:
        return lambda context: self.calls.append((name, json.loads(json.dumps(context["rollback"]))))

    @property
    def stages(self) -> list[tuple[str, str]]:
        """The callbacks in their order, each with the stage that it found."""
        return [(name.split("_")[1], found["stage"]) for name, found in self.calls]

    @property
    def last(self) -> dict[str, Any]:
        """The context that the last callback found."""
        return self.calls[-1][1]


@pytest.fixture
def calls() -> Calls:
    """The calls of all callbacks."""
    return Calls()


PLANNED, SUBMITTED = ("planned", "planned"), ("submitted", "submitted")


def test_a_rollback_that_ends_well(
    operator: Any, rollback_sandbox: SandboxProcess, deployment_id: str, calls: Calls
) -> None:
    """Each callback finds a sentence for users and values for programs, after a deferral too."""
    rollback_sandbox.settings(rollback_seconds=1)
    result = run(operator(deployment_id, **calls.callbacks()))
    assert calls.stages == [PLANNED, SUBMITTED, ("success", "done")]
    planned, submitted, done = (found for _, found in calls.calls)
    assert planned["plan"]["target"]["id"] == result["target_id"]
    assert submitted["result"]["rollback_id"] == result["rollback_id"]
    assert done["result"] == json.loads(json.dumps(result))
    assert done["summary"] == result["summary"]
    assert all(deployment_id in found["summary"] for _, found in calls.calls)
    assert {found["deployment_id"] for _, found in calls.calls} == {deployment_id}


def test_a_rollback_that_fails(
    operator: Any, rollback_sandbox: SandboxProcess, deployment_id: str, calls: Calls
) -> None:
    """The failure callback finds the platform's reason and the rollback's id, after a deferral too."""
    rollback_sandbox.next_rollbacks({"outcome": "FAILED", "seconds": 1, "reason": "no disk"})
    with pytest.raises(errors.RollbackFailed) as failure:
        run(operator(deployment_id, **calls.callbacks()))
    assert isinstance(failure.value, AirflowFailException)
    assert calls.stages == [PLANNED, SUBMITTED, ("failure", "failed")]
    assert "no disk" in calls.last["summary"]
    assert calls.last["failure"]["error"] == "RollbackFailed"
    assert calls.last["failure"]["rollback_id"] == calls.calls[1][1]["result"]["rollback_id"]


def test_plan_only(operator: Any, deployment_id: str, calls: Calls) -> None:
    """The callbacks find the plan, and its summary is in the result."""
    plan = run(operator(deployment_id, plan_only=True, **calls.callbacks()))
    assert calls.stages == [PLANNED, ("success", "planned")]
    assert plan["summary"] == calls.last["summary"]


def test_a_later_try_does_not_report_the_submission_again(
    operator: Any, deployment_id: str, calls: Calls
) -> None:
    """Only the try that submitted the rollback calls ``on_submitted_callback``."""
    run(operator(deployment_id, wait_for_completion=False, **calls.callbacks()))
    run(operator(deployment_id, **calls.callbacks()))
    assert calls.stages == [PLANNED, SUBMITTED, ("success", "submitted"), ("success", "done")]


@pytest.mark.parametrize(("try_number", "called"), [(1, "retry"), (2, "retry"), (3, "failure")])
def test_a_failure_that_is_retried(
    operator: Any,
    rollback_sandbox: SandboxProcess,
    deployment_id: str,
    calls: Calls,
    try_number: int,
    called: str,
) -> None:
    """The retry callback finds the same as the failure callback."""
    rollback_sandbox.land_deploy(KEY, tag="slow", seconds=None)
    with pytest.raises(errors.DeployInProgress):
        run(operator(deployment_id, **calls.callbacks()), TaskInstance(try_number=try_number, max_tries=2))
    assert calls.stages == [(called, "failed")]
    assert calls.last["failure"]["error"] == "DeployInProgress"


def test_a_failure_that_no_retry_cures(operator: Any, rollback_sandbox: SandboxProcess, calls: Calls) -> None:
    """Airflow calls the failure callback at the first try, though other tries are left."""
    ti = TaskInstance(try_number=1, max_tries=2)
    with pytest.raises(errors.PlanRefused):
        run(operator(rollback_sandbox.deployment("volume-af3")["id"], **calls.callbacks()), ti)
    assert calls.stages == [("failure", "failed")]


def test_a_task_that_a_fleet_does_not_begin(
    operator: Any, deployment_id: str, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The skipped callback finds the reason."""
    monkeypatch.setattr(module, "states_of", lambda _context, _task_id: {1: "failed"})
    with pytest.raises(AirflowSkipException):
        run(operator(deployment_id, stop_after_failures=1, **calls.callbacks()), TaskInstance(map_index=0))
    assert calls.stages == [("skipped", "skipped")]
    assert calls.last["failure"]["error"] == "FleetStopped"


@pytest.mark.parametrize("signal", [AirflowTaskTerminated, AirflowTaskTimeout])
@pytest.mark.parametrize(
    ("stage", "left_behind"),
    [("on_planned_callback", "No rollback is known"), ("on_submitted_callback", "may still be going on")],
)
def test_a_signal_of_airflow(
    operator: Any, deployment_id: str, calls: Calls, signal: type[BaseException], stage: str, left_behind: str
) -> None:
    """A kill and a time-out are no exceptions like others: the failure callback finds what is left behind."""

    def interrupt(_context: Any) -> None:
        raise signal("Timeout, PID: 7")

    ti = TaskInstance()
    with pytest.raises(signal):
        run(operator(deployment_id, **{**calls.callbacks(), stage: interrupt}), ti)
    assert calls.stages[-1] == ("failure", "failed")
    assert calls.last["failure"]["error"] == signal.__name__
    assert left_behind in calls.last["summary"]
    assert "rollback_failure" not in ti.xcom


def test_a_deferral_that_airflow_times_out(operator: Any, deployment_id: str, calls: Calls) -> None:
    """Airflow does not call the method that the deferral names; the failure callback finds the failure."""
    task, context = operator(deployment_id, **calls.callbacks()), {"ti": TaskInstance()}
    task.pre_execute(context)
    with pytest.raises(AirflowException) as timed_out:
        task.resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    run_callbacks(task, context, timed_out.value)
    assert calls.stages == [("failure", "failed")]
    assert "may still be going on" in calls.last["summary"]


def test_a_time_out_of_airflow_2_during_a_deferral(operator: Any, deployment_id: str, calls: Calls) -> None:
    """``execution_timeout`` ran out: Airflow 2 calls ``pre_execute`` and ``on_kill``, nothing between."""
    ti: Any = TaskInstance()
    ti.next_method = "__fail__"
    task, context = operator(deployment_id, **calls.callbacks()), {"ti": ti}
    task.pre_execute(context)
    task.on_kill()
    run_callbacks(task, context, AirflowTaskTimeout())
    assert calls.stages == [("failure", "failed")]
    assert f"The rollback of Deployment {deployment_id} cannot be recalled" in calls.last["summary"]


def test_a_callback_that_fails(operator: Any, deployment_id: str, calls: Calls) -> None:
    """The rollback is made all the same, and the other callbacks are called."""

    def broken(_context: Any) -> None:
        raise ConnectionError("The chat is away.")

    arguments = calls.callbacks()
    arguments.update({name: [broken, arguments[name]] for name in OURS})
    assert run(operator(deployment_id, **arguments))["status"] == "done"
    assert calls.stages == [PLANNED, SUBMITTED, ("success", "done")]


def test_a_notifier_of_airflow(operator: Any, deployment_id: str) -> None:
    """One object may serve all stages: its template is rendered anew for each."""
    notifier = Chat("{{ rollback.stage }}: {{ rollback.summary }}")
    task = operator(
        deployment_id,
        on_planned_callback=notifier,
        on_submitted_callback=[notifier],
        on_success_callback=notifier,
    )
    run(task, dag=None)
    assert [text.split(":")[0] for text in Chat.sent] == ["planned", "submitted", "done"]


def test_no_token_in_the_context(operator: Any, deployment_id: str, calls: Calls) -> None:
    """Callbacks send it to chats."""
    run(operator(deployment_id, **calls.callbacks()))
    assert TOKENS["editor"].value not in json.dumps(calls.calls)


class Chat(BaseNotifier):
    """A notifier with a template, as those of chats have one."""

    template_fields = ("text",)
    sent: list[str] = []  # noqa: RUF012 - the notifier is copied for each stage

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        Chat.sent.clear()

    def notify(self, _context: Any) -> None:
        """Send the rendered text."""
        Chat.sent.append(self.text)
