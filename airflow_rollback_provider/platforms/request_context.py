# SPDX-License-Identifier: Apache-2.0
"""Description of a request for error messages, and the errors that every platform has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import (
    OutcomeUnknown,
    PlatformFailed,
    PlatformUnreachable,
    RateLimited,
    RollbackError,
)

if TYPE_CHECKING:
    from airflow_rollback_provider.http.messages import Response

_DESCRIPTIONS = {
    "survey_context": "read the Deployment and the installation's settings",
    "deployment": "read the Deployment",
    "deployment_before_1_0": "read the Deployment",
    "workspace_deployments": "find the Deployment by its release name",
    "all_deployments": "list the Deployments",
    "deployments": "find the Deployment by its name",
    "survey_history": "read the deploy history",
    "deploys": "read the deploy history",
    "deploys_by_release_name": "read the deploy history by release name",
    "deploy": "read a deploy",
    "prove": "check that the platform knows the rollback request",
    "roll_back": "roll the Deployment back",
    "logs": "read the Deployment's logs",
    "check": "check the connection",
}


@dataclass(frozen=True)
class RequestContext:
    """Context of a request, for error messages.

    :param permissions: permissions that this request needs, if they differ from request to request.
    :param subject: the object of the request, for example ``Deployment c1…``.
    :param hint: addition to the error for a Deployment that does not exist.
    """

    operation: str
    permissions: tuple[str, ...] = ()
    subject: str = ""
    hint: str = ""

    @property
    def description(self) -> str:
        """The request in words, for example ``read the Deployment (Deployment c1…)``."""
        words = _DESCRIPTIONS.get(self.operation, self.operation)
        return f"{words} ({self.subject})" if self.subject else words


def failed(context: RequestContext, detail: str) -> RollbackError:
    """Return the error of a request that may have been carried out, or failed on the platform."""
    message = f"The request to {context.description} failed on the platform ({detail})."
    if context.operation == "roll_back":
        return OutcomeUnknown(message)
    return PlatformFailed(f"{message} The failure may be temporary; try again.")


def no_api(context: RequestContext, detail: str) -> PlatformUnreachable:
    """Return the error of an answer that is not the platform's."""
    return PlatformUnreachable(
        f"No platform API answers at this address: the answer to the request to {context.description} was "
        f"{detail}. Check the base URL; it ends in /v1."
    )


def rate_limited(response: Response, context: RequestContext) -> RateLimited:
    """Return the error of an answer with HTTP 429."""
    wait = response.headers.get("retry-after")
    after = f" Its answer has Retry-After {wait[:40]!r}." if wait else ""
    return RateLimited(
        f"The platform limits the rate of requests and refused to {context.description} (HTTP 429).{after} "
        "Try again later."
    )
