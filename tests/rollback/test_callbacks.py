# SPDX-License-Identifier: Apache-2.0
"""People are told how a rollback goes, at every stage, and nothing that happens on the way affects it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.operators.rollback import RollbackOperator
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.tokens import TOKENS
from tests.support.task_run import TaskInstance, run

KEY = "told"


@pytest.fixture
def deployment_id(rollback_sandbox: SandboxProcess) -> str:
    """A Deployment with two deploys."""
    history = [{"age": 30_000, "tag": "one"}, {"age": 20_000, "tag": "two"}]
    return rollback_sandbox.add_deployment(KEY, deploys=history)["id"]


@dataclass
class Board:
    """Keeps what it is told of, as JSON holds it."""

    heard: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, context: Any) -> None:
        """Hear of a stage."""
        self.heard.append(json.loads(json.dumps(context["rollback"])))

    @property
    def stages(self) -> list[str]:
        """The stages, in order."""
        return [one["stage"] for one in self.heard]

    def everywhere(self) -> dict[str, Any]:
        """Arguments that tell this board of everything."""
        return dict.fromkeys(("on_planned_callback", "on_submitted_callback", "on_done", "on_failed"), self)


def test_a_rollback_that_ends_well(
    operator: Any, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """Planned, submitted, done: each with a sentence and with what a program needs."""
    board = Board()
    rollback_sandbox.settings(rollback_seconds=1)
    result = run(operator(deployment_id, **board.everywhere()))
    assert board.stages == ["planned", "submitted", "done"]
    planned, submitted, done = board.heard
    assert planned["plan"]["target"]["id"] == result["target_id"]
    assert submitted["result"]["rollback_id"] == result["rollback_id"]
    assert done["result"] == json.loads(json.dumps(result))
    assert done["summary"] == result["summary"]
    assert all(deployment_id in one["summary"] for one in board.heard)


def test_a_rollback_that_fails(operator: Any, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """Failed, with the platform's reason, after the deferral too."""
    board = Board()
    rollback_sandbox.next_rollbacks({"outcome": "FAILED", "seconds": 1, "reason": "no disk"})
    with pytest.raises(errors.RollbackFailed):
        run(operator(deployment_id, **board.everywhere()))
    assert board.stages == ["planned", "submitted", "failed"]
    assert "no disk" in board.heard[-1]["summary"]
    assert board.heard[-1]["failure"]["error"] == "RollbackFailed"


def test_what_is_refused(operator: Any, rollback_sandbox: SandboxProcess) -> None:
    """Nothing was planned that could be carried out."""
    board = Board()
    with pytest.raises(errors.PlanRefused):
        run(operator(rollback_sandbox.deployment("volume-af3")["id"], **board.everywhere()))
    assert board.stages == ["failed"]


def test_a_dry_run(operator: Any, deployment_id: str) -> None:
    """The plan alone, which is in the result with its summary."""
    board = Board()
    plan = run(operator(deployment_id, plan_only=True, **board.everywhere()))
    assert board.stages == ["planned"]
    assert plan["summary"] == board.heard[0]["summary"]


def test_a_later_try_does_not_repeat_itself(operator: Any, deployment_id: str) -> None:
    """The rollback was submitted once, so it is told once; that it is done is told by whoever saw it."""
    board = Board()
    run(operator(deployment_id, wait_for_completion=False, **board.everywhere()))
    run(operator(deployment_id, **board.everywhere()))
    assert board.stages == ["planned", "submitted", "done"]


@pytest.mark.parametrize(("try_number", "stages"), [(1, []), (2, []), (3, ["failed"])])
def test_a_failure_that_is_tried_again(
    operator: Any, rollback_sandbox: SandboxProcess, deployment_id: str, try_number: int, stages: list[str]
) -> None:
    """It is told when no try is left."""
    board, ti = Board(), TaskInstance(try_number=try_number, max_tries=2)
    rollback_sandbox.land_deploy(KEY, tag="slow", seconds=None)
    with pytest.raises(errors.DeployInProgress):
        run(operator(deployment_id, on_failed=[board]), ti)
    assert board.stages == stages


def test_a_failure_that_no_retry_cures(operator: Any, rollback_sandbox: SandboxProcess) -> None:
    """It is told at the first try, though there are others left: Airflow will not use them."""
    board, ti = Board(), TaskInstance(try_number=1, max_tries=2)
    with pytest.raises(errors.PlanRefused):
        run(operator(rollback_sandbox.deployment("volume-af3")["id"], on_failed=board), ti)
    assert board.stages == ["failed"]


def test_a_message_that_cannot_be_sent(operator: Any, deployment_id: str) -> None:
    """The rollback is made all the same, and the others are told."""

    def broken(_context: Any) -> None:
        raise ConnectionError("The chat is away.")

    board = Board()
    hooks: dict[str, Any] = {stage: [broken, board] for stage in board.everywhere()}
    assert run(operator(deployment_id, **hooks))["status"] == "done"
    assert board.stages == ["planned", "submitted", "done"]


def test_a_notifier_of_airflow(operator: Any, deployment_id: str) -> None:
    """One object may serve all stages: its template is rendered anew for each."""
    notifier = Chat("{{ rollback.stage }}: {{ rollback.summary }}")
    task = operator(
        deployment_id, on_planned_callback=notifier, on_submitted_callback=[notifier], on_done=notifier
    )
    run(task, dag=None)
    assert [text.split(":")[0] for text in Chat.sent] == ["planned", "submitted", "done"]
    assert notifier.text == "{{ rollback.stage }}: {{ rollback.summary }}"


def test_no_token_in_what_is_told(connect: Any, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """It goes to chats."""
    board = Board()
    run(
        RollbackOperator(
            task_id="t",
            deployment_id=deployment_id,
            description="why",
            poll_interval=0.1,
            **board.everywhere(),
        )
    )
    assert TOKENS["editor"].value not in json.dumps(board.heard)


try:
    from airflow.sdk import BaseNotifier
except ImportError:  # Airflow 2
    from airflow.notifications.basenotifier import BaseNotifier


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
