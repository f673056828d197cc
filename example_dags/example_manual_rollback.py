# SPDX-License-Identifier: Apache-2.0
"""Roll a Deployment back by hand: trigger this Dag and fill in the form, or use the page *Deploy History*.

Run it from another Deployment than the one that is rolled back: a rollback replaces the Airflow of its
Deployment.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.models.param import Param

from airflow_rollback_provider.operators.rollback import RollbackOperator

with DAG(
    dag_id="example_manual_rollback",
    description="Roll a Deployment back to an earlier deploy.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    tags=["rollback", "example"],
    params={
        "deployment_id": Param(
            type="string",
            minLength=1,
            title="Deployment",
            description="Id or release name of the Deployment to roll back.",
        ),
        "target": Param(
            "previous",
            type="string",
            minLength=1,
            title="Go back to",
            description="previous, a deploy's id, or a selector such as tag:…, runtime:12 or airflow:2.11.",
        ),
        "description": Param(
            type="string",
            minLength=1,
            maxLength=400,
            title="Reason",
            description="Why the Deployment is rolled back. It is written to the deploy history.",
        ),
        "plan_only": Param(
            False,
            type="boolean",
            title="Plan only",
            description="Show what would happen and change nothing.",
        ),
        "acknowledge_airflow_3_to_2": Param(
            False,
            type="boolean",
            title="Accept the loss of going from Airflow 3 to Airflow 2",
            description="Data that Airflow 2 has no place for is erased; Dags of Airflow 3 do not run.",
        ),
        "scope": Param(
            None,
            type=["null", "string"],
            enum=[None, "image", "dags", "image_and_dags"],
            title="Scope",
            description="The part to bring back; empty takes all that the Deployment's deploys carry.",
        ),
        "expected_current_deploy_id": Param(
            None,
            type=["null", "string"],
            title="Runs now",
            description="Id of the deploy that must be running still; empty is not checked.",
        ),
        "astro_conn_id": Param(
            "astro_private_cloud_default",
            type="string",
            minLength=1,
            title="Connection",
            description="Airflow connection to the platform.",
        ),
    },
):
    RollbackOperator(
        task_id="roll_back",
        deployment_id="{{ params.deployment_id }}",
        target="{{ params.target }}",
        description="{{ params.description }}",
        plan_only="{{ params.plan_only }}",
        acknowledge_airflow_3_to_2="{{ params.acknowledge_airflow_3_to_2 }}",
        scope="{{ params.scope }}",
        expected_current_deploy_id="{{ params.expected_current_deploy_id }}",
        astro_conn_id="{{ params.astro_conn_id }}",
        deferrable=True,
        poll_interval=10,
        # A retry finds the submitted rollback and continues to wait for it.
        retries=2,
        retry_delay=timedelta(seconds=10),
    )
