# SPDX-License-Identifier: Apache-2.0
"""A Dag with a task that runs and one that waits in the triggerer, each until its gate is opened."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from pathlib import Path

try:
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.providers.standard.sensors.filesystem import FileSensor
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.operators.python import PythonOperator
    from airflow.sensors.filesystem import FileSensor

GATES = Path(os.environ["AIRFLOW_HOME"], "gates")


def run_until_the_gate_is_open() -> None:
    """Run as long as the gate's file is missing."""
    while not (GATES / "run").exists():
        time.sleep(0.2)


with DAG(
    "busy",
    schedule="@yearly",
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    is_paused_upon_creation=True,
):
    PythonOperator(task_id="run", python_callable=run_until_the_gate_is_open)
    FileSensor(task_id="wait", filepath=str(GATES / "wait"), poke_interval=1, deferrable=True)
