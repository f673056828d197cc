# SPDX-License-Identifier: Apache-2.0
"""The summary of the page: a Deployment, its running deploy, and the reasons against every rollback of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.checks import assess, default_scope
from airflow_rollback_provider.domain.deploys import Scope
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.idempotency import without_tag
from airflow_rollback_provider.domain.jsonable import encode
from airflow_rollback_provider.ui.rows import Row, RowChecks

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.ui.config import DeploymentOption
    from airflow_rollback_provider.ui.snapshot import Snapshot

_ABOUT_SCOPES = frozenset({"SCOPE-NOT-OFFERED", "SCOPE-DOES-NOT-FIT"})


def summary_of(option: DeploymentOption, snapshot: Snapshot) -> dict[str, Any]:
    """Return the summary of a Deployment's page."""
    deployment, history = snapshot.survey.deployment, History(snapshot.deploys)
    running, latest = history.running, history.latest
    return {
        "connection": option.connection,
        "deployment": option.deployment,
        "id": deployment.id,
        "name": deployment.name,
        "release_name": deployment.release_name,
        "runtime": deployment.runtime_version or (running and running.runtime_version),
        "airflow": deployment.airflow_version or (running and running.airflow_version),
        "mechanism": deployment.mechanism.value,
        "mechanism_label": str(deployment.mechanism),
        "health": deployment.status,
        "platform": snapshot.capabilities.name,
        "url": snapshot.url,
        "scope": default_scope(deployment.mechanism).value,
        "scopes": _scopes(snapshot, history),
        "running": running and _running(running),
        "latest_id": latest and latest.id,
        "in_progress": in_progress(history),
        "obstacles": _obstacles(snapshot),
        "read_at": encode(snapshot.survey.now),
    }


def in_progress(history: History) -> dict[str, Any] | None:
    """Return the deploy or rollback in progress, None if there is none."""
    deploy = history.unfinished
    if deploy is None:
        return None
    return {
        "id": deploy.id,
        "since": encode(deploy.created_at),
        "rollback": deploy.is_rollback,
        "target": deploy.rolled_back_to,
        "description": without_tag(deploy.description),
        "created_by": deploy.created_by,
    }


def _running(deploy: Deploy) -> dict[str, Any]:
    return {
        "id": deploy.id,
        "since": encode(deploy.created_at),
        "image_tag": deploy.image_tag,
        "runtime": deploy.runtime_version,
        "airflow": deploy.airflow_version,
        "created_by": deploy.created_by,
        "description": without_tag(deploy.description),
    }


def _scopes(snapshot: Snapshot, history: History) -> list[str]:
    """List the scopes that this Deployment supports, the default one first."""
    default = default_scope(snapshot.survey.deployment.mechanism)
    others = [scope for scope in Scope if scope is not default and _offers(snapshot, history, scope)]
    return [scope.value for scope in (default, *others)]


def _offers(snapshot: Snapshot, history: History, scope: Scope) -> bool:
    survey = snapshot.survey
    if history.running is None:
        return False
    found = assess(
        survey.deployment,
        history,
        history.running,
        scope=scope,
        access=survey.access,
        capabilities=snapshot.capabilities,
        now=survey.now,
    )
    return not any(check.code in _ABOUT_SCOPES for check in found.failed_checks)


def _obstacles(snapshot: Snapshot) -> list[Row]:
    """Return the reasons against every deploy alike: they concern the Deployment, not a target."""
    row_checks = RowChecks(snapshot.survey, snapshot.capabilities, snapshot.deploys)
    reasons = [row_checks.reasons(deploy) for deploy in snapshot.deploys]
    if len(reasons) < 2:
        return []
    return [encode(reason) for reason in reasons[0] if all(reason in others for others in reasons)]
