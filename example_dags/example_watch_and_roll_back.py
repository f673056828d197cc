# SPDX-License-Identifier: Apache-2.0
"""Watch a Deployment: check the health after each deploy that lands, and undo a deploy that broke something.

On Airflow 3 the events of an asset start a run; on Airflow 2 a run waits for the next deploy in a sensor. In
both cases the health check evaluates the running deploy, and only that deploy is rolled back.

The guard rails decide whether a rollback is proposed. On Airflow 3 a user then reads the evidence with the
plan, and approves or rejects; later deploys wait for the answer. For rollbacks without a user, and on Airflow
2, there is no such task.

Name the Deployment below, add the connections, and unpause the Dag. Run it from another Deployment than the
watched one.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

try:
    from airflow.sdk import DAG, Asset, AssetWatcher
except ImportError:  # Airflow 2
    from airflow import DAG

    Asset = ApprovalOperator = None
else:
    from airflow.providers.standard.operators.hitl import ApprovalOperator

from airflow_rollback_provider.domain.guard_rails import GuardRails
from airflow_rollback_provider.health.rule import HealthRule
from airflow_rollback_provider.operators.decide import RollbackDecisionOperator
from airflow_rollback_provider.operators.deploy_health import DeployHealthOperator
from airflow_rollback_provider.operators.rollback import RollbackOperator
from airflow_rollback_provider.sensors.deploys import DeploySensor
from airflow_rollback_provider.triggers.deploys import DeployLandedTrigger

DEPLOYMENT = os.environ.get("EXAMPLE_DEPLOYMENT", "clx0billing0000000000000")
POLL_INTERVAL = 60.0
RULE = HealthRule()
# A busy Airflow sometimes loses a try, and the network a response.
AGAIN = {"retries": 2, "retry_delay": timedelta(minutes=1)}
RAILS = GuardRails(
    cool_down=timedelta(hours=2),
    max_rollbacks=2,
    period=timedelta(days=1),
    freezes=["fri 18:00 - mon 06:00 Europe/Berlin"],
)


def tell(context):
    """Notify users, here in the log. Put a notifier for Slack or e-mail in this place."""
    # The Dag processor runs failure callbacks of tasks that were lost, with a context of its own.
    rollback = context.get("rollback") or {"summary": "The task was lost: look at the deploy history."}
    print(rollback["summary"])  # noqa: T201


if Asset is not None:
    watcher = AssetWatcher(
        name="billing_deploys", trigger=DeployLandedTrigger(DEPLOYMENT, poll_interval=POLL_INTERVAL)
    )
    schedule = [Asset("billing_deploys", watchers=[watcher])]
else:
    schedule = "@continuous"

with DAG(
    dag_id="example_watch_and_roll_back",
    description="Evaluate each deploy that lands, and roll it back when it broke something.",
    schedule=schedule,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    tags=["rollback", "example"],
):
    evaluate = DeployHealthOperator(
        task_id="evaluate",
        deployment_id=DEPLOYMENT,
        airflow_conn_id="airflow_api_default",
        rule=RULE,
        poll_interval=POLL_INTERVAL,
        deferrable=True,
        **AGAIN,
    )
    decide = RollbackDecisionOperator(
        task_id="decide", deployment_id=DEPLOYMENT, verdict=evaluate.output, guards=RAILS, **AGAIN
    )
    plan = RollbackOperator(
        task_id="plan",
        deployment_id=DEPLOYMENT,
        expected_current_deploy_id="{{ ti.xcom_pull('decide')['deploy_id'] }}",
        description="{{ ti.xcom_pull('evaluate')['summary'] | truncate(400) }}",
        plan_only=True,
        on_planned_callback=tell,
        **AGAIN,
    )
    roll_back = RollbackOperator(
        task_id="roll_back",
        deployment_id=DEPLOYMENT,
        # The planned deploy, and only while the deploy that was evaluated still runs.
        target="{{ ti.xcom_pull('plan')['target']['id'] }}",
        expected_current_deploy_id="{{ ti.xcom_pull('decide')['deploy_id'] }}",
        description="{{ ti.xcom_pull('evaluate')['summary'] | truncate(400) }}",
        guards=RAILS,  # an approval, a queue or an outage may have caused a delay
        # The answer counts: a user may mark the task as success.
        approval_task_id=None if ApprovalOperator is None else "approve",
        on_submitted_callback=tell,
        on_success_callback=tell,
        on_failure_callback=tell,
        deferrable=True,
        **AGAIN,
    )
    evaluate >> decide >> plan

    if ApprovalOperator is None:
        plan >> roll_back
    else:
        approve = ApprovalOperator(
            task_id="approve",
            subject="Roll back {{ ti.xcom_pull('plan')['deployment']['name'] }}?",
            body="{{ ti.xcom_pull('evaluate')['summary'] }}\n\n{{ ti.xcom_pull('plan')['summary'] }}",
        )
        plan >> approve >> roll_back
    if Asset is None:
        wait = DeploySensor(
            task_id="wait_for_deploy",
            deployment_id=DEPLOYMENT,
            # Continues after the last deploy of the previous run.
            after="{{ ti.xcom_pull('wait_for_deploy', key='cursor', include_prior_dates=True) }}",
            poke_interval=POLL_INTERVAL,
            timeout=timedelta(days=7),
            soft_fail=True,
            deferrable=True,
            **AGAIN,
        )
        wait >> evaluate
