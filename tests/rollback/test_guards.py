# SPDX-License-Identifier: Apache-2.0
"""Guard rails and the limit of a fleet on the operator: they stop what was not begun, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from airflow_rollback_provider.compat import AirflowFailException, AirflowSkipException
from airflow_rollback_provider.domain.errors import ApprovalMissing, GuardsRefused
from airflow_rollback_provider.domain.guard_rails import GuardRails
from airflow_rollback_provider.operators import rollback as module
from airflow_rollback_provider.rollback.callbacks import FAILURE
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.task_run import TaskInstance, run

KEY = "guarded"
HISTORY = [{"age": 30_000, "tag": "one"}, {"age": 20_000, "tag": "two"}]


@pytest.fixture
def deployment_id(rollback_sandbox: SandboxProcess) -> str:
    """A Deployment with two deploys and no rollback."""
    return rollback_sandbox.add_deployment(KEY, deploys=HISTORY)["id"]


def rollbacks(sandbox: SandboxProcess) -> int:
    """How many rollbacks the history has."""
    return sum(row["rollbackFromId"] is not None for row in sandbox.deployment(KEY)["deploys"])


def test_rails_refuse_with_every_reason(
    operator: Any, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """By name, with all codes, without a retry; nothing is submitted, and the reasons are in XCom."""
    rollback_sandbox.land_deploy(KEY, rollback_to=0)
    ti = TaskInstance()
    with pytest.raises(GuardsRefused, match=r"(?s)RUNS-A-ROLLBACK.*COOL-DOWN") as failure:
        run(operator(deployment_id, guards=GuardRails(), target="tag:one"), ti)
    assert isinstance(failure.value, AirflowFailException)
    assert rollbacks(rollback_sandbox) == 1
    assert ti.xcom[FAILURE]["error"] == "GuardsRefused"


def test_the_platforms_clock_decides(
    operator: Any, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """A freeze uses the platform's time: a machine whose clock is off does not bypass it."""
    rollback_sandbox.clock(advance=365 * 86_400)
    rollback_sandbox.settings(nightly_job=False, retention_days=999)
    rollback_sandbox.land_deploy(KEY, tag="new")
    rollback_sandbox.land_deploy(KEY, tag="newer")
    now = rollback_sandbox.clock()["now"]
    rollback_sandbox.clock(advance=60)  # its Date header has no fractions of a second
    frozen = GuardRails(freezes=[f"{now} / 2099-01-01T00:00:00Z"])
    with pytest.raises(GuardsRefused, match="FREEZE"):
        run(operator(deployment_id, guards=frozen))


def test_a_later_try_is_not_stopped_by_its_own_rollback(
    operator: Any, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """The rollback of the first try is tracked to its end, although the cool-down holds by now."""
    rails = GuardRails(cool_down=timedelta(days=1), max_rollbacks=1)
    first = run(operator(deployment_id, guards=rails))
    again = run(operator(deployment_id, guards=rails))
    assert again["rollback_id"] == first["rollback_id"]
    assert again["resumed"]
    assert rollbacks(rollback_sandbox) == 1


APPROVED = {"chosen_options": ["Approve"], "params_input": {}, "responded_by_user": {"name": "jo"}}


@dataclass
class Answered(TaskInstance):
    """A task instance that reads the answer to the task ``approve``."""

    answer: Any = None

    def xcom_pull(self, task_ids: str) -> Any:
        """Return the answer."""
        assert task_ids == "approve"
        return self.answer


def test_an_approved_rollback(operator: Any, deployment_id: str) -> None:
    """The answer Approve lets it be made. A later try, after the answer is gone, tracks what it submitted."""
    task = operator(deployment_id, approval_task_id="approve")
    assert run(task, Answered(answer=APPROVED))["status"] == "done"
    assert run(task, Answered())["resumed"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "has no answer"),  # a user marked the task as success
        ({**APPROVED, "chosen_options": ["Reject"]}, r"has the answer \['Reject'\]"),
        ({**APPROVED, "chosen_options": []}, r"has the answer \[\]"),
        ([APPROVED, None], "has no answer"),  # it is mapped
        ("Approve", "has no answer"),
    ],
)
def test_no_rollback_without_the_answer(
    operator: Any, rollback_sandbox: SandboxProcess, deployment_id: str, answer: Any, words: str
) -> None:
    """The state of the approval task does not count; nothing is submitted, without a retry."""
    with pytest.raises(ApprovalMissing, match=words) as refused:
        run(operator(deployment_id, approval_task_id="approve"), Answered(answer=answer))
    assert isinstance(refused.value, AirflowFailException)
    assert rollbacks(rollback_sandbox) == 0


@pytest.mark.parametrize(("failed", "begins"), [(0, True), (1, True), (2, False), (3, False)])
def test_others_that_failed(
    operator: Any,
    rollback_sandbox: SandboxProcess,
    deployment_id: str,
    monkeypatch: pytest.MonkeyPatch,
    failed: int,
    begins: bool,
) -> None:
    """With enough of them, the rest of a fleet is skipped; this one's own earlier state does not count."""
    states = {0: "failed", 1: "success", 2: "running", **{3 + n: "failed" for n in range(failed)}}
    monkeypatch.setattr(module, "states_of", lambda _context, _task_id: states)
    task, ti = operator(deployment_id, stop_after_failures=2), TaskInstance(map_index=0)
    if begins:
        assert run(task, ti)["status"] == "done"
        return
    with pytest.raises(AirflowSkipException, match="Nothing was begun"):
        run(task, ti)
    assert rollbacks(rollback_sandbox) == 0
    assert ti.xcom[FAILURE]["error"] == "FleetStopped"
