# SPDX-License-Identifier: Apache-2.0
"""The summary of a fleet as a task; ``tests/airflow/test_examples.py`` maps real rollbacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import pytest
from airflow import DAG

from airflow_rollback_provider.compat import AirflowFailException, BaseOperator
from airflow_rollback_provider.domain.errors import BadInput, FleetIncomplete
from airflow_rollback_provider.operators import fleet as module
from airflow_rollback_provider.operators.fleet import FleetSummaryOperator
from tests.support.task_run import TaskInstance, run

LEFT: dict[tuple[int, str], Any] = {
    (0, "return_value"): {"deployment_id": "d0", "rollback_id": "r0", "status": "done"},
    (1, "rollback_failure"): {"deployment_id": "d1", "summary": "The rollback of d1 failed: no disk"},
    (2, "rollback_failure"): {"deployment_id": "d2", "message": "not begun"},
    (3, "return_value"): {"deployment_id": "d3", "rollback_id": "r3", "status": "not waited for"},
    (4, "return_value"): {"format": 1, "deployment": {"id": "d4"}, "allowed": True},
}


@dataclass
class Reader(TaskInstance):
    """A task instance that reads the XComs of others."""

    left: dict[tuple[int, str], Any] = field(default_factory=lambda: LEFT)

    def xcom_pull(self, task_ids: str, key: str, map_indexes: int) -> Any:
        """Return the XCom of the rollback with that map index."""
        assert task_ids == "roll_back"
        return self.left.get((map_indexes, key))


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> dict[int, str]:
    """The states of the rollbacks."""
    states: dict[int, str] = {}
    monkeypatch.setattr(module, "states_of", lambda _context, _task_id: states)
    return states


def test_all_are_done(states: dict[int, str]) -> None:
    """The task ends well; instances that an earlier, longer list had do not count."""
    states.update({0: "success", 9: "removed"})
    assert run(FleetSummaryOperator(task_id="sum_up"), Reader())["summary"].startswith("1 of 1")


def test_some_failed(states: dict[int, str]) -> None:
    """The result is in XCom and in the context of the callbacks, and the task fails without a retry."""
    states.update({0: "success", 1: "failed", 2: "skipped"})
    found: list[Any] = []

    def callback(context: Any) -> None:
        found.append(context["rollback"])

    task = FleetSummaryOperator(task_id="sum_up", on_summary_callback=callback, on_failure_callback=callback)
    ti = Reader()
    with pytest.raises(FleetIncomplete, match="no disk") as failure:
        run(task, ti)
    assert isinstance(failure.value, AirflowFailException)
    left = ti.xcom["return_value"]
    assert (left["done"], left["failed"], left["not_begun"]) == (1, 1, 1)
    assert [one["result"] for one in found] == [left, left]


def test_rollbacks_that_were_only_submitted_or_planned(states: dict[int, str]) -> None:
    """They count neither as rolled back nor as failed."""
    states.update({0: "success", 3: "success", 4: "success"})
    result = run(FleetSummaryOperator(task_id="sum_up"), Reader())
    assert (result["done"], result["submitted"], result["planned"]) == (1, 1, 1)
    assert result["summary"] == (
        "1 of 3 Deployments were rolled back. The rollbacks of 1 were submitted and not waited for. "
        "1 were planned only."
    )


def test_it_may_succeed_all_the_same(states: dict[int, str]) -> None:
    """For a Dag that uses the summary."""
    states.update({0: "success", 1: "failed"})
    assert run(FleetSummaryOperator(task_id="sum_up", fail_on_failures=False), Reader())["failed"] == 1


def test_nothing_to_roll_back(states: dict[int, str]) -> None:
    """A list of no Deployments leaves one instance that was skipped."""
    states.update({-1: "skipped"})
    assert run(FleetSummaryOperator(task_id="sum_up"), Reader())["total"] == 0


def test_a_task_that_the_run_does_not_have(states: dict[int, str]) -> None:
    """A typo, or the id within a task group, is no empty fleet: the error names the tasks."""
    with DAG("fleet", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
        task = FleetSummaryOperator(task_id="sum_up")
        BaseOperator(task_id="grp.roll_back") >> task
    with pytest.raises(BadInput, match=r"'roll_back'.*grp\.roll_back") as caught:
        run(task, Reader())
    assert isinstance(caught.value, AirflowFailException)


def test_it_waits_for_all() -> None:
    """It runs however they end; another rule can be chosen."""
    assert FleetSummaryOperator(task_id="sum_up").trigger_rule == "all_done"
    assert FleetSummaryOperator(task_id="sum_up", trigger_rule="always").trigger_rule == "always"
