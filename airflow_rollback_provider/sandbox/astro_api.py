# SPDX-License-Identifier: Apache-2.0
"""Hosted Astro's Platform API over the world: one function for each operation of its OpenAPI document.

An operation has its name in the document. Each parses its request, calls the world and answers with the
document's fields. Every refusal has the error schema of the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.sandbox.answer import Answer
from airflow_rollback_provider.sandbox.astro_parameters import MAX_LIMIT, Reader, RequestContext, Unbindable
from airflow_rollback_provider.sandbox.astro_views import deploy_view, deployment_view
from airflow_rollback_provider.sandbox.errors import Refused, not_permitted
from airflow_rollback_provider.sandbox.rules import HOSTED
from airflow_rollback_provider.sandbox.tokens import HISTORY, READ
from airflow_rollback_provider.sandbox.world import RollbackRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.sandbox.model import Deployment
    from airflow_rollback_provider.sandbox.sessions import HostedSession

_STATUS = {
    "AuthenticationError": 401,
    "PermissionError": 403,
    "ResourceNotFoundError": 404,
}
_WHOLE = "IMAGE_AND_DAGS"  # hosted Astro rolls back all that a deploy brought


@dataclass(frozen=True)
class Operation:
    """One operation: its name in the document, its method and path, its function."""

    name: str
    method: str
    path: str
    perform: Callable[[HostedSession, RequestContext], dict[str, Any]]


def handle(operation: Operation, session: HostedSession, context: RequestContext, request_id: str) -> Answer:
    """Perform an operation, or return the refusal."""
    try:
        session.token()
        if context.path["organizationId"] != session.world.organization.id:
            raise not_permitted()  # not 404: the document has none for the list
        return Answer(operation.perform(session, context))
    except Refused as refusal:
        return _refusal(refusal, request_id)


def _refusal(refusal: Refused, request_id: str) -> Answer:
    field_errors = refusal.field_errors if isinstance(refusal, Unbindable) else []
    message = refusal.message.replace("Deploy revision", "Deploy")  # Houston's word
    status = _STATUS.get(refusal.name, 400)
    return Answer(error_view(message, status, request_id, field_errors), status, (refusal.name,))


def error_view(
    message: str, status: int, request_id: str, field_errors: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    """Return an error in the form of the schema ``Error``."""
    body: dict[str, Any] = {"message": message, "requestId": request_id, "statusCode": status}
    return body | {"fieldErrors": field_errors} if field_errors else body


def _list_deployments(session: HostedSession, context: RequestContext) -> dict[str, Any]:
    reader = Reader(context)
    offset, limit = reader.page()
    filters = {name: reader.list(name) for name in ("deploymentIds", "names", "workspaceIds")}
    sorts = reader.list("sorts", _SORTS)
    reader.done()
    found = [item for item in session.visible() if _matches(item, filters)]
    views = [deployment_view(session.world, item) for item in found]
    for sort in reversed(sorts):
        field, _, direction = sort.partition(":")
        views.sort(key=itemgetter(field), reverse=direction == "desc")
    page = views[offset : offset + limit]
    return {"deployments": page, "limit": limit, "offset": offset, "totalCount": len(views)}


_SORTS = frozenset(f"{name}:{way}" for name in ("name", "createdAt", "updatedAt") for way in ("asc", "desc"))


def _matches(deployment: Deployment, filters: dict[str, list[str]]) -> bool:
    own = {
        "deploymentIds": deployment.id,
        "names": deployment.label,
        "workspaceIds": deployment.workspace.id,
    }
    return all(not values or own[name] in values for name, values in filters.items())


def _get_deployment(session: HostedSession, context: RequestContext) -> dict[str, Any]:
    return deployment_view(session.world, session.deployment(context.path["deploymentId"], READ))


def _list_deploys(session: HostedSession, context: RequestContext) -> dict[str, Any]:
    reader = Reader(context)
    offset, limit = reader.page(MAX_LIMIT)
    reader.done()
    deployment = session.deployment(context.path["deploymentId"], HISTORY)
    rows = list(session.world.listed(deployment, platform=HOSTED))
    page = [deploy_view(session.world, row) for row in islice(rows, offset, offset + limit)]
    return {"deploys": page, "limit": limit, "offset": offset, "totalCount": len(rows)}


def _get_deploy(session: HostedSession, context: RequestContext) -> dict[str, Any]:
    deployment = session.deployment(context.path["deploymentId"], HISTORY)
    return deploy_view(session.world, session.world.deploy(deployment, context.path["deployId"], HOSTED))


def _roll_back(session: HostedSession, context: RequestContext) -> dict[str, Any]:
    reader = Reader(context)
    description = reader.description()
    reader.done()
    deployment = session.deployment(context.path["deploymentId"])
    request = RollbackRequest(deployment.id, context.path["deployId"], _WHOLE, description)
    return deploy_view(session.world, session.world.roll_back(session.token(), request, HOSTED))


_DEPLOYMENTS = "/v1/organizations/{organizationId}/deployments"
_DEPLOYMENT = f"{_DEPLOYMENTS}/{{deploymentId}}"
_DEPLOYS = f"{_DEPLOYMENT}/deploys"
_DEPLOY = f"{_DEPLOYS}/{{deployId}}"

OPERATIONS = (
    Operation("ListDeployments", "GET", _DEPLOYMENTS, _list_deployments),
    Operation("GetDeployment", "GET", _DEPLOYMENT, _get_deployment),
    Operation("ListDeploys", "GET", _DEPLOYS, _list_deploys),
    Operation("GetDeploy", "GET", _DEPLOY, _get_deploy),
    Operation("DeployRollback", "POST", f"{_DEPLOY}/rollback", _roll_back),
)
