# SPDX-License-Identifier: Apache-2.0
"""A fake Airflow with Dag runs before and after a deploy."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from tests.support.fake_airflow import FakeAirflow

LANDED = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=6)
"""When the deploy had landed: longer ago than the default horizon."""
DAGS = [f"dag_{number}" for number in range(10)]
BROKEN = DAGS[:3]


def add_history(
    airflow: FakeAirflow, landed: datetime = LANDED, *, hours_after: int = 3, broken: list[str] | None = None
) -> None:
    """Add runs of ten Dags every half hour, before and after the deploy; ``broken`` Dags fail after it."""
    half_hour = timedelta(minutes=30)
    before = [landed - half_hour * number for number in range(1, 49)]
    after = [landed + half_hour * number + timedelta(minutes=6) for number in range(2 * hours_after)]
    for dag_id in DAGS:
        airflow.add_dag(dag_id)
        airflow.add_runs(dag_id, before)
        state = "failed" if dag_id in (broken or []) else "success"
        airflow.add_runs(dag_id, after, state=state)
    for run in airflow.runs:
        if run["state"] == "failed":
            airflow.add_task(run["dag_id"], "failed", dag_run_id=run["dag_run_id"])


def codes(result: dict[str, Any]) -> list[str]:
    """The codes of an evaluation's reasons."""
    return [reason["code"] for reason in result["reasons"]]
