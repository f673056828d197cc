# SPDX-License-Identifier: Apache-2.0
"""Take a Deployment back from Airflow 3 to Airflow 2, with an acknowledgement of the loss.

Data of features that Airflow 2 lacks is erased permanently, running tasks fail, and Dags of Airflow 3 do
not run. So the form asks for a sentence, and without it nothing is changed.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.models.param import Param

from airflow_rollback_provider.operators.rollback import RollbackOperator

SENTENCE = "I accept the loss"

with DAG(
    dag_id="example_back_to_airflow_2",
    description="Take a Deployment back from Airflow 3 to Airflow 2.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    tags=["rollback", "example"],
    params={
        "deployment_id": Param(type="string", minLength=1, title="Deployment"),
        "description": Param(type="string", minLength=1, maxLength=400, title="Reason"),
        "acknowledgement": Param(
            "",
            type="string",
            title="Acknowledgement",
            description=f"Type “{SENTENCE}”. Without it the plan is shown and nothing is changed.",
        ),
    },
):
    RollbackOperator(
        task_id="roll_back",
        deployment_id="{{ params.deployment_id }}",
        target="airflow:2",
        description="{{ params.description }}",
        acknowledge_airflow_3_to_2=f"{{{{ params.acknowledgement == '{SENTENCE}' }}}}",
        # The migrations of the metadata database take their time.
        timeout=timedelta(hours=2),
        poll_interval=30,
        deferrable=True,
        retries=2,
        retry_delay=timedelta(minutes=1),
    )
