# SPDX-License-Identifier: Apache-2.0
"""Domain errors for the unsuccessful answers of hosted Astro's API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import (
    DeploymentNotFound,
    DeployNotFound,
    MalformedAnswer,
    NotFound,
    PermissionMissing,
    PlanRefused,
    RollbackError,
    TokenExpired,
    TokenRefused,
)
from airflow_rollback_provider.platforms.request_context import RequestContext, failed, no_api, rate_limited

if TYPE_CHECKING:
    from airflow_rollback_provider.http.messages import Response
    from airflow_rollback_provider.http.secret import Secret

READ, LIST = "deployment.get", "organization.deployments.get"
HISTORY, ROLL_BACK = "deployment.deploys.get", "deployment.deploys.update"
PERMISSIONS = {
    "deployment": READ,
    "deployments": LIST,
    "all_deployments": LIST,
    "check": LIST,
    "deploys": HISTORY,
    "deploy": HISTORY,
    "roll_back": ROLL_BACK,
}
"""The permission of each operation, from the API's document."""
_MOST_FIELDS = 5
# A rollback request was not carried out if the API itself answers with one of these. The API's document names
# 400 and 404.
_REFUSALS = (400, 404, 409, 422)


@dataclass(frozen=True)
class Refusal:
    """The API's description of an error.

    :param fields: each field that the API does not accept, with the reason.
    :param request_id: id by which Astronomer's support finds the request.
    """

    status: int
    message: str
    fields: tuple[str, ...] = ()
    request_id: str = ""

    def __str__(self) -> str:
        fields = f" ({'; '.join(self.fields)})" if self.fields else ""
        request = f", request {self.request_id}" if self.request_id else ""
        return f"HTTP {self.status}{request}: {self.message}{fields}"


def read_refusal(response: Response, token: Secret) -> Refusal | None:
    """Read the API's description of an error; None for an answer of another server, for example a proxy.

    :param token: removed from the quoted texts.
    """
    try:
        body = response.json("")
    except MalformedAnswer:
        return None
    message = body.get("message") if isinstance(body, Mapping) else None
    if not isinstance(message, str):
        return None
    return Refusal(
        response.status,
        token.quote(message).rstrip(". ") or "no message",
        tuple(token.quote(text) for text in _fields(body.get("fieldErrors"))),
        token.quote(body.get("requestId") or ""),
    )


def _fields(values: object) -> Iterator[str]:
    for value in values[:_MOST_FIELDS] if isinstance(values, list) else ():
        if isinstance(value, Mapping):
            code = f" ({value['code']})" if value.get("code") else ""
            yield f"{value.get('field', 'a field')}: {value.get('message', 'not accepted')}{code}"


def error_of(response: Response, context: RequestContext, token: Secret) -> RollbackError | None:
    """Return the domain error of an answer; None for a success."""
    if 200 <= response.status < 300:
        return None
    if response.status == 429:
        return rate_limited(response, context)
    refusal = read_refusal(response, token)
    detail = str(refusal or f"HTTP {response.status}")
    if response.status == 401:
        return _token_refused(context, detail)
    if response.status == 403:
        return _not_permitted(context, detail)
    if response.status >= 500 or response.status == 408:
        return failed(context, detail)
    if context.operation == "roll_back" and (refusal is None or refusal.status not in _REFUSALS):
        return failed(context, detail)
    return no_api(context, detail) if refusal is None else _refused(context, refusal)


def _token_refused(context: RequestContext, detail: str) -> RollbackError:
    if "expired" in detail.lower():
        return TokenExpired(
            f"The token has expired ({detail}): the platform refused to {context.description}. Put a new "
            "one in the connection's password."
        )
    return TokenRefused(
        f"The platform does not accept the token ({detail}) and refused to {context.description}. Put a "
        "valid one in the connection's password: an API token of the Organization, Workspace or Deployment, "
        "or a user's token, without 'Bearer'."
    )


def _not_permitted(context: RequestContext, detail: str) -> PermissionMissing:
    return PermissionMissing(
        f"The token lacks the permission {PERMISSIONS[context.operation]} to {context.description}, or "
        f"belongs to another Organization than the connection's ({detail}).{context.hint} Use a token with "
        "this permission, and check the connection's organization_id."
    )


def _refused(context: RequestContext, refusal: Refusal) -> RollbackError:
    """Return the error for a request that the API has read and refused."""
    if refusal.status == 404:
        return _not_found(context, refusal)
    if context.operation == "roll_back":
        return PlanRefused(f"The platform refused to {context.description} ({refusal}). Nothing was changed.")
    return NotFound(
        f"The platform refused to {context.description} ({refusal}). Check the id or name, and the "
        "connection's organization_id."
    )


def _not_found(context: RequestContext, refusal: Refusal) -> RollbackError:
    if context.operation in ("deploy", "roll_back"):
        return DeployNotFound(
            f"The platform refused to {context.description}, because it has no such object ({refusal}). List "
            "the history and choose from it."
        )
    return DeploymentNotFound(
        "The connection's Organization has no such Deployment, or the token may not read it. The request was "
        f"to {context.description} ({refusal}).{context.hint}"
    )
