# SPDX-License-Identifier: Apache-2.0
"""Roll many Deployments back: a few at once, with a stop after failures and one summary at the end."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

try:
    from airflow.sdk import DAG, Param, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task
    from airflow.models.param import Param

from airflow_rollback_provider.operators.fleet import FleetSummaryOperator
from airflow_rollback_provider.operators.rollback import RollbackOperator


def tell(context):
    """Notify users, here in the log. Put a notifier for Slack or e-mail in this place."""
    print(context["rollback"]["summary"])  # noqa: T201


with DAG(
    dag_id="example_fleet_rollback",
    description="Roll many Deployments back.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    tags=["rollback", "example"],
    params={
        "deployments": Param(
            type="array", minItems=1, items={"type": "string"}, title="Deployments (ids or release names)"
        ),
        "target": Param("previous", type="string", minLength=1, title="Go back to"),
        "description": Param(type="string", minLength=1, maxLength=400, title="Reason"),
    },
):

    @task
    def deployments(params=None):
        """Return the Deployments of the form, each once."""
        return list(dict.fromkeys(params["deployments"]))

    roll_back = RollbackOperator.partial(
        task_id="roll_back",
        target="{{ params.target }}",
        description="{{ params.description }}",
        stop_after_failures=2,
        # Two at once. Airflow does not count tasks that are deferred, so they wait in their workers here; to
        # defer them, limit them by a pool that includes deferred tasks.
        max_active_tis_per_dagrun=2,
        deferrable=False,
        retries=2,
        retry_delay=timedelta(seconds=30),
    ).expand(deployment_id=deployments())
    roll_back >> FleetSummaryOperator(
        task_id="sum_up", rollback_task_id="roll_back", on_summary_callback=tell
    )
