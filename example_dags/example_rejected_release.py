# SPDX-License-Identifier: Apache-2.0
"""CI deployed the bad release again: roll back at once what was rolled back from before.

No evidence is awaited: the deploy history shows that the release was rejected. Deploys of other releases end
this Dag without a rollback. When CI goes on, the guard rails end it, and their reason says so.

Name the Deployment below, add the connections, and unpause the Dag. Run it from another Deployment than the
watched one.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

from airflow_rollback_provider.domain.guard_rails import GuardRails
from airflow_rollback_provider.operators.decide import RollbackDecisionOperator
from airflow_rollback_provider.operators.deploy_health import DeployHealthOperator
from airflow_rollback_provider.operators.rollback import RollbackOperator
from airflow_rollback_provider.sensors.deploys import DeploySensor

DEPLOYMENT = os.environ.get("EXAMPLE_DEPLOYMENT", "clx0billing0000000000000")
POLL_INTERVAL = 60.0
AGAIN = {"retries": 2, "retry_delay": timedelta(minutes=1)}
# CI may deploy again within minutes.
RAILS = GuardRails(cool_down=timedelta(0), max_rollbacks=3, period=timedelta(days=1))

with DAG(
    dag_id="example_rejected_release",
    description="Roll a release back that was rolled back from before.",
    schedule="@continuous",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    tags=["rollback", "example"],
):
    wait = DeploySensor(
        task_id="wait_for_deploy",
        deployment_id=DEPLOYMENT,
        after="{{ ti.xcom_pull('wait_for_deploy', key='cursor', include_prior_dates=True) }}",
        poke_interval=POLL_INTERVAL,
        timeout=timedelta(days=7),
        soft_fail=True,
        deferrable=True,
        **AGAIN,
    )
    evaluate = DeployHealthOperator(
        task_id="evaluate",
        deployment_id=DEPLOYMENT,
        airflow_conn_id="airflow_api_default",
        rejected_releases="regressed",
        wait_for_completion=False,  # another Dag waits for the evidence of other releases
        **AGAIN,
    )
    decide = RollbackDecisionOperator(
        task_id="decide", deployment_id=DEPLOYMENT, verdict=evaluate.output, guards=RAILS, **AGAIN
    )
    roll_back = RollbackOperator(
        task_id="roll_back",
        deployment_id=DEPLOYMENT,
        expected_current_deploy_id="{{ ti.xcom_pull('decide')['deploy_id'] }}",
        description="{{ ti.xcom_pull('evaluate')['summary'] | truncate(300) }}",
        guards=RAILS,
        deferrable=True,
        **AGAIN,
    )
    wait >> evaluate >> decide >> roll_back
