# SPDX-License-Identifier: Apache-2.0
"""Six Dags that work."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

try:
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.operators.empty import EmptyOperator

for number in range(6):
    with DAG(
        f"dag_{number}",
        schedule=timedelta(seconds=4),
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_runs=1,
    ):
        EmptyOperator(task_id="work")
