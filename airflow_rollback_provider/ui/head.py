# SPDX-License-Identifier: Apache-2.0
"""The head of the page: what a Deployment is, what runs on it, and what holds for every rollback of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.assessment import assess
from airflow_rollback_provider.domain.checks import default_scope
from airflow_rollback_provider.domain.deploys import Scope
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.intent import without_mark
from airflow_rollback_provider.domain.jsonable import encode
from airflow_rollback_provider.ui.rows import Judge, Row

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.ui.config import Place
    from airflow_rollback_provider.ui.reading import Seen

_ABOUT_SCOPES = frozenset({"SCOPE-NOT-OFFERED", "SCOPE-DOES-NOT-FIT"})


def head_of(place: Place, seen: Seen) -> dict[str, Any]:
    """Return the head of a Deployment's page."""
    deployment, history = seen.survey.deployment, History(seen.deploys)
    running, newest = history.running, history.head
    return {
        "connection": place.connection,
        "deployment": place.deployment,
        "id": deployment.id,
        "name": deployment.name,
        "release_name": deployment.release_name,
        "runtime": deployment.runtime_version or (running and running.runtime_version),
        "airflow": deployment.airflow_version or (running and running.airflow_version),
        "mechanism": deployment.mechanism.value,
        "mechanism_words": str(deployment.mechanism),
        "health": deployment.status,
        "platform": seen.capabilities.name,
        "url": seen.url,
        "scope": default_scope(deployment.mechanism).value,
        "scopes": _scopes(seen, history),
        "running": running and _running(running),
        "newest_id": newest and newest.id,
        "going_on": going_on(history),
        "obstacles": _obstacles(seen),
        "read_at": encode(seen.survey.now),
    }


def going_on(history: History) -> dict[str, Any] | None:
    """Return the deploy or rollback that has not ended, None if there is none."""
    deploy = history.unfinished
    if deploy is None:
        return None
    return {
        "id": deploy.id,
        "since": encode(deploy.created_at),
        "rollback": deploy.is_rollback,
        "target": deploy.rolled_back_to,
        "description": without_mark(deploy.description),
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
        "description": without_mark(deploy.description),
    }


def _scopes(seen: Seen, history: History) -> list[str]:
    """List the parts that can be brought back here, the usual one first."""
    usual = default_scope(seen.survey.deployment.mechanism)
    others = [scope for scope in Scope if scope is not usual and _offers(seen, history, scope)]
    return [scope.value for scope in (usual, *others)]


def _offers(seen: Seen, history: History, scope: Scope) -> bool:
    survey = seen.survey
    if history.running is None:
        return False
    found = assess(
        survey.deployment,
        history,
        history.running,
        scope=scope,
        access=survey.access,
        capabilities=seen.capabilities,
        now=survey.now,
    )
    return not any(check.code in _ABOUT_SCOPES for check in found.failed_checks)


def _obstacles(seen: Seen) -> list[Row]:
    """Return what speaks against every deploy alike: it is about the Deployment, not about a target."""
    judge = Judge(seen.survey, seen.capabilities, seen.deploys)
    against = [judge.reasons(deploy) for deploy in seen.deploys]
    if len(against) < 2:
        return []
    return [encode(reason) for reason in against[0] if all(reason in others for others in against)]
