# SPDX-License-Identifier: Apache-2.0
"""What an error of Astro Private Cloud's API means: one domain error for each, with what to do about it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import (
    DeploymentNotFound,
    DeployNotFound,
    OutcomeUnknown,
    PermissionMissing,
    PlanRefused,
    PlatformFailed,
    PlatformUnreachable,
    RollbackError,
    TokenExpired,
    TokenRefused,
    UnknownField,
)
from airflow_rollback_provider.platforms import request_context as asked_of_any
from airflow_rollback_provider.platforms.request_context import rate_limited

if TYPE_CHECKING:
    from airflow_rollback_provider.http.messages import Response
    from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions
    from airflow_rollback_provider.platforms.private_cloud.graphql import Answer, GraphQLError

# Texts of the API that are public (astro-cli, houston/errors.go).
_NOT_PERMITTED = "appropriate permissions"
_EXPIRED = "AUTH_TOKEN_REFRESH_FAILED"
_NO_DEPLOYMENT = re.compile(r"No deployment exists|\bDeployment\b.*\bnot found", re.IGNORECASE)
_NOT_FOUND = re.compile(r"\bnot found\b|No \w+ exists", re.IGNORECASE)
# Names of errors as Apollo and its like give them.
_NOT_KNOWN = re.compile(r"authenticat|unauthori[sz]ed", re.IGNORECASE)
_FORBIDDEN = re.compile(r"permission|forbidden|authori[sz]ation", re.IGNORECASE)
# Names that only a refusal carries: Apollo's own, and words that say so by themselves (assumed).
_REFUSAL = re.compile(
    r"GRAPHQL_(PARSE|VALIDATION)_FAILED|BAD_USER_INPUT|\w*(Validation|NotAllowed|NotFound)Error",
    re.IGNORECASE,
)
# Texts of graphql-js, which validates before anything is executed.
_UNKNOWN = (
    re.compile(r"Cannot query field [\"'](?P<name>\w+)[\"']"),
    re.compile(r"Unknown argument [\"'](?P<name>\w+)[\"']"),
    re.compile(r"Unknown type [\"'](?P<name>\w+)[\"']"),
    re.compile(r"(?:argument|Field) [\"'](?P<name>\w+)[\"'] .*(?:is required|must (?:not )?have a )"),
    re.compile(r"Variable [\"']\$(?P<name>\w+)[\"'] .*(?:used in position|got invalid value)"),
)
_HISTORY = "deployment.deployRevisions.get"
_READS_HISTORY = ("survey_history", "deploys", "deploy")


class RequestContext(asked_of_any.RequestContext):
    """What was asked of Astro Private Cloud, for the words of an error."""

    @property
    def needed(self) -> tuple[str, ...]:
        """Names of the permissions that it takes."""
        return self.permissions or ((_HISTORY,) if self.operation in _READS_HISTORY else ())


def error_of_status(response: Response, context: RequestContext) -> RollbackError | None:
    """Return the error that the HTTP status alone tells, whatever the body says; None where it tells none."""
    if response.status == 429:
        return rate_limited(response, context)
    if response.status == 401:
        return _refused(context, "HTTP 401")
    return None


def error_without_body(response: Response, context: RequestContext) -> RollbackError:
    """Return the error for an answer that is not GraphQL and whose status is not 2xx."""
    status = response.status
    if status == 403:
        return _not_permitted(context, "HTTP 403")
    # A gateway that lost patience may have passed the request on, and a rollback is not sent on a guess.
    if status >= 500 or status == 408 or context.operation == "roll_back":
        return _failed(context, f"HTTP {status}")
    return PlatformUnreachable(
        f"Nothing at this address speaks the platform's API: the request to {context.purpose} was answered "
        f"with HTTP {status}. "
        "Check the base URL; it ends in /v1."
    )


def error_of_answer(answer: Answer, context: RequestContext, assumptions: Assumptions) -> RollbackError:
    """Return the domain error of an answer with errors; of several, the one that can be acted on.

    A rollback request is refused only if every error is known to be a refusal. Otherwise it may have been
    carried out.
    """
    if context.operation == "roll_back":
        doubtful = next((error for error in answer.errors if not _refuses(error)), None)
        if doubtful is not None:
            return _failed(context, doubtful.message)
    found = [_one(error, answer, context, assumptions) for error in answer.errors]
    return next(
        (error for error in found if not isinstance(error, (PlatformFailed, PlanRefused, OutcomeUnknown))),
        found[0],
    )


def _one(
    error: GraphQLError, answer: Answer, context: RequestContext, assumptions: Assumptions
) -> RollbackError:
    text, name = error.message, error.name
    if _EXPIRED in text:
        return TokenExpired(
            f"The token has expired: the platform refused to {context.purpose}. Put a new one in the "
            f"connection."
        )
    if (match := _unknown_name(text)) is not None:
        return unknown_field(match, text, context, assumptions)
    if _NOT_KNOWN.search(name):
        return _refused(context, text)
    if _NOT_PERMITTED in text or _FORBIDDEN.search(name):
        return _not_permitted(context, text)
    if _NO_DEPLOYMENT.search(text):
        return _no_deployment(context, text)
    if context.operation in ("deploy", "roll_back") and _NOT_FOUND.search(text):
        return DeployNotFound(
            f"The platform does not know the deploy that was asked for: {text}. List the history and choose "
            f"from it."
        )
    return _told(error, answer, context)


def _told(error: GraphQLError, answer: Answer, context: RequestContext) -> RollbackError:
    """Return the error for words that are not known: a refused rollback, or a failure of the platform."""
    if context.operation != "roll_back":
        return _failed(context, error.message)
    return PlanRefused(f"The platform refused to {context.purpose}: {error.message}. Nothing was changed.")


def _refuses(error: GraphQLError) -> bool:
    """Tell whether an error is known to mean that nothing was executed."""
    # graphql-js validates before it executes; only an error of the execution has a path.
    if error.field is None and _unknown_name(error.message) is not None:
        return True
    published = (_EXPIRED, _NOT_PERMITTED, "No deployment exists")
    if any(text in error.message for text in published):
        return True
    names = (_REFUSAL.fullmatch(error.name), _NOT_KNOWN.search(error.name), _FORBIDDEN.search(error.name))
    return any(names)


def _unknown_name(text: str) -> str | None:
    return next((match["name"] for pattern in _UNKNOWN if (match := pattern.search(text))), None)


def unknown_field(name: str, text: str, context: RequestContext, assumptions: Assumptions) -> UnknownField:
    """Describe a name that the installation's schema does not have, with the setting that mends it."""
    return UnknownField(
        f"This installation's API does not know {name!r}, which the request to {context.purpose} uses: "
        f"{text} "
        f"Nothing was done. "
        f"Look its name up in the installation's schema and set it in the connection's extra: "
        f"{_remedy(name, context, assumptions)}"
    )


