# SPDX-License-Identifier: Apache-2.0
"""Roll a Deployment back, make sure that its pods run the target, and check its health again.

The pods are read through the connection ``kubernetes_default``. If there is none and Airflow does not run in
the cluster, that step is skipped, and only the health check decides.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.models.param import Param

from airflow_rollback_provider.health.rule import HealthRule
from airflow_rollback_provider.operators.deploy_health import DeployHealthOperator
from airflow_rollback_provider.operators.rollback import RollbackOperator
from airflow_rollback_provider.operators.verify import VerifyPodsOperator

RULE = HealthRule()
# A busy Airflow sometimes loses a try, and the network a response.
AGAIN = {"retries": 2, "retry_delay": timedelta(minutes=1)}
MIN_READY_SECONDS = 30.0

with DAG(
    dag_id="example_roll_back_and_verify",
    description="Roll a Deployment back and make sure that it worked.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    tags=["rollback", "example"],
    params={
        "deployment_id": Param(type="string", minLength=1, title="Deployment"),
        "target": Param("previous", type="string", minLength=1, title="Go back to"),
        "description": Param(type="string", minLength=1, maxLength=400, title="Reason"),
    },
):
    roll_back = RollbackOperator(
        task_id="roll_back",
        deployment_id="{{ params.deployment_id }}",
        target="{{ params.target }}",
        description="{{ params.description }}",
        deferrable=True,
        **AGAIN,
    )
    # The result says when the rollback was submitted: pods from before do not count.
    verify = VerifyPodsOperator(
        task_id="verify_pods",
        rollback=roll_back.output,
        min_ready_seconds=MIN_READY_SECONDS,
        timeout=timedelta(minutes=15),
        deferrable=True,
        **AGAIN,
    )
    evaluate = DeployHealthOperator(
        task_id="evaluate_again",
        deployment_id="{{ params.deployment_id }}",
        airflow_conn_id="airflow_api_default",
        rule=RULE,
        require_healthy=True,
        deferrable=True,
        # Also if the cluster is not reachable and the check of the pods was skipped.
        trigger_rule="none_failed",
        **AGAIN,
    )
    roll_back >> verify >> evaluate
