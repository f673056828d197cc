# SPDX-License-Identifier: Apache-2.0
"""What was asked of a platform, in words, and the refusals that every platform tells alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import RateLimited

if TYPE_CHECKING:
    from airflow_rollback_provider.http.messages import Response

_PURPOSES = {
    "survey_context": "read the Deployment and the installation's settings",
    "deployment": "read the Deployment",
    "deployment_before_1_0": "read the Deployment",
    "workspace_deployments": "find the Deployment by its release name",
    "deployments": "find the Deployment by its name",
    "survey_history": "read the deploy history",
    "deploys": "read the deploy history",
    "deploy": "read a deploy",
    "roll_back": "roll the Deployment back",
    "logs": "read the Deployment's logs",
    "check": "check the connection",
}


@dataclass(frozen=True)
class RequestContext:
    """What was asked, for the words of an error.

    :param operation: name of the operation.
    :param permissions: permissions that it takes, where they are published.
    :param subject: what it was asked of, for example ``Deployment c1…``.
    :param hint: what to add when there is no such Deployment.
    """

    operation: str
    permissions: tuple[str, ...] = ()
    subject: str = ""
    hint: str = ""

    @property
    def purpose(self) -> str:
        """What the request was for, in words."""
        words = _PURPOSES.get(self.operation, self.operation)
        return f"{words} ({self.subject})" if self.subject else words

    @property
    def needed(self) -> tuple[str, ...]:
        """Names of the permissions that it takes."""
        return self.permissions

    @property
    def lacking(self) -> str:
        """What a token lacks that is not permitted this."""
        names = " and ".join(self.needed)
        if not names:
            return "a permission"
        return f"the permission {names}" if len(self.needed) == 1 else f"the permissions {names}"


def rate_limited(response: Response, context: RequestContext) -> RateLimited:
    """Return the error of an answer with HTTP 429."""
    wait = response.headers.get("retry-after")
    after = f" It asks to wait: Retry-After {wait[:40]!r}." if wait else ""
    return RateLimited(
        f"The platform has had too many requests to {context.purpose} (HTTP 429).{after} Try again later."
    )