def _remedy(name: str, context: RequestContext, assumptions: Assumptions) -> str:
    for ours, path in assumptions.deploy_fields.items():
        if path and name in path.split("."):
            return json.dumps({
                "assumptions": {"deploy_fields": {ours: "<its name there, or null if there is none>"}}
            })
    return json.dumps({
        "assumptions": {context.operation: {"document": "<GraphQL>", "path": "<where its result is>"}}
    })


def _refused(context: RequestContext, text: str) -> TokenRefused:
    return TokenRefused(
        f"The platform does not accept the token ({text}); it was asked to {context.purpose}. Put a valid "
        "one "
        f"in the "
        "connection's password: a service account's API key or a user's token, without 'Bearer'."
    )


def _not_permitted(context: RequestContext, text: str) -> PermissionMissing:
    return PermissionMissing(
        f"The token lacks {context.lacking} that it takes to {context.purpose} ({text}). Use a token with "
        "the "
        "role DEPLOYMENT_EDITOR or above on the Deployment, or ask for the permission."
    )


def _no_deployment(context: RequestContext, text: str) -> DeploymentNotFound:
    return DeploymentNotFound(
        f"There is no such Deployment, or the token may not see it: {text}. It was asked to "
        f"{context.purpose}.{context.hint}"
    )


def _failed(context: RequestContext, text: str) -> RollbackError:
    if context.operation == "roll_back":
        return OutcomeUnknown(f"The platform failed while it was asked to {context.purpose} ({text}).")
    return PlatformFailed(
        f"The platform failed when it was asked to {context.purpose} ({text}). It may pass; try again."
    )
