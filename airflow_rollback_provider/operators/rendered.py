# SPDX-License-Identifier: Apache-2.0
"""What a task was asked to do, read from arguments that templates have turned into text."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.domain.intent import intent_of
from airflow_rollback_provider.domain.targets import Target
from airflow_rollback_provider.operators.attempt import Order

if TYPE_CHECKING:
    from airflow_rollback_provider.compat import Context
    from airflow_rollback_provider.operators.rollback import RollbackOperator

_FLAGS = {"true": True, "false": False, "none": False, "": False}


def intent(context: Context) -> str:
    """Return the wish of a task instance: its tries share it, another run of the Dag has another."""
    ti = context["ti"]
    return intent_of(ti.dag_id, ti.run_id, ti.task_id, getattr(ti, "map_index", -1))


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


def text(value: str, name: str) -> str:
    """Read an argument that must not be empty.

    :raises BadInput: when it is.
    """
    if not isinstance(value, str) or value.strip() in ("", "None"):
        raise BadInput(f"{name} is empty. Say which Deployment is meant, by its id or release name.")
    return value.strip()


def optional(value: str | None) -> str | None:
    """Read an argument that may be left out; a template turns None into text."""
    return None if value is None or value.strip() in ("", "None") else value.strip()


def flag(value: bool | str, name: str) -> bool:
    """Read a flag; the text ``False``, which a template makes of a false parameter, must not count as true.

    :raises BadInput: when it is neither true nor false.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    raise BadInput(f"{name} is {value!r}; it must be true or false.")
