# SPDX-License-Identifier: Apache-2.0
"""The data of an evaluated Deployment: requests, and no request twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from airflow_rollback_provider.health.case import HealthCase
from airflow_rollback_provider.health.poller import Observer
from airflow_rollback_provider.health.verdict import Evaluation, Health
from tests.airflow_api.talking import Talker, of_fake
from tests.support.fake_airflow import FakeAirflow
from tests.support.health import BROKEN, DAGS, LANDED, add_history

CASE = HealthCase(LANDED, LANDED)
LATE = CASE.since.end


def poll(airflow: FakeAirflow, case: HealthCase = CASE) -> Evaluation:
    """Poll once, at the end of the horizon."""
    talker = Talker(of_fake(airflow))
    return talker.run(Observer(case).poll(talker.api, LATE))


def test_a_good_deploy(airflow: FakeAirflow) -> None:
    """Runs, import errors and components: healthy."""
    add_history(airflow)
    found = poll(airflow)
    assert found.verdict is Health.HEALTHY
    assert found.evidence < 1
    assert found.components == {"metadatabase": "healthy", "scheduler": "healthy"}


def test_a_bad_deploy(airflow: FakeAirflow) -> None:
    """Dags fail every run."""
    add_history(airflow, broken=BROKEN)
    found = poll(airflow)
    assert found.verdict is Health.REGRESSED
    assert [dag.dag_id for dag in found.dags if dag.broken] == BROKEN
    assert {(dag.before.runs, dag.since.failed) for dag in found.dags} == {(48, 4)}


@pytest.mark.parametrize(
    ("state", "operator", "more", "counts"),
    [
        ("failed", "ExternalTaskSensor", {}, False),
        ("upstream_failed", "BashOperator", {}, False),
        ("failed", "BashOperator", {}, True),
        ("failed", "ExternalTaskSensor", {"state": "failed", "operator": "BashOperator"}, True),
    ],
    ids=["only waited", "only after others", "failed itself", "waited and failed"],
)
def test_runs_that_failed_because_of_others(
    airflow: FakeAirflow, state: str, operator: str, more: dict[str, Any], counts: bool
) -> None:
    """A broken Dag does not break the Dags that wait for it."""
    add_history(airflow, broken=BROKEN)
    for task in airflow.tasks:
        if task["dag_id"] != BROKEN[0]:
            task.update(state=state, operator=operator)
    if more:
        for run in airflow.runs:
            airflow.add_task(run["dag_id"], task_id="second", dag_run_id=run["dag_run_id"], **more)
    found = poll(airflow)
    assert (found.verdict is Health.REGRESSED) is counts
    assert found.left_out == ({} if counts else {"upstream failed": 8})


def test_a_run_that_failed_without_a_failed_task(airflow: FakeAirflow) -> None:
    """A run that timed out counts: no task before it failed."""
    add_history(airflow, broken=BROKEN)
    airflow.tasks.clear()
    assert poll(airflow).verdict is Health.REGRESSED


def test_an_import_error_of_a_dag_that_ran(airflow: FakeAirflow) -> None:
    """It is new if any Dag of the file ran."""
    add_history(airflow)
    airflow.add_dag("never_ran", file="dag_4.py")
    airflow.add_import_error("dag_4.py")
    airflow.add_import_error("unknown.py")
    found = poll(airflow)
    assert [reason.code for reason in found.reasons] == ["NEW-IMPORT-ERRORS"]
    assert [file.new for file in found.import_errors] == [True, False]


def test_all_import_errors_are_dated(airflow: FakeAirflow) -> None:
    """Many old errors do not hide a new one."""
    add_history(airflow)
    for number in range(30):
        airflow.add_dag(f"old_{number}")
        airflow.add_import_error(f"old_{number}.py")
    airflow.add_import_error("dag_4.py")
    found = poll(airflow)
    assert [reason.code for reason in found.reasons] == ["NEW-IMPORT-ERRORS"]
    assert [file.file.endswith("dag_4.py") for file in found.import_errors if file.new] == [True]


def test_only_runs_that_are_compared_with_date_an_import_error(airflow: FakeAirflow) -> None:
    """A run two days ago is no evidence: the file may have broken before the deploy."""
    add_history(airflow)
    airflow.add_dag("weekly")
    airflow.add_runs("weekly", [LANDED - timedelta(days=2)])
    airflow.add_import_error("weekly.py")
    found = poll(airflow, HealthCase(LANDED, LANDED, trusted_from=LANDED - timedelta(days=30)))
    assert [reason.code for reason in found.reasons] == ["IMPORT-ERRORS-OF-UNKNOWN-AGE"]


def test_only_runs_before_the_deploy_show_that_a_file_could_be_read(airflow: FakeAirflow) -> None:
    """A run after the deploy may use a file that was read before it."""
    airflow.add_dag("late")
    airflow.add_runs("late", [LANDED + timedelta(minutes=1)])
    airflow.add_import_error("late.py")
    assert not poll(airflow).import_errors[0].new


def test_a_poll_reads_only_what_is_new(airflow: FakeAirflow) -> None:
    """Runs that ended long before the last poll are not read again; those that ended since are."""
    add_history(airflow, broken=BROKEN)
    airflow.add_runs("dag_9", [LANDED + timedelta(minutes=97)], state="running")
    talker = Talker(of_fake(airflow))
    observer = Observer(CASE)
    first = talker.run(observer.poll(talker.api, LATE))
    assert first.left_out == {"unfinished": 1}
    airflow.requests.clear()
    airflow.runs[-1].update(state="success", end_date=(LANDED + timedelta(minutes=119)).isoformat())
    airflow.add_runs("dag_8", [LANDED + timedelta(minutes=118)], state="running")
    again = talker.run(observer.poll(talker.api, LATE))
    assert (again.verdict, again.dags, again.left_out) == (first.verdict, first.dags, {"unfinished": 1})
    assert [line.partition("?")[0].rpartition("/")[2] for line in airflow.requests] == [
        "dagRuns",
        "importErrors",
        "health",
    ]
    updated = parse_qs(airflow.requests[0].partition("?")[2])["updated_at_gte"]
    assert updated == [(LANDED + timedelta(minutes=95)).isoformat()]


def test_a_long_past_is_cut(airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more runs than fit a list the latest are read, and how often Dags run is known all the same."""
    for module in ("api", "client"):
        monkeypatch.setattr(f"airflow_rollback_provider.airflow_api.{module}.MOST_ROWS", 200)
    add_history(airflow)
    found = poll(airflow, HealthCase(LANDED, LANDED, critical=("dag_0",)))
    assert found.verdict is Health.HEALTHY
    assert found.dags[0].before.runs == 20


def test_an_upstream_that_stopped(airflow: FakeAirflow) -> None:
    """The sensors' rendered fields name the Dag that they waited for."""
    add_history(airflow, broken=DAGS[3:])
    silent = {"dag_0", "dag_1"}
    airflow.runs = [
        run
        for run in airflow.runs
        if run["dag_id"] not in silent or datetime.fromisoformat(run["start_date"]) < LANDED
    ]
    for task in airflow.tasks:
        task.update(operator="ExternalTaskSensor", rendered_fields={"external_dag_id": "dag_1"})
    found = poll(airflow)
    assert [reason.code for reason in found.reasons] == ["NO-RESULTS", "UPSTREAM-STOPPED", "ONLY-WAITED"]
    assert "dag_1 ran before and has begun no run since" in found.summary


def test_only_runs_are_read_of_a_superseded_deploy(airflow: FakeAirflow) -> None:
    """Another deploy causes the present import errors and health."""
    add_history(airflow)
    airflow.add_import_error("dag_4.py")
    case = HealthCase(LANDED, LANDED, superseded_at=LANDED + timedelta(hours=5))
    assert poll(airflow, case).verdict is Health.HEALTHY
    assert not any("importErrors" in line or "health" in line for line in airflow.requests)
