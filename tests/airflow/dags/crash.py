# SPDX-License-Identifier: Apache-2.0
"""The Dags whose tasks the crash tests kill: one that polls, one that defers, otherwise alike."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

from airflow_rollback_provider.operators.rollback import RollbackOperator

GATES = Path(os.environ["AIRFLOW_HOME"], "gates")


def stop_at(gate: Path) -> None:
    """Wait as long as the gate's file is there, and say that it was reached."""
    if gate.exists():
        gate.with_name(f"{gate.name}.reached").touch()
    while gate.exists():
        time.sleep(0.1)


def before(context: Any) -> None:
    """Stop a process before the operator's code runs in it."""
    stop_at(GATES / f"{context['run_id']}.before")


def planned(context: Any) -> None:
    """Stop a process of one try when it is about to keep what it chose."""
    stop_at(GATES / f"{context['run_id']}.planned.{context['ti'].try_number}")


def after(context: Any, result: Any = None) -> None:
    """Stop a process when the operator's code is done and Airflow has not stored it yet."""
    stop_at(GATES / f"{context['run_id']}.after")


for deferrable in (False, True):
    with DAG(
        dag_id="crash_deferred" if deferrable else "crash_polling",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_runs=64,
        params={"connection": "", "deployment": ""},
    ) as dag:
        RollbackOperator(
            task_id="roll_back",
            astro_conn_id="{{ params.connection }}",
            deployment_id="{{ params.deployment }}",
            description="Run {{ run_id }}: wrong totals",
            deferrable=deferrable,
            poll_interval=1,
            submission_grace_period=float(os.environ.get("CRASH_SETTLE", "15")),
            retries=4,
            retry_delay=timedelta(seconds=3),
            on_planned_callback=planned,
            pre_execute=before,
            post_execute=after,
        )
    globals()[dag.dag_id] = dag
