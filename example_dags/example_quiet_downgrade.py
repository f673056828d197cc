# SPDX-License-Identifier: Apache-2.0
"""Drain a Deployment, roll it back, and resume its Dags.

For a rollback to an older Runtime: running tasks would fail, and the data of deferred tasks of Airflow 3.2
and later can stop an older scheduler. Needs a connection to the Deployment's own Airflow besides that to the
platform. Run it from another Deployment than the one that is rolled back.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.models.param import Param

from airflow_rollback_provider.operators.drain import DrainDeploymentOperator, ResumeDeploymentOperator
from airflow_rollback_provider.operators.rollback import RollbackOperator

ITS_AIRFLOW = "airflow_api_default"
# A busy Airflow sometimes loses a try, and the network a response.
AGAIN = {"retries": 2, "retry_delay": timedelta(minutes=1)}


def tell(context):
    """Notify users, here in the log. Put a notifier for Slack or e-mail in this place.

    The exception says whether Dags of the Deployment may still be paused.
    """
    print(f"The Deployment needs a look: {context.get('exception')}")  # noqa: T201


with DAG(
    dag_id="example_quiet_downgrade",
    description="Roll a Deployment back while nothing runs in it.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    tags=["rollback", "example"],
    params={
        "deployment_id": Param(type="string", minLength=1, title="Deployment"),
        "target": Param("previous", type="string", minLength=1, title="Go back to"),
        "description": Param(type="string", minLength=1, maxLength=400, title="Reason"),
        "acknowledge_airflow_3_to_2": Param(
            False, type="boolean", title="Accept the loss of going from Airflow 3 to Airflow 2"
        ),
    },
):
    prepare = DrainDeploymentOperator(
        task_id="prepare",
        airflow_conn_id=ITS_AIRFLOW,
        timeout=timedelta(hours=1),
        deferrable=True,
        **AGAIN,
    )
    roll_back = RollbackOperator(
        task_id="roll_back",
        deployment_id="{{ params.deployment_id }}",
        target="{{ params.target }}",
        description="{{ params.description }}",
        acknowledge_airflow_3_to_2="{{ params.acknowledge_airflow_3_to_2 }}",
        airflow_conn_id=ITS_AIRFLOW,
        deferrable=True,
        **AGAIN,
    )
    # A teardown: it runs after success and failure, and resumes exactly the paused Dags. A run in which they
    # stay paused fails.
    restore = ResumeDeploymentOperator(
        task_id="restore", airflow_conn_id=ITS_AIRFLOW, on_failure_callback=tell, retries=3
    )
    prepare >> roll_back >> restore
