# SPDX-License-Identifier: Apache-2.0
"""What a task was asked to do, read from arguments that templates have turned into text."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.arguments import flag, optional, seconds, text
from airflow_rollback_provider.domain.selector import DeploySelector
from airflow_rollback_provider.rollback.submit import RollbackRequest

# With no time to show, a request that is under way would be taken for lost, and sent again.
_SHORTEST_GRACE_PERIOD = 0.1

if TYPE_CHECKING:
    from airflow_rollback_provider.compat import Context
    from airflow_rollback_provider.operators.rollback import RollbackOperator


def first_try(context: Context) -> datetime | None:
    """Return a time before which no try of this task instance can have submitted anything.

    A run that is cleared gets a new start; of the times that it has, the earliest counts. The day before
    makes up for clocks that disagree.
    """
    run = context.get("dag_run")
    names = ("logical_date", "run_after", "queued_at", "start_date")
    times = [moment for name in names if (moment := getattr(run, name, None)) is not None]
    return min(times) - timedelta(days=1) if times else None


def request_of(task: RollbackOperator, context: Context) -> RollbackRequest:
    """Read a task's rendered arguments.

    :raises BadInput: when one of them cannot be used.
    """
    ti = context["ti"]
    return RollbackRequest(
        deployment=text(task.deployment_id, "deployment_id"),
        description=task.description,
        target=DeploySelector.parse(task.target),
        scope=optional(task.scope),
        # Mapped instances are told apart by their Deployments, not by their places in a list that may change.
        identity=(ti.dag_id, ti.run_id, ti.task_id),
        mapped=getattr(ti, "map_index", -1) >= 0,
        first_try=first_try(context),
        expected_current_deploy_id=optional(task.expected_current_deploy_id),
        acknowledged=flag(task.acknowledge_airflow_3_to_2, "acknowledge_airflow_3_to_2"),
        plan_only=flag(task.plan_only, "plan_only"),
        waits=task.wait_for_completion,
        in_progress_timeout=seconds(task.in_progress_timeout, "in_progress_timeout"),
        submission_grace_period=seconds(
            task.submission_grace_period, "submission_grace_period", least=_SHORTEST_GRACE_PERIOD
        ),
    )
