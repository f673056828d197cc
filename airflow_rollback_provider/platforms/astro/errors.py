# SPDX-License-Identifier: Apache-2.0
"""What an answer of hosted Astro's API that is no success means: one domain error for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import (
    DeploymentNotFound,
    DeployNotFound,
    MalformedAnswer,
    NotFound,
    OutcomeUnknown,
    PermissionMissing,
    PlanRefused,
    PlatformFailed,
    PlatformUnreachable,
    RollbackError,
    TokenExpired,
    TokenRefused,
)
from airflow_rollback_provider.platforms import request_context as asked_of_any
from airflow_rollback_provider.platforms.request_context import rate_limited

if TYPE_CHECKING:
    from airflow_rollback_provider.http.messages import Response
    from airflow_rollback_provider.http.secret import Secret

READ, LIST = "deployment.get", "organization.deployments.get"
HISTORY, ROLL_BACK = "deployment.deploys.get", "deployment.deploys.update"
# What the API's document says that each operation takes.
_PERMISSIONS = {
    "deployment": READ,
    "deployments": LIST,
    "check": LIST,
    "deploys": HISTORY,
    "deploy": HISTORY,
    "roll_back": ROLL_BACK,
}
_MOST_FIELDS = 5
# A rollback request that the API itself answers so was not carried out. The API's document names 400 and 404.
_REFUSALS = (400, 404, 409, 422)


class RequestContext(asked_of_any.RequestContext):
    """What was asked of hosted Astro, for the words of an error."""

    @property
    def needed(self) -> tuple[str, ...]:
        """Names of the permissions that it takes."""
        return self.permissions or (_PERMISSIONS[self.operation],)


@dataclass(frozen=True)
class Refusal:
    """The API's own words for an answer that is no success.

    :param status: HTTP status.
    :param message: what it says.
    :param fields: each field that it does not accept, with the reason.
    :param request_id: what Astronomer's support needs to find the request.
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
    """Read the API's own words; None where they are somebody else's, a proxy's for instance.

    :param token: is taken out of what is quoted.
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
    told = str(refusal or f"HTTP {response.status}")
    if response.status == 401:
        return _not_accepted(context, told)
    if response.status == 403:
        return _not_permitted(context, told)
    if response.status >= 500 or response.status == 408:
        return _failed(context, told)
    if context.operation == "roll_back" and (refusal is None or refusal.status not in _REFUSALS):
        return _failed(context, told)
    return _nobody(context, told) if refusal is None else _refused(context, refusal)


def _not_accepted(context: RequestContext, told: str) -> RollbackError:
    if "expired" in told.lower():
        return TokenExpired(
            f"The token has expired ({told}): the platform refused to {context.purpose}. Put a new one in "
            "the "
            "connection's password."
        )
    return TokenRefused(
        f"The platform does not accept the token ({told}); it was asked to {context.purpose}. Put a valid "
        "one "
        "in the connection's password: an API token of the Organization, Workspace or Deployment, or a "
        "user's token, without 'Bearer'."
    )


def _not_permitted(context: RequestContext, told: str) -> PermissionMissing:
    return PermissionMissing(
        f"The token lacks {context.lacking} that it takes to {context.purpose}, or belongs to another "
        f"Organization than the connection's ({told}).{context.hint} Use a token with this permission, and "
        "check the connection's organization_id."
    )


def _failed(context: RequestContext, told: str) -> RollbackError:
    if context.operation == "roll_back":
        return OutcomeUnknown(f"The platform failed while it was asked to {context.purpose} ({told}).")
    return PlatformFailed(
        f"The platform failed when it was asked to {context.purpose} ({told}). It may pass; try again."
    )


def _nobody(context: RequestContext, told: str) -> PlatformUnreachable:
    return PlatformUnreachable(
        f"Nothing at this address speaks the platform's API: the request to {context.purpose} was answered "
        f"with {told}. Check the base URL; it ends in /v1."
    )


def _refused(context: RequestContext, refusal: Refusal) -> RollbackError:
    """Return the error for a request that the API has read and does not carry out."""
    if refusal.status == 404:
        return _not_found(context, refusal)
    if context.operation == "roll_back":
        return PlanRefused(f"The platform refused to {context.purpose} ({refusal}). Nothing was changed.")
    return NotFound(
        f"The platform does not accept the request to {context.purpose} ({refusal}). Check what was named, "
        "and the connection's organization_id."
    )


def _not_found(context: RequestContext, refusal: Refusal) -> RollbackError:
    if context.operation in ("deploy", "roll_back"):
        return DeployNotFound(
            f"The platform does not know what it was asked for: {context.purpose} ({refusal}). List the "
            "history and choose from it."
        )
    return DeploymentNotFound(
        f"There is no such Deployment in the connection's Organization, or the token may not see it: it was "
        f"asked to {context.purpose} ({refusal}).{context.hint}"
    )
