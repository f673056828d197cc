# SPDX-License-Identifier: Apache-2.0
"""Dags that prepare a Deployment and restore it, with something that goes wrong in between."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.operators.python import PythonOperator

from airflow_rollback_provider.operators.drain import DrainDeploymentOperator, ResumeDeploymentOperator


def refuse() -> None:
    """Go wrong, as a rollback may."""
    raise RuntimeError("the platform refuses")


with DAG(
    "remedy_forgets", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False
):
    DrainDeploymentOperator(task_id="prepare", timeout=0)

for name, seconds in (("fails", 0), ("killed", 600)):
    with DAG(
        f"remedy_{name}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False
    ):
        (
            DrainDeploymentOperator(task_id="prepare", timeout=seconds, poll_interval=1, deferrable=False)
            >> PythonOperator(task_id="roll_back", python_callable=refuse)
            >> ResumeDeploymentOperator(task_id="restore", poll_interval=1)
        )
