# SPDX-License-Identifier: Apache-2.0
"""The active work of a Deployment, and the warnings about it in a plan."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_rollback_provider.domain.deploys import Mechanism, Scope
from airflow_rollback_provider.domain.plan import RollbackPlan
from airflow_rollback_provider.domain.runs import TaskRow
from airflow_rollback_provider.drain.active_work import (
    ActiveWork,
    active_states,
    not_read,
    sort_tasks,
    work_warnings,
)
from tests.support.builders import NOW, deploy, deployment, plan


def task(state: str = "running", dag_id: str = "a", **values: Any) -> TaskRow:
    """A task instance that has started."""
    return TaskRow(**{
        "dag_id": dag_id,
        "run_id": "r",
        "task_id": "t",
        "map_index": -1,
        "state": state,
        "started_at": NOW,
        "operator": "BashOperator",
        **values,
    })


def rollback(source: str, target: str, **values: Any) -> RollbackPlan:
    """A plan from one Runtime to another."""
    return plan(deploy("old", 2, runtime_version=target), deploy("new", 1, runtime_version=source), **values)


def codes(work: ActiveWork, what: RollbackPlan) -> list[tuple[str, bool]]:
    """The warnings' codes, and whether they are severe."""
    return [(warning.code, warning.severe) for warning in work_warnings(work, what)]


def test_sort_tasks() -> None:
    """A scheduled task that has started before was woken up; one that has not started is not active."""
    states = ("running", "queued", "restarting", "deferred", "awaiting_input", "scheduled", "success")
    running, waiting = sort_tasks([task(state) for state in states] + [task("scheduled", started_at=None)])
    assert [x.state for x in running] == ["running", "queued", "restarting"]
    assert [x.state for x in waiting] == ["deferred", "awaiting_input", "scheduled"]


@pytest.mark.parametrize(("airflow", "expected"), [((2, 11), False), ((3, 1), False), ((3, 3), True)])
def test_active_states(airflow: tuple[int, int], expected: bool) -> None:
    """An Airflow refuses a request with a state that it does not support."""
    assert ("awaiting_input" in active_states(airflow)) is expected


@pytest.mark.parametrize(
    ("airflow", "source", "target", "expected"),
    [
        ("3.3.2", "3.3-2", "13.2.0", ["TASKS-RUN-NOW", "DEFERRED-TASKS-STOP-THE-SCHEDULER"]),
        ("3.2.0", "3.2-1", "3.1-12", ["TASKS-RUN-NOW", "DEFERRED-TASKS-STOP-THE-SCHEDULER"]),
        ("3.1.8", "3.1-12", "3.1-3", ["TASKS-RUN-NOW", "DEFERRED-TASKS"]),
        ("3.3.2", "3.3-2", "3.2-1", ["TASKS-RUN-NOW", "DEFERRED-TASKS"]),
        ("2.11.2", "13.2.0", "12.1.0", ["TASKS-RUN-NOW", "DEFERRED-TASKS"]),
        ("3.3.2", "3.3-2", "3.3-2", []),
    ],
)
def test_downgrade(airflow: str, source: str, target: str, expected: list[str]) -> None:
    """Running tasks fail; waiting tasks may stop the older scheduler. Without a downgrade all continue."""
    work = ActiveWork(airflow, (task(),), (task("deferred"),))
    assert [code for code, _ in codes(work, rollback(source, target))] == expected


def test_tasks_are_named_by_their_dags() -> None:
    """The message counts the tasks of each Dag, the busiest first, and names five Dags at most."""
    rows = [task(dag_id=name) for name in "abcdefg"] + [task(dag_id="b")]
    (warning,) = work_warnings(ActiveWork("3.3.2", tuple(rows)), rollback("3.3-2", "13.2.0"))
    assert "8 task(s) run now and would fail: b (2), a, c, d, e and 2 more." in warning.message


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("image", [("DAG-FILES-OF-AIRFLOW-3", True)]), ("image_and_dags", [("DAG-FILES-OF-AIRFLOW-3", False)])],
)
def test_dag_files_of_airflow_3(scope: str, expected: list[tuple[str, bool]]) -> None:
    """The warning is severe if the files stay, and not severe if they are rolled back."""
    work = ActiveWork("3.3.2", files_of_airflow_3=(("dags:new.py", "airflow.sdk"),))
    assert codes(work, rollback("3.3-2", "13.2.0", scope=Scope(scope))) == expected
    assert codes(work, rollback("3.3-2", "3.3-2", scope=Scope(scope))) == []


def test_dag_files_in_the_image() -> None:
    """Dags that are part of the image are rolled back with it."""
    in_image = deployment("3.3-2", mechanism=Mechanism.IMAGE)
    work = ActiveWork("3.3.2", files_of_airflow_3=(("dags:new.py", "airflow.sdk"),))
    (warning,) = work_warnings(work, rollback("3.3-2", "13.2.0", deployment=in_image))
    assert not warning.severe
    assert "The Dags are rolled back too" in warning.message


def test_files_not_read() -> None:
    """The plan warns of files that could not be read, and not of files that were not to be read."""
    what = rollback("3.3-2", "13.2.0")
    assert codes(ActiveWork("3.3.2", files_of_airflow_3=(), files_not_read=7), what) == [
        ("DAG-FILES-NOT-READ", False)
    ]
    assert codes(ActiveWork("3.3.2"), what) == []
    assert "no route" in not_read(RuntimeError("no route")).message


def test_warnings_in_a_plan() -> None:
    """Severe warnings come first; the rest of the plan is the same, also as JSON."""
    before = rollback("3.3-2", "13.2.0")
    after = before.with_warnings(work_warnings(ActiveWork("3.3.2", (task(),)), before))
    assert len(after.warnings) == len(before.warnings) + 1
    severities = [warning.severe for warning in after.warnings]
    assert severities == sorted(severities, reverse=True)
    assert RollbackPlan.from_dict(json.loads(json.dumps(after.to_dict()))) == after


def test_text_and_json() -> None:
    """Both are short even with a thousand tasks."""
    assert str(ActiveWork("3.3.2")) == "No task runs or waits."
    work = ActiveWork(
        "3.3.2", tuple(task(dag_id=f"dag_{number}") for number in range(1000)), (task("deferred"),)
    )
    assert str(work).endswith("and 995 more) and 1 task(s) wait (a).")
    assert len(json.dumps(work.to_dict())) < 3000
    assert work.to_dict()["tasks"][0]["state"] == "deferred"
    assert not work.drained
