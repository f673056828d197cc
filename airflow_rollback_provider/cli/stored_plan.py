# SPDX-License-Identifier: Apache-2.0
"""A plan that was made earlier with ``plan --json``, read from a file and looked at again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import BadInput, StalePlan
from airflow_rollback_provider.domain.plan import RollbackPlan

if TYPE_CHECKING:
    from airflow_rollback_provider.cli.console import Console
    from airflow_rollback_provider.domain.deploys import Deployment
    from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook, Reading


def read_plan(path: str, console: Console) -> RollbackPlan:
    """Read a plan.

    :param path: a file, or ``-`` for stdin.
    :raises BadInput: when it cannot be read or is no plan.
    """
    try:
        text = console.read_input() if path == "-" else Path(path).read_text(encoding="utf-8")
        values = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"The plan {path!r} cannot be read: {error}") from None
    return RollbackPlan.from_dict(values)


def plan_again(hook: DeployHistoryHook, reading: Reading, stored: RollbackPlan) -> RollbackPlan:
    """Make the stored plan anew from what the platform says now.

    A file can be old or edited, so only what it asks for is taken from it: the Deployment, the deploy to go
    back to, the scope, and the state that the person saw. Every check runs again.

    :raises BadInput: when the plan is for another Deployment.
    :raises StalePlan: when another deploy has landed since.
    """
    _require_same_deployment(reading.deployment, stored)
    plan = hook.plan(reading.deployment.id, f"id:{stored.target.id}", stored.scope.value, reading=reading)
    if (plan.latest_id, plan.current.id) != (stored.latest_id, stored.current.id):
        raise StalePlan(
            f"The plan was made when deploy {stored.latest_id} was the latest of {stored.deployment} and "
            f"{stored.current.id} ran; now the latest is {plan.latest_id} and {plan.current.id} runs. "
            "Nothing was submitted. Look at the history and make the plan anew."
        )
    return plan


def _require_same_deployment(deployment: Deployment, stored: RollbackPlan) -> None:
    if deployment.id != stored.deployment.id:
        raise BadInput(f"The plan is for {stored.deployment}, not for {deployment}. Nothing was submitted.")
