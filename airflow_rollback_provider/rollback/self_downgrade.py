# SPDX-License-Identifier: Apache-2.0
"""A task does not downgrade the Deployment that it runs inside and wait for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import RollbackRefused
from airflow_rollback_provider.rollback.self_target import runs_inside

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.plan import RollbackPlan


class RollsBackItself(RollbackRefused):
    """The task runs inside the Deployment that a downgrade would stop."""


def refuse_downgrade_of_itself(plan: RollbackPlan, *, waits: bool) -> None:
    """Do nothing unless waiting would happen inside a Deployment that the rollback downgrades.

    :param plan: the plan.
    :param waits: whether the task waits for the end of the rollback.
    :raises RollsBackItself: a downgrade fails all running tasks, this one too, and rows of deferred tasks
        that a newer Airflow wrote can stop an older scheduler (apache/airflow#68317).
    """
    inside = runs_inside(plan.deployment)
    if inside is None or not waits or plan.downgrade is False:
        return
    raise RollsBackItself(
        f"This task runs inside {plan.deployment} ({inside}), which it would downgrade. Nothing was changed. "
        "A downgrade fails all running tasks, this one too, and a task that waits deferred can stop the "
        "older scheduler from starting. Run the rollback from another Deployment; or set "
        "wait_for_completion=False, which submits it and leaves."
    )
