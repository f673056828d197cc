# SPDX-License-Identifier: Apache-2.0
"""The same six Dags after a deploy that broke two of them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

try:
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.operators.empty import EmptyOperator
    from airflow.operators.python import PythonOperator


def stumble() -> None:
    """Do what the deploy broke."""
    raise RuntimeError("a column is missing")


for number in range(6):
    with DAG(
        f"dag_{number}",
        schedule=timedelta(seconds=4),
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_runs=1,
    ):
        work = (
            PythonOperator(task_id="work", python_callable=stumble)
            if number < 2
            else EmptyOperator(task_id="work")
        )
        work >> EmptyOperator(task_id="after")
