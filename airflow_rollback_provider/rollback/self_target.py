# SPDX-License-Identifier: Apache-2.0
"""A task that runs inside its own target: how it is recognised, and the downgrade that it must not make."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_rollback_provider.compat import conf
from airflow_rollback_provider.domain.errors import RollbackRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_rollback_provider.domain.deploys import Deployment
    from airflow_rollback_provider.domain.plan import RollbackPlan

SECTION, OPTION = "airflow_rollback", "this_deployment"
"""Airflow setting that names the Deployment which Airflow runs in, where the environment does not."""

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_VARIABLES = (
    "ASTRO_DEPLOYMENT_ID",
    "ASTRO_DEPLOYMENT_NAMESPACE",
    "AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE",
    "AIRFLOW__KUBERNETES__NAMESPACE",
)


class RollsBackItself(RollbackRefused):
    """The task runs inside the Deployment that a downgrade would stop."""


def refuse_downgrade_of_itself(plan: RollbackPlan, *, wait_for_completion: bool) -> None:
    """Do nothing unless the task would wait inside a Deployment that the rollback downgrades.

    :param wait_for_completion: whether the task waits for the end of the rollback.
    :raises RollsBackItself: a downgrade fails all running tasks, this one too, and rows of deferred tasks
        that a newer Airflow wrote can stop an older scheduler (apache/airflow#68317).
    """
    inside = runs_inside(plan.deployment)
    if inside is None or not wait_for_completion or plan.downgrade is False:
        return
    raise RollsBackItself(
        f"This task runs inside {plan.deployment} ({inside}), which it would downgrade. Nothing was changed. "
        "A downgrade fails all running tasks, this one too, and a task that waits deferred can stop the "
        "older scheduler from starting. Run the rollback from another Deployment; or set "
        "wait_for_completion=False, which submits it and leaves."
    )


def runs_inside(deployment: Deployment) -> str | None:
    """Return what shows that this process runs inside a Deployment, or None.

    The sources are Airflow's setting ``[airflow_rollback] this_deployment``, the environment and the
    Kubernetes namespace.
    """
    names = {deployment.id, deployment.release_name, deployment.namespace} - {None, ""}
    for source, name in _hints():
        # On Astro Private Cloud the namespace is the platform's own, a dash and the release name.
        if name in names or (deployment.release_name and name.endswith(f"-{deployment.release_name}")):
            return f"{source} is {name}"
    return None


def _hints() -> Iterator[tuple[str, str]]:
    setting = conf.get(SECTION, OPTION, fallback="")
    if setting:
        yield f"[{SECTION}] {OPTION}", setting
    for name in _VARIABLES:
        if os.environ.get(name):
            yield name, os.environ[name]
    if NAMESPACE_FILE.is_file():
        yield "the Kubernetes namespace", NAMESPACE_FILE.read_text(encoding="utf-8").strip()
