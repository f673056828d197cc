# SPDX-License-Identifier: Apache-2.0
"""Hosted Astro: a client of its Platform API (REST, v1)."""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.checks import default_scope
from airflow_rollback_provider.domain.deploys import Access, Capabilities, Deploy, Deployment, Scope
from airflow_rollback_provider.domain.errors import (
    AmbiguousTarget,
    DeploymentNotFound,
    MalformedAnswer,
    OutcomeUnknown,
    Unsupported,
)
from airflow_rollback_provider.platforms.astro.api import Api
from airflow_rollback_provider.platforms.astro.errors import HISTORY, ROLL_BACK
from airflow_rollback_provider.platforms.astro.mapping import (
    MECHANISMS,
    read_deploy,
    read_deployment,
    read_rows,
    read_total,
)
from airflow_rollback_provider.platforms.astro.paging import FIRST_PAGE, Window, read_page
from airflow_rollback_provider.platforms.base import (
    CAN_BE_ID,
    LOOKS_LIKE_ID,
    LogLine,
    Page,
    Survey,
    require_deploy_id,
    require_own,
)
from airflow_rollback_provider.platforms.history_page import fill
from airflow_rollback_provider.platforms.request_context import RequestContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.domain.findings import Finding
    from airflow_rollback_provider.http.messages import Flow, Response
    from airflow_rollback_provider.platforms.astro.settings import AstroSettings

NAME = "Astro"
DESCRIPTION_LIMIT = 500

_LONGEST_NAME = 200
# A Kubernetes label.
_CAN_BE_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Each row contains all settings and variables of a Deployment.
_DEPLOYMENTS_PER_PAGE = 100
# In this order a new Deployment does not move the unread ones.
_OLDEST_FIRST = "createdAt:asc"
_BUNDLE_ROLLBACK = "/deployments/{deployment_id}/bundles/{bundle_id}/rollback"
_USE_THE_ID = " A token of a single Deployment may not list Deployments: name the Deployment by its id."

_ALL = RequestContext("all_deployments", hint=_USE_THE_ID)


class Astro:
    """Hosted Astro, with one token."""

    def __init__(self, settings: AstroSettings) -> None:
        self._settings = settings
        self._api = Api(settings.endpoint, settings.organization_id, settings.token)

    @property
    def capabilities(self) -> Capabilities:
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
            bundle_endpoint=f"POST {self._api.base}{_BUNDLE_ROLLBACK}",
        )

    @property
    def address(self) -> str:
        return self._settings.endpoint

    def survey(self, deployment: str) -> Flow[Survey]:
        """Read a Deployment and its latest deploys; no request returns the token's permissions.

        It takes two requests, more for a namespace.
        """
        found = yield from self.deployment(deployment)
        window, response = yield from self._read_window(found.id, 0, FIRST_PAGE)
        now = response.platform_time or response.received_at
        return Survey(found, Access(), window.page(0, FIRST_PAGE), now, response.clock_skew)

    def deployment(self, deployment: str) -> Flow[Deployment]:
        """Read a Deployment by id, name or namespace.

        :raises DeploymentNotFound: when there is none.
        :raises AmbiguousTarget: when several have this name.
        """
        name = deployment.strip() if isinstance(deployment, str) else ""
        if not LOOKS_LIKE_ID.fullmatch(name):
            return (yield from _find_deployment(self._api, name))
        row, _ = yield from self._api.read(
            RequestContext("deployment", subject=f"Deployment {name}"), "deployments", name
        )
        return read_deployment(row)

    def list_deployments(self) -> Flow[tuple[Deployment, ...]]:
        """Read all Deployments of the Organization that the token may read."""
        return (yield from _list_all(self._api, _ALL))

    def deploys(self, deployment_id: str, cursor: str | None = None, limit: int | None = None) -> Flow[Page]:
        """Read one page of a deploy history; None takes 100 rows at first and 1,000 from then on."""
        return (yield from read_page(partial(self._window, deployment_id), cursor, limit))

    def deploy(self, deployment_id: str, deploy_id: str) -> Flow[Deploy]:
        context = RequestContext("deploy", subject=f"deploy {deploy_id} of Deployment {deployment_id}")
        row, _ = yield from self._api.read(context, *_entry(deployment_id, deploy_id))
        return require_own(read_deploy(row), deployment_id)

    def roll_back(
        self, deployment: Deployment, target: Deploy, scope: Scope, description: str
    ) -> Flow[Deploy]:
        whole = default_scope(deployment.mechanism)
        if scope is not whole:
            raise Unsupported(
                f"{NAME} cannot limit a rollback to one part: it brings back {whole} of {deployment}, and "
                f"the scope is {scope}. Nothing was sent. Leave the scope out."
            )
        context = RequestContext("roll_back", subject=f"{deployment} to deploy {target.id}")
        path = (*_entry(deployment.id, target.id), "rollback")
        try:
            row, _ = yield from self._api.change(context, *path, body={"description": description})
            return read_deploy(row)
        except MalformedAnswer as error:
            raise OutcomeUnknown(f"The answer to the rollback request cannot be read. {error}") from None

    def logs(self, deployment: Deployment, since: datetime) -> Flow[tuple[LogLine, ...]]:
        raise Unsupported(
            f"{NAME} serves no log lines of rollbacks. Read those of {deployment} since {since} in its UI."
        )
        yield  # makes the method a flow

    def history_url(self, deployment: Deployment) -> str | None:
        """Return the address of the deploy history; None if the Deployment's Workspace is unknown."""
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
        """Check with one request that the platform accepts the token for the Organization."""
        organization = self._settings.organization_id
        context = RequestContext(
            "check",
            subject=f"Organization {organization}",
            hint=" A token of a single Deployment may be refused here and still work for that Deployment: "
            "name the Deployment by its id.",
        )
        row, _ = yield from self._api.read(context, "deployments", limit=1)
        count = read_total(row)
        return (
            f"{NAME} accepts the token, which can list {count:,} Deployment(s) of the Organization "
            f"{organization}. Its owner and its permissions cannot be read."
        )

    def diagnose(self, deployment: str | None) -> Flow[tuple[Finding, ...]]:
        from airflow_rollback_provider.platforms.astro.doctor import AstroDoctor

        return (yield from AstroDoctor(self).run(deployment))

    def _window(self, deployment_id: str, start: int, size: int) -> Flow[Window]:
        window, _ = yield from self._read_window(deployment_id, start, size)
        return window

    def _read_window(self, deployment_id: str, start: int, size: int) -> Flow[tuple[Window, Response]]:
        context = RequestContext("deploys", subject=f"Deployment {deployment_id}")
        row, response = yield from self._api.read(context, *_history(deployment_id), offset=start, limit=size)
        rows = tuple(read_deploy(one) for one in read_rows(row, "deploys", context.operation))
        window = Window(start, rows, read_total(row))
        if rows and rows[0].created_at < rows[-1].created_at:
            raise MalformedAnswer(
                "The platform lists the deploy history with the oldest deploy first, and this version of the "
                "package requires the latest deploy first. Nothing was done. Look for a newer version of "
                "this package."
            )
        return window, response


