# SPDX-License-Identifier: Apache-2.0
"""Hosted Astro: the verbs as flows with its Platform API (REST, v1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.checks import default_scope
from airflow_rollback_provider.domain.deploys import Access, Capabilities, Deploy, Deployment, Scope
from airflow_rollback_provider.domain.errors import (
    DeploymentNotFound,
    DeployNotFound,
    MalformedAnswer,
    OutcomeUnknown,
    Unsupported,
)
from airflow_rollback_provider.platforms.astro.api import Api
from airflow_rollback_provider.platforms.astro.errors import HISTORY, ROLL_BACK, RequestContext
from airflow_rollback_provider.platforms.astro.mapping import (
    MECHANISMS,
    read_count,
    read_deploy,
    read_deployment,
    read_rows,
)
from airflow_rollback_provider.platforms.astro.names import find_deployment
from airflow_rollback_provider.platforms.astro.paging import FIRST_PAGE, Window, read_page
from airflow_rollback_provider.platforms.base import LogLine, Page, Survey
from airflow_rollback_provider.platforms.history_page import fill

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.findings import Finding
    from airflow_rollback_provider.domain.versions import RuntimeVersion
    from airflow_rollback_provider.http.messages import Flow, Response
    from airflow_rollback_provider.http.secret import Secret

NAME = "Astro"
DESCRIPTION_LIMIT = 500
# The Overview tab shows the deploy history (documentation); its address is what astro-cli prints.
HISTORY_URL = "{app}/{workspace_id}/deployments/{deployment_id}/overview"

# The platform's ids: 25 characters from a to z and 0 to 9, or a UUID. Names have capitals, spaces or hyphens.
_LOOKS_LIKE_ID = re.compile(r"[a-z0-9]{20,40}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CAN_BE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class AstroSettings:
    """What it takes to talk to hosted Astro.

    :param endpoint: base URL of the API, its version included.
    :param organization_id: the Organization that the Deployments belong to.
    :param token: an API token or a user's token.
    :param app_url: base address of the platform's UI, None where it is not known.
    :param history_url: template of the address of a Deployment's deploy history.
    :param retention_days: age in days up to which a deploy may be rolled back to.
    :param restricted: Runtime versions to warn of; no public query tells them.
    """

    endpoint: str
    organization_id: str
    token: Secret
    app_url: str | None = None
    history_url: str = HISTORY_URL
    retention_days: float = 90.0
    restricted: frozenset[RuntimeVersion] = frozenset()


class Astro:
    """Hosted Astro as one token sees it.

    :param settings: what it takes to talk to it.
    """

    def __init__(self, settings: AstroSettings) -> None:
        self._settings = settings
        self._api = Api(settings.endpoint, settings.organization_id, settings.token)

    @property
    def capabilities(self) -> Capabilities:
        """What the platform can do at all."""
        return Capabilities(
            name=NAME,
            scopes=False,
            mechanisms=MECHANISMS,
            logs=False,
            reasons=False,
            reports_access=False,
            reports_switches=False,
            reports_image=True,
            permissions={"image": ROLL_BACK, "dags": ROLL_BACK},
            history_permission=HISTORY,
            description_limit=DESCRIPTION_LIMIT,
            retention_days=self._settings.retention_days,
            latest_always_allowed=True,
            restricted=self._settings.restricted,
        )

    @property
    def address(self) -> str:
        """The URL that requests begin with."""
        return self._settings.endpoint

    def survey(self, deployment: str) -> Flow[Survey]:
        """Read a Deployment and its latest deploys; what the token may do cannot be asked.

        It takes two requests, more for a namespace.

        :raises DeploymentNotFound: when there is none.
        """
        found = yield from self.deployment(deployment)
        window, response = yield from self._read_window(found.id, 0, FIRST_PAGE)
        now = response.platform_time
        skew = response.received_at - now if now else None
        return Survey(found, Access(), window.page(0, FIRST_PAGE), now or response.received_at, skew)

    def deployment(self, deployment: str) -> Flow[Deployment]:
        """Read a Deployment by id, name or namespace.

        :raises DeploymentNotFound: when there is none.
        :raises AmbiguousTarget: when several have this name.
        """
        name = deployment.strip() if isinstance(deployment, str) else ""
        if not _LOOKS_LIKE_ID.fullmatch(name):
            return (yield from find_deployment(self._api, name))
        row, _ = yield from self._api.read(
            RequestContext("deployment", subject=f"Deployment {name}"), "deployments", name
        )
        return read_deployment(row)

    def deploys(self, deployment_id: str, cursor: str | None = None, limit: int | None = None) -> Flow[Page]:
        """Read one page of a deploy history; None takes 100 rows at first and 1,000 from then on."""
        return (yield from read_page(partial(self._window, deployment_id), cursor, limit))

    def deploy(self, deployment_id: str, deploy_id: str) -> Flow[Deploy]:
        """Read one deploy.

        :raises DeployNotFound: when the Deployment has none with this id.
        """
        context = RequestContext("deploy", subject=f"deploy {deploy_id} of Deployment {deployment_id}")
        row, _ = yield from self._api.read(context, *_entry(deployment_id, deploy_id))
        found = read_deploy(row)
        if found.deployment_id != deployment_id:
            raise DeployNotFound(
                f"Deploy {deploy_id} belongs to Deployment {found.deployment_id}, not to {deployment_id}. "
                "Choose a deploy from this Deployment's history."
            )
        return found

    def roll_back(
        self, deployment: Deployment, target: Deploy, scope: Scope, description: str
    ) -> Flow[Deploy]:
        """Start a rollback; its request is not repeatable. Return the new deploy as the platform shows it.

        :raises Unsupported: for another scope than the one that the Deployment's mechanism has.
        :raises RollbackRefused: when the platform refuses it.
        :raises OutcomeUnknown: when it may have been carried out and the answer does not tell.
        """
        whole = default_scope(deployment.mechanism)
        if scope is not whole:
            raise Unsupported(
                f"{NAME} cannot limit a rollback to one part: it brings back {whole} of {deployment} (asked "
                f"for: {scope}). Nothing was sent. Leave the scope out."
            )
        context = RequestContext("roll_back", subject=f"{deployment} to deploy {target.id}")
        path = (*_entry(deployment.id, target.id), "rollback")
        try:
            row, _ = yield from self._api.change(context, *path, body={"description": description})
            return read_deploy(row)
        except MalformedAnswer as error:
            raise OutcomeUnknown(f"The answer to the rollback request cannot be read. {error}") from None

    def logs(self, deployment: Deployment, since: datetime) -> Flow[tuple[LogLine, ...]]:
        """Refuse: the API has no logs.

        :raises Unsupported: always.
        """
        raise Unsupported(
            f"{NAME} serves no log lines of rollbacks. Look in its UI at those of {deployment} since {since}."
        )
        yield  # makes it a flow

    def history_url(self, deployment: Deployment) -> str | None:
        """Return the page of the deploy history; None where the Deployment's Workspace is not known."""
        return fill(
            self._settings.history_url,
            {
                "app": self._settings.app_url,
                "deployment_id": deployment.id,
                "release_name": deployment.release_name,
                "workspace_id": deployment.workspace_id,
                "organization_id": self._settings.organization_id,
            },
        )

    def check(self) -> Flow[str]:
        """Check that the platform answers and accepts the token for the Organization, in one request."""
        organization = self._settings.organization_id
        context = RequestContext(
            "check",
            subject=f"Organization {organization}",
            hint=" A token of a single Deployment may be refused here and be good for that one all the same: "
            "name the Deployment by its id.",
        )
        row, _ = yield from self._api.read(context, "deployments", limit=1)
        count = read_count(row, "totalCount")
        return (
            f"{NAME} accepts the token, which sees {count:,} Deployment(s) of the Organization "
            f"{organization}. Whose it is and what it may do cannot be asked."
        )

    def diagnose(self, deployment: str | None) -> Flow[tuple[Finding, ...]]:
        """Look at everything that must hold, the network aside, and say what does not. Changes nothing.

        :param deployment: id, name or namespace of a Deployment to look at as well; None for none.
        """
        from airflow_rollback_provider.platforms.astro.doctor import AstroDoctor

        return (yield from AstroDoctor(self).run(deployment))

    def _window(self, deployment_id: str, start: int, size: int) -> Flow[Window]:
        window, _ = yield from self._read_window(deployment_id, start, size)
        return window

    def _read_window(self, deployment_id: str, start: int, size: int) -> Flow[tuple[Window, Response]]:
        context = RequestContext("deploys", subject=f"Deployment {deployment_id}")
        row, response = yield from self._api.read(context, *_history(deployment_id), offset=start, limit=size)
        rows = tuple(read_deploy(one) for one in read_rows(row, "deploys", context.operation))
        window = Window(start, rows, read_count(row, "totalCount"))
        window.require_latest_first()
        return window, response


def _history(deployment_id: str) -> tuple[str, ...]:
    """Return where a Deployment's history is. An id of dots would lead elsewhere, quoted or not."""
    if not _CAN_BE_ID.fullmatch(deployment_id):
        raise DeploymentNotFound(f"{deployment_id[:80]!r} is no id of a Deployment.")
    return "deployments", deployment_id, "deploys"


def _entry(deployment_id: str, deploy_id: str) -> tuple[str, ...]:
    """Return where a deploy is."""
    if not _CAN_BE_ID.fullmatch(deploy_id):
        raise DeployNotFound(f"{deploy_id[:80]!r} is no id of a deploy. List the history and choose from it.")
    return *_history(deployment_id), deploy_id
