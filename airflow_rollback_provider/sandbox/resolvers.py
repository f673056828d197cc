# SPDX-License-Identifier: Apache-2.0
"""One resolver for each root field of Houston's schema: it checks the rights and returns the world's data."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.sandbox import houston_views as views
from airflow_rollback_provider.sandbox.clock import from_iso, iso
from airflow_rollback_provider.sandbox.errors import invalid, not_found, not_permitted
from airflow_rollback_provider.sandbox.tokens import HISTORY, LOGS, READ
from airflow_rollback_provider.sandbox.world import RollbackRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from graphql import GraphQLResolveInfo

    from airflow_rollback_provider.sandbox.sessions import Session

_MOST_DEPLOYMENTS = 101
_LONGEST_LOG_WINDOW = timedelta(days=2)


def resolve(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    """Resolve any field: root fields and computed ones by the table below, others from their view."""
    definition = info.parent_type.fields[info.field_name]
    original = definition.extensions.get("original", info.field_name)
    resolver = _RESOLVERS.get(f"{info.parent_type.name}.{original}")
    if resolver is not None:
        return resolver(info.context, source, **{_snake(name): value for name, value in arguments.items()})
    return source.get(original)


@lru_cache(maxsize=64)
def _snake(name: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", name).lower()


def _app_config(
    session: Session,
    _: Any,
    cluster_id: str | None = None,
    workspace_uuid: str | None = None,
    deployment_uuid: str | None = None,
) -> dict[str, Any]:
    """Return the installation's settings, or those of a Deployment, which the token must be able to read."""
    if deployment_uuid is None:
        return views.app_config_view(session.world, None)
    deployment = session.deployment(deployment_uuid)
    if workspace_uuid not in (None, deployment.workspace.id) or cluster_id not in (
        None,
        deployment.cluster_id,
    ):
        raise not_found("Deployment", str(deployment_uuid))
    return views.app_config_view(session.world, deployment)


def _deployment(session: Session, _: Any, where: dict[str, Any]) -> dict[str, Any]:
    session.token()
    if "releaseName" in where and "id" not in where:
        found = session.allowed(session.world.by_release(str(where["releaseName"])), READ)
    else:
        found = session.deployment(where.get("id"))
    return views.deployment_view(session.world, found)


def _workspace_deployments(
    session: Session, _: Any, workspace_uuid: str, release_name: str | None = None
) -> list[dict[str, Any]]:
    token = session.token()
    workspace = next((item for item in session.world.workspaces if item.id == workspace_uuid), None)
    if workspace is None:
        raise not_found("Workspace", workspace_uuid)
    if not token.may(READ, workspace.key):
        raise not_permitted()
    found = [item for item in session.visible() if item.workspace == workspace]
    matching = [item for item in found if release_name in (None, item.release_name)]
    return [views.deployment_view(session.world, item) for item in matching]


def _paginated_deployments(
    session: Session,
    _: Any,
    take: int | None = None,
    name: str | None = None,
    cursor: str | None = None,
    page_number: int | None = None,
    cluster_id: str | None = None,
) -> list[dict[str, Any]]:
    found = [
        item
        for item in session.visible()
        if (name or "").lower() in f"{item.label} {item.release_name}".lower()
        and cluster_id in (None, item.cluster_id)
    ]
    size = _MOST_DEPLOYMENTS if take is None else max(0, min(take, _MOST_DEPLOYMENTS))
    ids = [item.id for item in found]
    start = ids.index(cursor) + 1 if cursor in ids else max(0, (page_number or 1) - 1) * size
    return [views.deployment_view(session.world, item) for item in found[start : start + size]]


def _runtime_releases(
    session: Session, _: Any, airflow_version: str | None = None, cluster_id: str | None = None
) -> list[dict[str, Any]]:
    session.token()
    return [
        {
            "version": item.version,
            "airflowVersion": item.airflow,
            "airflowDatabaseMigrations": item.migrations,
        }
        for item in session.world.releases
        if airflow_version in (None, item.airflow)
    ]


