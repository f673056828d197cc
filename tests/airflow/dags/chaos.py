# SPDX-License-Identifier: Apache-2.0
"""The Dags of `make chaos`: one rollback or several in a mapped task, which poll or defer."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG, task

from airflow_rollback_provider.operators.rollback import RollbackOperator

AGAIN = {"retries": 8, "retry_delay": timedelta(seconds=2)}


@task(**AGAIN)
def deployments(**context: Any) -> list[str]:
    """Name the Deployments of the run."""
    return context["params"]["deployments"]


for mapped, deferrable in itertools.product((False, True), repeat=2):
    with DAG(
        dag_id=f"chaos_{'mapped' if mapped else 'single'}_{'deferred' if deferrable else 'polling'}",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_runs=64,
        params={"connection": "", "deployments": []},
    ) as dag:
        arguments = {
            "task_id": "roll_back",
            "astro_conn_id": "{{ params.connection }}",
            "description": "Run {{ run_id }}: wrong totals",
            "deferrable": deferrable,
            "poll_interval": 1,
            "submission_grace_period": 20,
            **AGAIN,
        }
        if mapped:
            RollbackOperator.partial(**arguments).expand(deployment_id=deployments())
        else:
            RollbackOperator(deployment_id="{{ params.deployments[0] }}", **arguments)
    globals()[dag.dag_id] = dag
