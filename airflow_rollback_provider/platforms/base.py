# SPDX-License-Identifier: Apache-2.0
"""The interface of a platform, and the values that it returns.

A method returns a *flow*, see :mod:`airflow_rollback_provider.http.messages`.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from airflow_rollback_provider.domain.errors import DeployNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_rollback_provider.domain.deploys import Access, Capabilities, Deploy, Deployment, Scope
    from airflow_rollback_provider.domain.findings import Finding
    from airflow_rollback_provider.http.messages import Flow

# The platforms' ids: 25 characters from a to z and 0 to 9, or a UUID. Release names have words with hyphens,
# and names have capitals, spaces or hyphens.
LOOKS_LIKE_ID = re.compile(r"[a-z0-9]{20,40}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CAN_BE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

_RECENT_IDS = 500


@dataclass(frozen=True)
class Page:
    """A page of a deploy history.

    :param deploys: the deploys, newest first.
    :param next_cursor: cursor of the next page, None after the last one.
    """

    deploys: tuple[Deploy, ...]
    next_cursor: str | None


def walk(page: Page, fetch: Callable[[str], Page]) -> Iterator[Deploy]:
    """Yield the deploys of a page and of all following ones, each once. A page is read when it is needed.

    The memory use does not grow with the history, because a deploy repeats only near its first place. A cycle
    of cursors ends the walk; it is found by comparison with one kept cursor (Brent's method).

    :param fetch: returns the page at a cursor.
    """
    recent: deque[str] = deque(maxlen=_RECENT_IDS)
    kept, steps, limit = None, 0, 1
    while True:
        known = set(recent)
        for deploy in page.deploys:
            if deploy.id not in known:
                known.add(deploy.id)
                recent.append(deploy.id)
                yield deploy
        cursor = page.next_cursor
        if cursor is None or cursor == kept:
            return
        steps += 1
        if steps == limit:
            kept, steps, limit = cursor, 0, limit * 2
        page = fetch(cursor)


@dataclass(frozen=True)
class Survey:
    """The input of a plan, read with as few requests as the platform allows.

    :param access: the token's permissions and the switches.
    :param page: the latest deploys.
    :param now: the platform's time; local time if the platform does not send it.
    :param clock_skew: how far the local clock is ahead of the platform's; None if that is unknown.
    """

    deployment: Deployment
    access: Access
    page: Page
    now: datetime
    clock_skew: timedelta | None = None


@dataclass(frozen=True)
class LogLine:
    """One log line of the platform."""

    id: str
    at: datetime
    message: str


class Platform(Protocol):
    """A platform.

    Every flow may raise :class:`AccessDenied` and :class:`PlatformError` besides the named errors.
    """

    @property
    def capabilities(self) -> Capabilities:
        """The features of the platform."""

    @property
    def address(self) -> str:
        """The base URL of the API."""

    def survey(self, deployment: str) -> Flow[Survey]:
        """Read a Deployment, the token's permissions and the switches, and its latest deploys.

        :param deployment: its id, or its release name (hosted Astro: name or namespace).
        :raises DeploymentNotFound: when there is none.
        """

    def deployment(self, deployment: str) -> Flow[Deployment]:
        """Read a Deployment.

        :param deployment: its id, or its release name (hosted Astro: name or namespace).
        :raises DeploymentNotFound: when there is none.
        """

    def list_deployments(self) -> Flow[tuple[Deployment, ...]]:
        """Read the ids and names of all Deployments that the token may read, in no certain order.

        It takes one request for each hundred, and one more.
        """

    def deploys(self, deployment_id: str, cursor: str | None = None, limit: int | None = None) -> Flow[Page]:
        """Read one page of a deploy history.

        :param cursor: start of the page, from the page before; None begins with the latest deploy.
        :param limit: maximum number of deploys; None takes the platform's default, some hundred for the
            first page.
        """

    def deploy(self, deployment_id: str, deploy_id: str) -> Flow[Deploy]:
        """Read one deploy.

        :raises DeployNotFound: when the Deployment has none with this id.
        """

    def roll_back(
        self, deployment: Deployment, target: Deploy, scope: Scope, description: str
    ) -> Flow[Deploy]:
        """Start a rollback and return the new deploy. The request is not repeatable.

        :raises RollbackRefused: when the platform refuses it or does not have the scope.
        :raises OutcomeUnknown: when the answer does not show whether it was carried out.
        """

    def logs(self, deployment: Deployment, since: datetime) -> Flow[tuple[LogLine, ...]]:
        """Read the platform's log lines about the Deployment's deploys since a time, oldest first.

        :raises Unsupported: when the platform serves no logs.
        """

    def history_url(self, deployment: Deployment) -> str | None:
        """Return the address of the Deployment's deploy history in the UI, None if it is unknown."""

    def diagnose(self, deployment: str | None) -> Flow[tuple[Finding, ...]]:
        """Check the connection beyond the network and return the findings. It changes nothing.

        It raises no error of this package: a failed read is a finding. Checks that the platform does not
        support have no finding.

        :param deployment: a Deployment to check as well, as for :meth:`deployment`; None for none.
        """


@runtime_checkable
class ProvesRequest(Protocol):
    """A platform that can validate the rollback request without running it."""

    def prove(self, access: Access) -> Flow[Access]:
        """Return the access with whether the platform knows the rollback request, which is not run.

        At most one request for a connection and process.
        """


def require_deploy_id(deploy_id: str) -> None:
    """Check the form of an id before it is sent.

    :raises DeployNotFound: when no deploy has such an id.
    """
    if not CAN_BE_ID.fullmatch(deploy_id):
        raise DeployNotFound(
            f"{deploy_id[:80]!r} is not an id of a deploy. List the history and choose from it."
        )


def require_own(deploy: Deploy, deployment_id: str) -> Deploy:
    """Return a deploy that was read by its id.

    :raises DeployNotFound: when it belongs to another Deployment.
    """
    if deploy.deployment_id != deployment_id:
        raise DeployNotFound(
            f"Deploy {deploy.id} belongs to Deployment {deploy.deployment_id}, not to {deployment_id}. "
            "Choose a deploy from this Deployment's history."
        )
    return deploy
