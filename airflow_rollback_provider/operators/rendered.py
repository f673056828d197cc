# SPDX-License-Identifier: Apache-2.0
"""What a task was asked to do, read from arguments that templates have turned into text."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.intent import intent_of
from airflow_rollback_provider.domain.targets import Target
from airflow_rollback_provider.hooks.arguments import flag, optional, text
from airflow_rollback_provider.operators.attempt import Order

if TYPE_CHECKING:
    from airflow_rollback_provider.compat import Context
    from airflow_rollback_provider.operators.rollback import RollbackOperator


def intent(task: RollbackOperator, context: Context) -> str:
    """Return the wish of a task instance: its tries share it, another run of the Dag has another.

    Of a mapped task's instances, the Deployment and the scope tell which wish is meant, not the index: when a
    run is cleared, the list may come in another order, and each wish must find what became of it.

    :raises BadInput: when no Deployment is named.
    """
    ti = context["ti"]
    index = getattr(ti, "map_index", -1)
    which = (index,) if index < 0 else (text(task.deployment_id, "deployment_id"), optional(task.scope))
    return intent_of(ti.dag_id, ti.run_id, ti.task_id, *which)


def first_try(context: Context) -> datetime | None:
    """Return a time before which no try of this task instance can have submitted anything.

    A run that is cleared gets a new start; of the times that it has, the earliest counts. The day before
    makes up for clocks that disagree.
    """
    run = context.get("dag_run")
    names = ("logical_date", "run_after", "queued_at", "start_date")
    times = [moment for name in names if (moment := getattr(run, name, None)) is not None]
    return min(times) - timedelta(days=1) if times else None


def order_of(task: RollbackOperator, wish: str, since: datetime | None) -> Order:
    """Read a task's rendered arguments.

    :raises BadInput: when one of them cannot be used.
    """
    return Order(
        deployment=text(task.deployment_id, "deployment_id"),
        description=task.description,
        target=Target.parse(task.target),
        scope=optional(task.scope),
        intent=wish,
        first_try=since,
        expected_current=optional(task.expected_current),
        acknowledged=flag(task.acknowledge_airflow_3_to_2, "acknowledge_airflow_3_to_2"),
        plan_only=flag(task.plan_only, "dry_run"),
        waits=task.wait_for_completion,
        busy_timeout=task.busy_timeout,
        settle=task.settle,
    )
