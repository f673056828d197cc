# SPDX-License-Identifier: Apache-2.0
"""Domain errors for the errors of Astro Private Cloud's API, each with a remedy."""

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
    RollbackError,
    TokenExpired,
    TokenRefused,
    UnknownField,
)
from airflow_rollback_provider.platforms.private_cloud.graphql import NO_ARGUMENT, NO_FIELD, NO_TYPE
from airflow_rollback_provider.platforms.request_context import RequestContext, failed, no_api, rate_limited

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_rollback_provider.http.messages import Response
    from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions
    from airflow_rollback_provider.platforms.private_cloud.graphql import Answer, GraphQLError

# Texts of the API that are public (astro-cli, houston/errors.go).
_NOT_PERMITTED = "appropriate permissions"
_EXPIRED = "AUTH_TOKEN_REFRESH_FAILED"
# With these at its begin, an error means that nothing was executed.
_NOTHING_EXECUTED = (
    f"You do not have the {_NOT_PERMITTED}",
    _EXPIRED,
    "No deployment exists with releaseName",
)
_NO_DEPLOYMENT = re.compile(r"No deployment exists|\bDeployment\b.*\bnot found", re.IGNORECASE)
_NOT_FOUND = re.compile(r"\bnot found\b|No \w+ exists", re.IGNORECASE)
# Error names of Apollo and similar servers.
_NOT_KNOWN = re.compile(r"authenticat|unauthori[sz]ed", re.IGNORECASE)
_FORBIDDEN = re.compile(r"permission|forbidden|authori[sz]ation", re.IGNORECASE)
# Error names that only a refusal has, and nothing that fails while it is executed: Apollo's own, and
# self-explanatory ones (assumed).
_REFUSAL = re.compile(
    r"GRAPHQL_(PARSE|VALIDATION)_FAILED|BAD_USER_INPUT|UNAUTHENTICATED"
    r"|(Not|Un)Authori[sz]ed(Error)?|Forbidden(Error)?"
    r"|(Permission|Authentication|Authori[sz]ation|Validation|\w*NotAllowed)Error"
    r"|(Resource|Deployment|Deploy)?NotFoundError",
    re.IGNORECASE,
)
# Further texts of graphql-js.
_UNKNOWN = (
    NO_FIELD,
    re.compile(r"Value [\"'](?P<name>\w+)[\"'] does not exist in [\"']\w+[\"'] enum"),
    NO_ARGUMENT,
    NO_TYPE,
    re.compile(r"Argument [\"'][\w.]+\((?P<name>\w+):\)[\"'] .*is required"),
    re.compile(r"(?:argument|Field) [\"'](?P<name>\w+)[\"'] .*(?:is required|must (?:not )?have a )"),
    re.compile(r"Variable [\"']\$(?P<name>\w+)[\"'] .*(?:used in position|got invalid value)"),
)
# These errors are not about a field of a deploy, which may have the same name.
_OF_OTHERS = re.compile(
    r"[Aa]rgument [\"']|Variable [\"']\$"
    r"|on type [\"'](Query|Mutation|AppConfig|Deployment|Self|AuthUser|User)[\"']"
)
_INVALID = "GRAPHQL_VALIDATION_FAILED"
_SUGGESTION = re.compile(r"Did you mean (?:the enum value )?[\"'](?P<name>\w+)[\"']")
# A mutation of this name is never suggested for a rollback.
DESTROYS = re.compile(r"delete|remove|destroy|purge", re.IGNORECASE)
HISTORY = "deployment.deployRevisions.get"
_READS_HISTORY = ("survey_history", "deploys", "deploys_by_release_name", "deploy")


def error_of_status(response: Response, context: RequestContext) -> RollbackError | None:
    """Return the error of an HTTP status that has one meaning with any body; None for others."""
    if response.status == 429:
        return rate_limited(response, context)
    if response.status == 401:
        return _token_refused(context, "HTTP 401")
    return None


def error_without_body(response: Response, context: RequestContext) -> RollbackError:
    """Return the error for an answer that is not GraphQL and whose status is not 2xx."""
    status = response.status
    if status == 403:
        return _not_permitted(context, "HTTP 403")
    # After a time-out of a gateway, the platform may have received the request.
    if status >= 500 or status == 408 or context.operation == "roll_back":
        return failed(context, f"HTTP {status}")
    return no_api(context, f"HTTP {status}")


def error_of_answer(answer: Answer, context: RequestContext, assumptions: Assumptions) -> RollbackError:
    """Return the domain error of an answer with errors; of several, the most specific one.

    A rollback request is refused only if every error is known to be a refusal. Otherwise it may have been
    carried out.
    """
    if context.operation == "roll_back":
        unclear = next((error for error in answer.errors if not _is_refusal(error)), None)
        if unclear is not None:
            return failed(context, unclear.message)
    found = [_error_of(error, context, assumptions) for error in answer.errors]
    return next(
        (error for error in found if not isinstance(error, (PlatformFailed, PlanRefused, OutcomeUnknown))),
        found[0],
    )


