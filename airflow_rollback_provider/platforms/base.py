# SPDX-License-Identifier: Apache-2.0
"""What a platform is to the rest of the package.

A verb is a *flow*: a generator that yields requests, is sent the answers and returns a domain value.
It does no I/O of its own, so that one implementation serves tasks (``requests``) and the triggerer
(``httpx``) alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Access, Capabilities, Deploy, Deployment, Scope
    from airflow_rollback_provider.domain.findings import Finding
    from airflow_rollback_provider.http.messages import Flow


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
    :param page: the latest deploys.
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

    def survey(self, deployment: str) -> Flow[Survey]:
        """Read a Deployment, what may be done to it, and its latest deploys.

        :param deployment: its id, or its release name (hosted Astro: name or namespace).
        :raises DeploymentNotFound: when there is none.
        """

    def deployment(self, deployment: str) -> Flow[Deployment]:
        """Read a Deployment.

        :param deployment: its id, or its release name (hosted Astro: name or namespace).
        :raises DeploymentNotFound: when there is none.
        """

    def deploys(self, deployment_id: str, cursor: str | None = None, limit: int | None = None) -> Flow[Page]:
        """Read one page of a deploy history.

        :param cursor: where it begins, from the page before; None begins with the latest deploy.
        :param limit: how many deploys it has at most; None leaves that to the platform, which then shows at
            first some hundred.
        """

    def deploy(self, deployment_id: str, deploy_id: str) -> Flow[Deploy]:
        """Read one deploy.

        :raises DeployNotFound: when the Deployment has none with this id.
        """

    def roll_back(
        self, deployment: Deployment, target: Deploy, scope: Scope, description: str
    ) -> Flow[Deploy]:
        """Start a rollback; its request is not repeatable. Return the new deploy as the platform shows it.

        :raises RollbackRefused: when the platform refuses it or does not offer the scope.
        """

    def logs(self, deployment: Deployment, since: datetime) -> Flow[tuple[LogLine, ...]]:
        """Read what the platform logged about the Deployment's deploys since a time, oldest first.

        :raises Unsupported: where the platform serves no logs.
        """

    def history_url(self, deployment: Deployment) -> str | None:
        """Return the page of the Deployment's deploy history in the UI, None where it is not known."""

    def check(self) -> Flow[str]:
        """Check that the platform answers and accepts the token; return a sentence that says so."""

    def diagnose(self, deployment: str | None) -> Flow[tuple[Finding, ...]]:
        """Look at everything that must hold, the network aside, and say what does not. Changes nothing.

        It raises nothing of this package: what cannot be read is a finding. What the platform does not tell
        is left out.

        :param deployment: a Deployment to look at as well, named as for :meth:`deployment`; None for none.
        """
