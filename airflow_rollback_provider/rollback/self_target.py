# SPDX-License-Identifier: Apache-2.0
"""Whether this process runs inside a Deployment that may be rolled back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_rollback_provider.compat import conf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_rollback_provider.domain.deploys import Deployment

SECTION, OPTION = "airflow_rollback", "this_deployment"
"""Airflow setting that names the Deployment which Airflow runs in, where the surroundings do not tell."""

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_VARIABLES = (
    "ASTRO_DEPLOYMENT_ID",
    "ASTRO_DEPLOYMENT_NAMESPACE",
    "AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE",
    "AIRFLOW__KUBERNETES__NAMESPACE",
)


def runs_inside(deployment: Deployment) -> str | None:
    """Return what tells that this process runs inside a Deployment, or None.

    Looks at Airflow's setting ``[airflow_rollback] this_deployment``, the environment and the Kubernetes
    namespace.
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
    if _NAMESPACE_FILE.is_file():
        yield "the Kubernetes namespace", _NAMESPACE_FILE.read_text(encoding="utf-8").strip()