def _logs(
    session: Session,
    _: Any,
    deployment_uuid: str,
    component: str | None = None,
    timestamp: str | None = None,
    start_time: str | None = None,
    end_time: str | None = None,
    search: str | None = None,
) -> list[dict[str, str]]:
    deployment = session.deployment(deployment_uuid, LOGS)
    since, until = _moment(start_time), _moment(end_time)
    if since and until and until - since > _LONGEST_LOG_WINDOW:
        raise invalid("startTime and endTime are more than two days apart")
    day = _moment(timestamp)
    if day and not since and not until:
        since = day.replace(hour=0, minute=0, second=0, microsecond=0)
        until = since + timedelta(days=1)
    found = session.world.log_lines(deployment, component, since, until, search)
    return [views.log_view(line) for line in found]


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else from_iso(str(text))
    except ValueError:
        raise invalid("DateTime cannot represent that value") from None


def _deploy_revisions(
    session: Session,
    _: Any,
    deployment_uuid: str | None = None,
    release_name: str | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
    take: int | None = None,
    cursor: str | None = None,
    page_number: int | None = None,
) -> list[dict[str, Any]]:
    session.token()
    world = session.world
    if release_name is None:
        deployment = session.deployment(deployment_uuid, HISTORY)
    else:
        deployment = session.allowed(world.by_release(release_name), HISTORY)
    after = None if cursor is None else str(cursor)
    rows = world.page(deployment, take, after, page_number, _moment(start_date), _moment(end_date))
    return [views.deploy_view(session.world, row) for row in rows]


def _deploy_revision(session: Session, _: Any, deployment_uuid: str, **key: Any) -> dict[str, Any]:
    deployment = session.deployment(deployment_uuid, HISTORY)
    return views.deploy_view(session.world, session.world.deploy(deployment, str(key["id"])))


def _status(session: Session, row: dict[str, Any]) -> str:
    """Return the installation's word for the status of a deploy."""
    word = str(row["status"])
    return session.world.settings.status_words.get(word, word)


def _scope(session: Session, row: dict[str, Any]) -> str | None:
    """Return the installation's word for the scope of a rollback."""
    word: str | None = row["scope"]
    return session.world.settings.renamed_fields.get(f"RollbackScope.{word}", word)


def _self(session: Session, _: Any) -> dict[str, Any]:
    author = session.token().author
    is_person = author.kind == "user"
    expires = iso(session.world.clock.now() + timedelta(hours=24)) if is_person else None
    owner = {"tokenExpiresAt": expires, "isAdmin": False, "user": author if is_person else None}
    return views.author_view(author) | owner


def _user(session: Session, source: dict[str, Any]) -> dict[str, Any] | None:
    if source["user"] is None:
        return None
    return {"username": source["username"], "roleBindings": list(_role_bindings(session))}


def _role_bindings(session: Session) -> Iterator[dict[str, Any]]:
    """Yield the roles of the token's owner: on each Deployment, or in each workspace."""
    token = session.token()
    for deployment in session.world.deployments.values():
        if deployment.workspace.key not in token.workspaces:
            continue
        on_workspace = token.role.startswith("WORKSPACE_")
        yield {
            "role": token.role,
            "workspace": {"id": deployment.workspace.id} if on_workspace else None,
            "deployment": None if on_workspace else {"id": deployment.id},
        }


def _own_permissions(session: Session, _: Any, deployment_uuid: str | None = None) -> list[str]:
    token = session.token()
    if deployment_uuid is None:
        return sorted(token.permissions)
    deployment = session.world.deployment(str(deployment_uuid))
    return sorted(token.in_workspace(deployment.workspace.key))


def _rollback(
    session: Session, _: Any, deployment_uuid: str, deploy_revision_uuid: str, scope: str, description: str
) -> dict[str, Any]:
    session.world.mutations += 1
    deployment = session.deployment(deployment_uuid)
    request = RollbackRequest(deployment.id, str(deploy_revision_uuid), scope, description)
    return views.deploy_view(session.world, session.world.roll_back(session.token(), request))


_RESOLVERS: dict[str, Callable[..., Any]] = {
    "Query.appConfig": _app_config,
    "Query.deployment": _deployment,
    "Query.workspaceDeployments": _workspace_deployments,
    "Query.paginatedDeployments": _paginated_deployments,
    "Query.runtimeReleases": _runtime_releases,
    "Query.logs": _logs,
    "Query.paginatedDeployRevisions": _deploy_revisions,
    "Query.deployRevision": _deploy_revision,
    "Query.self": _self,
    "Self.permissions": _own_permissions,
    "Self.user": _user,
    "DeployRevision.status": _status,
    "DeployRevision.scope": _scope,
    "Mutation.rollbackDeployment": _rollback,
}
