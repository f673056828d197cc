# SPDX-License-Identifier: Apache-2.0
"""A plan warns of what the Deployment's own Airflow reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.fake_airflow import FakeAirflow, serving
from tests.support.task_run import run

NEW, OLD = "from airflow.sdk import DAG", "from airflow import DAG"


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    """The Airflow of the Deployment, with a task that runs and one that waits."""
    with serving(FakeAirflow()) as fake:
        monkeypatch.setenv("AIRFLOW_CONN_ITS_AIRFLOW", fake.connection())
        fake.add_dag("a", file="new.py")
        fake.add_dag("b", file="new.py")
        fake.add_dag("c", file="old.py")
        fake.sources |= {"a": NEW, "b": NEW, "c": OLD}
        fake.add_task("a", "running")
        fake.add_task("b", "deferred")
        yield fake


@pytest.fixture
def downgrade(rollback_sandbox: SandboxProcess) -> str:
    """A Deployment that went from Airflow 2 to 3."""
    deploys = [
        {"age": 7200, "runtime": "13.2.0", "tag": "two"},
        {"age": 3600, "runtime": "3.3-2", "tag": "three"},
    ]
    return str(rollback_sandbox.add_deployment("down", runtime="3.3-2", deploys=deploys)["id"])


def warnings(plan: dict[str, Any]) -> dict[str, bool]:
    """The codes of a plan's warnings, and whether they are severe."""
    return {warning["code"]: warning["severe"] for warning in plan["warnings"]}


def test_a_plan_from_airflow_3_to_2(airflow: FakeAirflow, operator: Any, downgrade: str) -> None:
    """Tasks that would fail, tasks that would stop the scheduler, and files that cannot be read."""
    found = warnings(run(operator(downgrade, plan_only=True, airflow_conn_id="its_airflow")))
    assert found["TASKS-RUN-NOW"]
    assert found["DEFERRED-TASKS-STOP-THE-SCHEDULER"]
    assert "DAG-FILES-OF-AIRFLOW-3" in found
    assert sum("/dagSources/" in line for line in airflow.requests) == 2  # once for each file


def test_dag_files_that_may_not_be_read(
    airflow: FakeAirflow, operator: Any, downgrade: str, monkeypatch: Any
) -> None:
    """The plan says how many were not read."""
    page = airflow.page

    def forbid(method: str, path: str, *rest: Any) -> Any:
        return (403, {"detail": "no"}) if path.startswith("/dagSources/") else page(method, path, *rest)

    monkeypatch.setattr(airflow, "page", forbid)
    plan = run(operator(downgrade, plan_only=True, airflow_conn_id="its_airflow"))
    (message,) = [x["message"] for x in plan["warnings"] if x["code"] == "DAG-FILES-NOT-READ"]
    assert message.startswith("2 Dag file(s)")


def test_a_rollback_within_airflow_3(
    airflow: FakeAirflow, operator: Any, rollback_sandbox: SandboxProcess
) -> None:
    """Where nothing is downgraded, tasks go on, and no file is read."""
    deployment = rollback_sandbox.deployment("image-af3")["id"]
    found = warnings(run(operator(deployment, plan_only=True, airflow_conn_id="its_airflow")))
    assert "TASKS-RUN-NOW" not in found
    assert not any("/dagSources/" in line for line in airflow.requests)


def test_an_airflow_that_does_not_answer(operator: Any, downgrade: str, monkeypatch: Any) -> None:
    """It is a warning: a Deployment that is down is one to roll back."""
    monkeypatch.setattr("airflow_rollback_provider.http.retry_policy.Policy.tries", 1)
    down = json.dumps({"host": "http://127.0.0.1:9", "login": "j", "password": "p"})
    monkeypatch.setenv("AIRFLOW_CONN_ITS_AIRFLOW", down)
    found = warnings(run(operator(downgrade, plan_only=True, airflow_conn_id="its_airflow")))
    assert found["WORK-NOT-READ"] is False


def test_a_connection_that_cannot_be_used(operator: Any, downgrade: str, monkeypatch: Any) -> None:
    """It is a mistake, and nothing is submitted."""
    monkeypatch.setenv("AIRFLOW_CONN_ITS_AIRFLOW", json.dumps({"conn_type": "http"}))
    with pytest.raises(BadInput, match="host"):
        run(operator(downgrade, airflow_conn_id="its_airflow"))


@pytest.mark.parametrize("conn_id", [None, "", "None"])
def test_nothing_is_read_without_a_connection(
    airflow: FakeAirflow, operator: Any, downgrade: str, conn_id: str | None
) -> None:
    """Not even where a template turned None into text."""
    assert "TASKS-RUN-NOW" not in warnings(run(operator(downgrade, plan_only=True, airflow_conn_id=conn_id)))
    assert airflow.requests == []
