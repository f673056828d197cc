# SPDX-License-Identifier: Apache-2.0
"""What a platform is to the rest of the package.

A verb is a *conversation*: a generator that yields requests, is sent the answers and returns a domain value.
It does no I/O of its own, so that one implementation serves tasks (``requests``) and the triggerer
(``httpx``) alike.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from airflow_rollback_provider.domain.errors import MalformedAnswer

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Access, Capabilities, Deploy, Deployment, Scope
    from airflow_rollback_provider.domain.findings import Finding

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    :param operation: what it asks for, for logs and errors.
    :param method: HTTP method.
    :param url: absolute URL.
    :param body: JSON-ready body, or None for no body. That of a login holds the password: never log it.
    :param headers: headers besides the transport's own. They hold the token: never log them.
    :param repeatable: whether sending it twice is the same as sending it once.
    :param whom: who is asked, for errors; begins a sentence.
    """

    operation: str
    method: str
    url: str
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    repeatable: bool = True
    whom: str = "The platform"


@dataclass(frozen=True)
class Response:
    """The answer to a request, whatever its status.

    :param status: HTTP status.
    :param headers: with names in lower case.
    :param body: the bytes as they came.
    :param received_at: local time of arrival, to compare clocks with the platform's.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime

    @property
    def platform_time(self) -> datetime | None:
        """The platform's clock as its ``Date`` header tells, or None."""
        try:
            moment = parsedate_to_datetime(self.headers["date"])
        except (KeyError, TypeError, ValueError):
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

    def json(self, operation: str) -> Any:
        """Read the body as JSON.

        :raises MalformedAnswer: when it is not JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "no content type")
            raise MalformedAnswer(
                f"The platform's answer to {operation!r} (HTTP {self.status}, {kind}, {len(self.body)} "
                f"bytes) is not JSON. "
                "A proxy or a login page may stand in between: check the base URL."
            ) from None


Conversation = Generator[Request, Response, T]


@dataclass(frozen=True)
class Page:
    """Some deploys, newest first.

    :param deploys: the deploys.
    :param next_cursor: where the next page begins, None after the last one.
    """

    deploys: tuple[Deploy, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Survey:
    """All that a plan needs, read in as few requests as the platform allows.

    :param deployment: the Deployment.
    :param access: what the token may do and what is switched on.
    :param page: the newest deploys.
    :param now: the platform's clock, local time where it does not tell.
    :param clock_skew: how far the local clock is ahead of the platform's; None where that is not known.
    """

    deployment: Deployment
    access: Access
    page: Page
    now: datetime
    clock_skew: timedelta | None = None


@dataclass(frozen=True)
class LogLine:
    """One line that the platform logged."""

    id: str
    at: datetime
    message: str
    component: str = ""


class Platform(Protocol):
    """The verbs.

    Every verb may raise :class:`AccessDenied` and :class:`PlatformError` besides what it names.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What the platform can do at all."""

    @property
    def address(self) -> str:
        """The URL that requests begin with."""

    def survey(self, deployment: str) -> Conversation[Survey]:
        """Read a Deployment, what may be done to it, and its newest deploys.

        :param deployment: its id, or its release name (hosted Astro: name or namespace).
        :raises DeploymentNotFound: when there is none.
        """

    def deployment(self, deployment: str) -> Conversation[Deployment]:
        """Read a Deployment.

        :param deployment: its id, or its release name (hosted Astro: name or namespace).
        :raises DeploymentNotFound: when there is none.
        """

    def deploys(
        self, deployment_id: str, cursor: str | None = None, limit: int | None = None
    ) -> Conversation[Page]:
        """Read one page of a deploy history.

        :param cursor: where it begins, from the page before; None begins with the newest deploy.
        :param limit: how many deploys it has at most; None leaves that to the platform, which then shows at
            first some hundred.
        """

    def deploy(self, deployment_id: str, deploy_id: str) -> Conversation[Deploy]:
        """Read one deploy.

        :raises DeployNotFound: when the Deployment has none with this id.
        """

    def roll_back(
        self, deployment: Deployment, target: Deploy, scope: Scope, description: str
    ) -> Conversation[Deploy]:
        """Start a rollback; its request is not repeatable. Return the new deploy as the platform shows it.

        :raises RollbackRefused: when the platform refuses it or does not offer the scope.
        """

    def logs(self, deployment: Deployment, since: datetime) -> Conversation[tuple[LogLine, ...]]:
        """Read what the platform logged about the Deployment's deploys since a time, oldest first.

        :raises Unsupported: where the platform serves no logs.
        """

    def history_url(self, deployment: Deployment) -> str | None:
        """Return the page of the Deployment's deploy history in the UI, None where it is not known."""

    def check(self) -> Conversation[str]:
        """Check that the platform answers and accepts the token; return a sentence that says so."""

    def diagnose(self, deployment: str | None) -> Conversation[tuple[Finding, ...]]:
        """Look at everything that must hold, the network aside, and say what does not. Changes nothing.

        It raises nothing of this package: what cannot be read is a finding. What the platform does not tell
        is left out.

        :param deployment: a Deployment to look at as well, named as for :meth:`deployment`; None for none.
        """
