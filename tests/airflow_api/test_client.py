# SPDX-License-Identifier: Apache-2.0
"""Tests of the client: its values are the same on Airflow 2 and 3."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_rollback_provider.airflow_api.client import last_line
from tests.airflow_api.talking import Talker, of_fake
from tests.support.fake_airflow import UNSCHEDULED, FakeAirflow

NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


@pytest.fixture
def talker(airflow: FakeAirflow) -> Talker:
    """A talker to the fake."""
    return Talker(of_fake(airflow))


def test_runs_of_a_time(airflow: FakeAirflow, talker: Talker) -> None:
    """Oldest first, in all states."""
    airflow.add_runs("a", [NOW + HOUR, NOW, NOW - HOUR, NOW + 3 * HOUR])
    airflow.add_runs("b", [NOW + 2 * HOUR], state="running", run_type="manual")
    found = talker.run(talker.api.runs(NOW, NOW + 2 * HOUR))
    assert [(x.dag_id, x.started_at, x.state) for x in found] == [
        ("a", NOW, "success"),
        ("a", NOW + HOUR, "success"),
        ("b", NOW + 2 * HOUR, "running"),
    ]
    assert found[2].ended_at is None


def test_failed_tasks(airflow: FakeAirflow, talker: Talker) -> None:
    """Only those of the given runs, although two Dags have runs with the same id."""
    airflow.add_runs("a", [NOW], dag_run_id="r1")
    airflow.add_runs("b", [NOW], dag_run_id="r2")
    for dag_id in "ab":
        for run_id in ("r1", "r2"):
            airflow.add_task(dag_id, "failed", dag_run_id=run_id)
            airflow.add_task(dag_id, "success", dag_run_id=run_id)
    runs = talker.run(talker.api.runs(NOW, NOW))
    found = talker.run(talker.api.failed_tasks(runs))
    assert [(x.dag_id, x.run_id, x.operator) for x in found] == [
        ("a", "r1", "BashOperator"),
        ("b", "r2", "BashOperator"),
    ]


def test_failed_tasks_of_many_runs(airflow: FakeAirflow, talker: Talker) -> None:
    """They are requested in groups; without runs, no request is sent."""
    airflow.add_runs("a", [NOW] * 120, state="failed")
    for run in airflow.runs:
        airflow.add_task("a", "failed", dag_run_id=run["dag_run_id"])
    runs = talker.run(talker.api.runs(NOW, NOW))
    assert len(talker.run(talker.api.failed_tasks(runs))) == 120
    before = len(airflow.requests)
    assert talker.run(talker.api.failed_tasks([])) == ()
    assert len(airflow.requests) == before


def test_tasks_in_some_states(airflow: FakeAirflow, talker: Talker) -> None:
    """Those in other states are omitted."""
    for state in ("running", "deferred", "success"):
        airflow.add_task("a", state, task_id=state)
    airflow.add_task("a", "running", task_id="mapped", map_index=3, start_date=None)
    found = talker.run(talker.api.tasks(["running", "deferred"]))
    assert [(x.task_id, x.map_index) for x in found] == [("running", -1), ("deferred", -1), ("mapped", 3)]
    assert found[2].started_at is None


def test_dags(airflow: FakeAirflow, talker: Talker) -> None:
    """Stale ones are included; scheduled and file are read, and the file is that of import errors."""
    airflow.add_dag("a")
    airflow.add_dag("b", is_paused=True, timetable_description=UNSCHEDULED)
    stale: dict[str, Any] = {"is_active": False} if airflow.api == "/api/v1" else {"is_stale": True}
    airflow.add_dag("c", **stale)
    airflow.add_import_error("a.py")
    found = talker.run(talker.api.dags())
    assert [(x.dag_id, x.paused, x.scheduled, x.stale) for x in found] == [
        ("a", False, True, False),
        ("b", True, False, False),
        ("c", False, True, True),
    ]
    (problem,) = talker.run(talker.api.import_errors())
    assert problem.file == found[0].file
    assert problem.error == "SyntaxError: bad"


def test_components(airflow: FakeAirflow, talker: Talker) -> None:
    """A component that does not run has no status and is omitted."""
    airflow.components |= {"scheduler": "unhealthy", "dag_processor": None}
    assert talker.run(talker.api.components()) == {"metadatabase": "healthy", "scheduler": "unhealthy"}


def test_pausing(airflow: FakeAirflow, talker: Talker) -> None:
    """The request may be repeated; special characters in the id are quoted."""
    airflow.add_dag("a/ä b")
    for paused in (True, True, False):
        talker.run(talker.api.set_paused("a/ä b", paused))
        assert airflow.paused() == ({"a/ä b"} if paused else set())


@pytest.mark.parametrize(
    ("trace", "line"),
    [
        ("Traceback:\n  File\nValueError: no\n\n", "ValueError: no"),
        ("", "no message"),
        (None, "no message"),
        ("x" * 300, "x" * 200 + "…"),
    ],
)
def test_the_last_line_of_a_traceback(trace: str | None, line: str) -> None:
    """It is cut to 200 characters."""
    assert last_line(trace) == line
