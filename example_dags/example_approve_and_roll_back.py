# SPDX-License-Identifier: Apache-2.0
"""Plan a rollback, let a user approve the plan, and carry out exactly that plan.

Needs Airflow 3.1 or later, where a task can wait for a user. On Airflow 2 this file defines no Dag: trigger
``example_manual_rollback`` with *Plan only* first, and then without.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2
    ApprovalOperator = None
else:
    from airflow.providers.standard.operators.hitl import ApprovalOperator

from airflow_rollback_provider.operators.rollback import RollbackOperator

# A busy Airflow sometimes loses a try, and the network a response.
AGAIN = {"retries": 2, "retry_delay": timedelta(minutes=1)}

if ApprovalOperator is not None:
    with DAG(
        dag_id="example_approve_and_roll_back",
        description="Plan a rollback, have a person approve it, and carry it out.",
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
        plan = RollbackOperator(
            task_id="plan",
            deployment_id="{{ params.deployment_id }}",
            target="{{ params.target }}",
            description="{{ params.description }}",
            plan_only=True,
            **AGAIN,
        )
        approve = ApprovalOperator(
            task_id="approve",
            subject="Roll back {{ ti.xcom_pull('plan')['deployment']['name'] }}?",
            body="{{ ti.xcom_pull('plan')['summary'] }}\n\nReason: {{ params.description }}",
            # It waits without an end. A late answer does no harm: the deploy of the plan must still run then.
            # From apache-airflow-providers-standard 1.12.2 on, response_timeout ends the wait.
        )
        roll_back = RollbackOperator(
            task_id="roll_back",
            deployment_id="{{ params.deployment_id }}",
            # The approved deploy, and only while the deploy of the plan still runs.
            target="{{ ti.xcom_pull('plan')['target']['id'] }}",
            expected_current_deploy_id="{{ ti.xcom_pull('plan')['current']['id'] }}",
            description="{{ params.description }}",
            # The answer counts: a user may mark the task as success.
            approval_task_id="approve",
            deferrable=True,
            **AGAIN,
        )
        plan >> approve >> roll_back