def _history(deployment_id: str) -> tuple[str, ...]:
    """Return the path of a Deployment's history. An id of dots would lead to another path, even quoted."""
    if not CAN_BE_ID.fullmatch(deployment_id):
        raise DeploymentNotFound(f"{deployment_id[:80]!r} is not an id of a Deployment.")
    return "deployments", deployment_id, "deploys"


def _entry(deployment_id: str, deploy_id: str) -> tuple[str, ...]:
    require_deploy_id(deploy_id)
    return *_history(deployment_id), deploy_id


def _find_deployment(api: Api, name: str) -> Flow[Deployment]:
    """Find a Deployment by its name or else by its namespace.

    A name takes one request. A namespace takes one more for each hundred Deployments, because the platform
    can only filter by name.

    :raises DeploymentNotFound: when there is none.
    :raises AmbiguousTarget: when several have the name, which is possible in different Workspaces.
    """
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise DeploymentNotFound(f"{name[:80]!r} is neither the id nor a name of a Deployment.")
    listed, _ = yield from _list_deployments(api, _by_name(name), names=name)
    named = [deployment for deployment in listed if deployment.name == name]
    if len(named) > 1:
        raise AmbiguousTarget(_ambiguous(name, named))
    found = named[0] if named else (yield from _in_namespace(api, name))
    if found is None:
        raise DeploymentNotFound(
            f"The connection's Organization has no Deployment with the id, name or namespace {name!r}, or "
            "the token may not read it."
        )
    return found


def _in_namespace(api: Api, name: str) -> Flow[Deployment | None]:
    if not _CAN_BE_NAMESPACE.fullmatch(name):
        return None
    listed = yield from _list_all(api, _by_name(name), lambda deployment: deployment.namespace == name)
    return next((deployment for deployment in listed if deployment.namespace == name), None)


def _list_all(
    api: Api, context: RequestContext, is_wanted: Callable[[Deployment], bool] = lambda _: False
) -> Flow[tuple[Deployment, ...]]:
    """Read all Deployments, or those up to the end of the page with a wanted one."""
    found: dict[str, Deployment] = {}
    listed: list[Deployment] = []
    start, total = 0, 1
    while start < total and not any(map(is_wanted, listed)):
        listed, total = yield from _list_deployments(api, context, offset=start, sorts=_OLDEST_FIRST)
        found |= {deployment.id: deployment for deployment in listed}
        start = start + len(listed) if listed else total
    return tuple(found.values())


def _by_name(name: str) -> RequestContext:
    return RequestContext("deployments", subject=repr(name), hint=_USE_THE_ID)


def _list_deployments(api: Api, context: RequestContext, **query: Any) -> Flow[tuple[list[Deployment], int]]:
    row, _ = yield from api.read(context, "deployments", limit=_DEPLOYMENTS_PER_PAGE, **query)
    rows = read_rows(row, "deployments", context.operation)
    return [read_deployment(one) for one in rows], read_total(row)


def _ambiguous(name: str, found: list[Deployment]) -> str:
    shown = ", ".join(f"{one.id} (Workspace {one.workspace_id})" for one in found[:5])
    return f"{len(found)} Deployments are named {name!r}: {shown}. Use the id of one of them."