def _error_of(error: GraphQLError, context: RequestContext, assumptions: Assumptions) -> RollbackError:
    text, name = error.message, error.name
    if _EXPIRED in text:
        return TokenExpired(
            f"The token has expired: the platform refused to {context.description}. Put a new one in the "
            "connection."
        )
    if is_invalid(error):
        return unknown_field(text, context, assumptions)
    if _NOT_KNOWN.search(name):
        return _token_refused(context, text)
    if _NOT_PERMITTED in text or _FORBIDDEN.search(name):
        return _not_permitted(context, text)
    if _NO_DEPLOYMENT.search(text):
        return _no_deployment(context, text)
    if context.operation in ("deploy", "roll_back") and _NOT_FOUND.search(text):
        return DeployNotFound(
            f"The platform does not have this deploy: {text}. List the history and choose from it."
        )
    if context.operation != "roll_back":
        return failed(context, text)
    return PlanRefused(f"The platform refused to {context.description}: {text}. Nothing was changed.")


def _is_refusal(error: GraphQLError) -> bool:
    """Whether an error is known to mean that nothing was executed."""
    # graphql-js validates before it executes; only an execution error has a path.
    if error.field is None and is_invalid(error):
        return True
    return error.message.startswith(_NOTHING_EXECUTED) or _REFUSAL.fullmatch(error.name) is not None


def _unknown_name(text: str) -> str | None:
    return next((match["name"] for pattern in _UNKNOWN if (match := pattern.search(text))), None)


def is_invalid(error: GraphQLError) -> bool:
    """Whether the server refused a document that does not fit its schema, before it executed anything."""
    return _INVALID in (error.code, error.name) or _unknown_name(error.message) is not None


def unknown_field(text: str, context: RequestContext, assumptions: Assumptions) -> UnknownField:
    """Return the error for a name that the installation's schema does not have, with the setting to add."""
    name = _unknown_name(text)
    what = f"does not have {name!r}, which" if name else "does not accept what"
    return UnknownField(
        f"This installation's API {what} the request to {context.description} uses: "
        f"{text} Nothing was done. Find its name in the installation's schema and set it in the connection's "
        f"extra: {suggested_setting(text, context, assumptions)}"
    )


def suggested_setting(text: str, context: RequestContext, assumptions: Assumptions) -> str:
    """Return the setting, as JSON, that corrects the name in a server's error.

    The server's own suggestion is in it, if it has one.
    """
    name, found = _unknown_name(text), _SUGGESTION.search(text)
    likely = found["name"] if found and not DESTROYS.search(found["name"]) else None
    fields = {} if _OF_OTHERS.search(text) else assumptions.deploy_fields
    for ours, path in fields.items():
        if path and name in path.split("."):
            there = "<its name there, or null if there is none>"
            if likely and likely not in fields.values():  # else it has another meaning
                there = ".".join(likely if part == name else part for part in path.split("."))
            return json.dumps({"assumptions": {"deploy_fields": {ours: there}}})
    for ours, word in assumptions.scopes.items():
        if word == name:
            new = likely if likely and likely not in assumptions.scopes.values() else "<the word there>"
            return json.dumps({"assumptions": {"scopes": {ours: new}}})
    template = assumptions.template(context.operation)
    document, path = "<GraphQL>", "<path of its result>"
    if name and likely:
        # A variable keeps its name: its value is sent under it.
        plain = " ".join(re.sub(r"(?m)^#.*$", "", template.documents[0]).split())
        document = re.sub(rf"(?<!\$)\b{name}\b(?=\s*[({{:!])", likely, plain)
        path = re.sub(rf"\b{name}\b", likely, template.paths["result"])
    return json.dumps({"assumptions": {context.operation: {"document": document, "path": path}}})


def statuses_setting(words: Iterable[str]) -> str:
    """Return the setting, as JSON, that gives words for a deploy's status a meaning."""
    meanings = dict.fromkeys(words, "<in progress, succeeded or failed>")
    return json.dumps({"assumptions": {"statuses": meanings}})


def _token_refused(context: RequestContext, text: str) -> TokenRefused:
    return TokenRefused(
        f"The platform does not accept the token ({text}) and refused to {context.description}. Put a valid "
        "one in the connection's password: a service account's API key or a user's token."
    )


def _not_permitted(context: RequestContext, text: str) -> PermissionMissing:
    names = context.permissions or ((HISTORY,) if context.operation in _READS_HISTORY else ())
    lacking = (
        f"the permission{'s' if len(names) > 1 else ''} {' and '.join(names)}" if names else "a permission"
    )
    return PermissionMissing(
        f"The token lacks {lacking} to {context.description} ({text}). Use a token with the role "
        "DEPLOYMENT_EDITOR or above on the Deployment, or have the permission granted."
    )


def _no_deployment(context: RequestContext, text: str) -> DeploymentNotFound:
    return DeploymentNotFound(
        f"There is no such Deployment, or the token may not read it: {text}. The request was to "
        f"{context.description}.{context.hint}"
    )
