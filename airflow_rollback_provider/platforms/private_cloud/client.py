# SPDX-License-Identifier: Apache-2.0
"""Astro Private Cloud: a client of its GraphQL API (Houston)."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.deploys import Access, Capabilities, Deploy, Deployment, Scope
from airflow_rollback_provider.domain.errors import (
    DeploymentNotFound,
    DeployNotFound,
    MalformedAnswer,
    OutcomeUnknown,
    RollbackError,
    UnknownField,
)
from airflow_rollback_provider.http.flow import attempt
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
from airflow_rollback_provider.platforms.private_cloud.api import NAME, Api, context_of
from airflow_rollback_provider.platforms.private_cloud.errors import HISTORY
from airflow_rollback_provider.platforms.private_cloud.graphql import Answer, malformed
from airflow_rollback_provider.platforms.private_cloud.mapping import (
    AFTER_ALL_DEPLOYS,
    BEFORE_ALL_DEPLOYS,
    Row,
    installation_setting,
    read_deploy,
    read_deployment,
    read_flag,
    read_log_line,
    read_permissions,
    read_roles,
    survey_variables,
)
from airflow_rollback_provider.platforms.request_context import RequestContext

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.findings import Finding
    from airflow_rollback_provider.http.messages import Flow, Response
    from airflow_rollback_provider.platforms.private_cloud.settings import PrivateCloudSettings

LARGEST_PAGE = 101
"""Largest page of the platform by default, in rows (chart: ``pagination.deployRevision.maxTake``)."""
_DEPLOYMENTS_PER_PAGE = 100

PERMISSIONS = {"image": "deployment.images.push", "dags": "deployment.dags.push"}
_MERGES_FLAGS = 2
"""First major version whose ``appConfig`` merges the flags (public astro-cli, houston/app.go)."""
_LOG_WINDOW = timedelta(days=2)
"""Longest time between startTime and endTime (public astro-cli, houston/deployment.go)."""


class PrivateCloud:
    """Astro Private Cloud.

    :param settings: the installation's address and token, and more.
    """

    def __init__(self, settings: PrivateCloudSettings) -> None:
        self._settings = settings
        self._assumptions = settings.assumptions
        self._api = Api(settings.endpoint, settings.token, settings.assumptions, settings.scheme)
        self._release_names: dict[str, str] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            name=NAME,
            permissions=dict(PERMISSIONS),
            history_permission=HISTORY,
            retention_days=self._settings.retention_days,
            restricted=self._settings.restricted,
        )

    @property
    def address(self) -> str:
        return self._settings.endpoint

    def survey(self, deployment: str) -> Flow[Survey]:
        """Take two requests, three for a release name."""
        deployment_id = yield from self.identify(deployment)
        context = context_of("survey_context", deployment_id)
        answer, _ = yield from self._api.send(context, {"id": deployment_id})
        found = self._read_deployment(answer, deployment_id)
        version = self._api.optional(answer, "version")
        if not found.versions.known and _major(version) == 0:
            found = yield from self._older_versions(found)
        flag, enabled = read_flag(self._api.optional(answer, "flags"), self._assumptions.flags)
        access, health, page, response = yield from self._survey_history(found, version, enabled)
        access = replace(access, installation_flag=installation_setting(version, flag))
        now = response.platform_time or response.received_at
        return Survey(replace(found, status=health), access, page, now, response.clock_skew)

    def deployment(self, deployment: str) -> Flow[Deployment]:
        deployment_id = yield from self.identify(deployment)
        context = context_of("deployment", deployment_id)
        answer, _ = yield from self._api.send(context, {"id": deployment_id})
        return self._read_deployment(answer, deployment_id)

    def list_deployments(self) -> Flow[tuple[Deployment, ...]]:
        """Read all Deployments that the token may read, whatever the connection's workspace.

        :raises MalformedAnswer: when a full page repeats, so that the others cannot be read.
        """
        context = RequestContext("all_deployments")
        found: dict[str, Deployment] = {}
        cursor: dict[str, str] = {}
        while True:
            answer, _ = yield from self._api.send(context, {"take": _DEPLOYMENTS_PER_PAGE, **cursor})
            rows = [Row("all_deployments", values) for values in self._api.rows(answer)]
            listed = {row.needed("id"): row for row in rows}
            if listed.keys() <= found.keys():
                if len(rows) >= _DEPLOYMENTS_PER_PAGE:
                    raise malformed("all_deployments", "repeats a page, so that later ones cannot be read")
                return tuple(found.values())
            for deployment_id, row in listed.items():
                release = row.text("releaseName") or ""
                name = row.text("label") or release or deployment_id
                found[deployment_id] = Deployment(deployment_id, name, release)
            cursor = {"cursor": rows[-1].needed("id")}

    def deploys(self, deployment_id: str, cursor: str | None = None, limit: int | None = None) -> Flow[Page]:
        """Read one page of a deploy history; a limit of None takes the platform's largest page."""
        take = min(limit or LARGEST_PAGE, LARGEST_PAGE)
        page, _ = yield from self._history(deployment_id, {"take": take}, cursor)
        return page

    def deploy(self, deployment_id: str, deploy_id: str) -> Flow[Deploy]:
        require_deploy_id(deploy_id)
        context = RequestContext("deploy", subject=f"deploy {deploy_id} of Deployment {deployment_id}")
        answer, _ = yield from self._api.send(context, {"deploymentUuid": deployment_id, "id": deploy_id})
        values = self._api.result(answer)
        if values is None:
            raise DeployNotFound(
                f"Deployment {deployment_id} has no deploy {deploy_id}. List the history and choose from it."
            )
        found = read_deploy(values, "deploy", deployment_id, self._api.installation.assumptions)
        return require_own(found, deployment_id)

    def roll_back(
        self, deployment: Deployment, target: Deploy, scope: Scope, description: str
    ) -> Flow[Deploy]:
        permissions = tuple(PERMISSIONS[part] for part in ("image", "dags") if part in scope.parts)
        context = RequestContext("roll_back", permissions, f"{deployment} to deploy {target.id}")
        variables = {
            "deploymentUuid": deployment.id,
            "deployRevisionUuid": target.id,
            "scope": self._assumptions.scopes[scope.value],
            "description": description,
        }
        try:
            answer, _ = yield from self._api.send(context, variables)
            values = self._api.result(answer)
            if values is None:
                raise malformed("roll_back", "does not show the new deploy")
            rollback = read_deploy(values, "roll_back", deployment.id, self._assumptions)
            return replace(rollback, scope=rollback.scope or scope)
        except MalformedAnswer as error:
            raise OutcomeUnknown(f"The answer to the rollback request cannot be read. {error}") from None

    def prove(self, access: Access) -> Flow[Access]:
        """Return the access with whether the platform knows the rollback request, which is not run.

        The first call for a connection in a process sends one request.
        """
        from airflow_rollback_provider.platforms.private_cloud.proof import prove

        return (yield from prove(self._api, self._assumptions, access))

    def logs(self, deployment: Deployment, since: datetime) -> Flow[tuple[LogLine, ...]]:
        """Read the platform's log lines about the Deployment's deploys since a time, oldest first.

        The API reads at most two days at once: it reads window after window.
        """
        context = RequestContext("logs", subject=str(deployment))
        variables: dict[str, Any] = {"deploymentUuid": deployment.id}
        if self._assumptions.log_component:
            variables["component"] = self._assumptions.log_component
        lines: set[LogLine] = set()
        start, now = since, None
        while now is None or start < now:
            end = start + _LOG_WINDOW
            window = {"startTime": start.isoformat(), "endTime": end.isoformat()}
            answer, response = yield from self._api.send(context, {**variables, **window})
            lines.update(read_log_line(values, "logs") for values in self._api.rows(answer))
            start, now = end, response.platform_time or response.received_at
        return tuple(sorted(lines, key=lambda line: (line.at, line.id)))

    def history_url(self, deployment: Deployment) -> str | None:
        """Return the address of the deploy history; its form is assumed unless the connection has one."""
        values = {
            "app": self._settings.app_url,
            "deployment_id": deployment.id,
            "release_name": deployment.release_name,
            "workspace_id": deployment.workspace_id or self._settings.workspace_id,
        }
        return fill(self._settings.history_url, values)

    def diagnose(self, deployment: str | None) -> Flow[tuple[Finding, ...]]:
        from airflow_rollback_provider.platforms.private_cloud.doctor import PrivateCloudDoctor

        return (yield from PrivateCloudDoctor(self, self._api, self._settings).run(deployment))

    def identify(self, deployment: str) -> Flow[str]:
        """Return the id of a Deployment, given its id or release name."""
        name = deployment.strip() if isinstance(deployment, str) else ""
        if not CAN_BE_ID.fullmatch(name):
            raise DeploymentNotFound(f"{name[:80]!r} is neither the id nor the release name of a Deployment.")
        workspace = self._settings.workspace_id
        if LOOKS_LIKE_ID.fullmatch(name) or not workspace:
            return name
        context = RequestContext("workspace_deployments", subject=f"{name} in workspace {workspace}")
        answer, _ = yield from self._api.send(context, {"workspaceUuid": workspace, "releaseName": name})
        rows = [Row("workspace_deployments", values) for values in self._api.rows(answer)]
        found = [row.needed("id") for row in rows if row.text("releaseName") == name]
        if not found:
            raise DeploymentNotFound(
                f"The workspace {workspace} has no Deployment with the release name {name!r}, or the token "
                "may not read it."
            )
        return found[0]

    def _older_versions(self, deployment: Deployment) -> Flow[Deployment]:
        answer, _ = yield from self._api.send(
            RequestContext("deployment_before_1_0", subject=str(deployment)), {"id": deployment.id}
        )
        row = Row("deployment_before_1_0", self._api.result(answer))
        return replace(
            deployment,
            runtime_version=row.text("desiredRuntimeVersion"),
            airflow_version=row.text("airflowVersion") or row.text("desiredAirflowVersion"),
        )

    def _survey_history(
        self, deployment: Deployment, version: object, enabled: bool | None
    ) -> Flow[tuple[Access, str | None, Page, Response]]:
        """Read the latest deploys, with permissions, toggle and health if the installation has them."""
        variables = survey_variables(deployment, LARGEST_PAGE)
        if not self._api.installation.by_release_name:
            context = RequestContext("survey_history", subject=f"Deployment {deployment.id}")
            first = 0 if _major(version) >= _MERGES_FLAGS else 1
            read = yield from attempt(self._api.send(context, variables, first))
            if not isinstance(read, RollbackError):
                answer, response = read
                health = self._api.optional(answer, "health")
                status = health if isinstance(health, str) else None
                access = self._read_access(answer, enabled, deployment)
                return access, status, self._read_page(answer, deployment.id), response
            if not self._api.installation.by_release_name:
                raise read
        page, response = yield from self._history(deployment.id, variables)
        return self._access(enabled), None, page, response

    def _history(
        self, deployment_id: str, variables: dict[str, Any], cursor: str | None = None
    ) -> Flow[tuple[Page, Response]]:
        """Read a page of the history by the Deployment's id, or by its release name if that is refused."""
        subject = f"Deployment {deployment_id}"
        if not self._api.installation.by_release_name:
            by_id = {**variables, "deploymentUuid": deployment_id, **({"cursor": cursor} if cursor else {})}
            read = yield from attempt(self._api.send(RequestContext("deploys", subject=subject), by_id))
            if not isinstance(read, RollbackError):
                return self._read_page(read[0], deployment_id), read[1]
            if not self._api.installation.by_release_name:
                raise read
        name = self._release_names.get(deployment_id)
        if name is None:
            name = (yield from self.deployment(deployment_id)).release_name
        if not name:  # it would be the history of any Deployment
            raise UnknownField(self._api.installation.refusal_of_id)
        by_name = {
            **variables,
            "releaseName": name,
            "startDate": BEFORE_ALL_DEPLOYS,
            "endDate": cursor or AFTER_ALL_DEPLOYS,
        }
        context = RequestContext("deploys_by_release_name", subject=subject)
        read = yield from attempt(self._api.send(context, by_name))
        if isinstance(read, RollbackError):
            known = self._api.installation.knows_release_name
            raise read if known else UnknownField(self._api.installation.refusal_of_id)
        answer, response = read
        page = self._read_page(answer, deployment_id)
        return Page(page.deploys, _cursor_after(page, cursor)), response

    def _read_access(self, answer: Answer, enabled: bool | None, deployment: Deployment) -> Access:
        """Read permissions and switches. The flags that are merged for a Deployment have its toggle too."""
        toggle = self._api.optional(answer, "toggle")
        _, merged = read_flag(self._api.optional(answer, "flags"), self._assumptions.flags)
        if not isinstance(toggle, bool):
            is_its_own = enabled is not False and deployment.workspace_id is not None
            toggle = merged if is_its_own else None
        return replace(
            self._access(merged or (merged if enabled is None else enabled)),
            permissions=read_permissions(self._api.optional(answer, "permissions")),
            roles=read_roles(
                self._api.optional(answer, "roles"), self._api.optional(answer, "is_admin"), deployment
            ),
            enabled_on_deployment=toggle,
        )

    def _access(self, enabled: bool | None) -> Access:
        """Return what is known without an answer about the Deployment."""
        installation = self._api.installation
        return Access(
            enabled_on_installation=enabled, left_out=installation.hint, missing=installation.missing
        )

    def _read_deployment(self, answer: Answer, deployment_id: str) -> Deployment:
        values = self._api.result(answer)
        if values is None:
            hint = context_of(answer.operation, deployment_id).hint
            raise DeploymentNotFound(
                f"There is no Deployment {deployment_id}, or the token may not read it.{hint}"
            )
        found = read_deployment(values, answer.operation)
        self._release_names[found.id] = found.release_name
        return found

    def _read_page(self, answer: Answer, deployment_id: str) -> Page:
        rows = self._api.rows(answer)
        deploys = tuple(
            read_deploy(values, answer.operation, deployment_id, self._api.installation.assumptions)
            for values in rows
        )
        if deploys and deploys[0].created_at < deploys[-1].created_at:
            raise malformed(answer.operation, "is not sorted, with the latest deploy first")
        # A page that is not full need not be the last one: the platform may return fewer rows than ``take``.
        return Page(deploys, deploys[-1].id if deploys else None)


def _cursor_after(page: Page, cursor: str | None) -> str | None:
    """Return the latest time of the next page, just after the oldest deploy of this one.

    Deploys of one moment may be on both pages, so that none is lost; a page with nothing older is the last.
    """
    if not page.deploys:
        return None
    following = (page.deploys[-1].created_at + timedelta(milliseconds=1)).isoformat()
    return following if cursor is None or following < cursor else None


def _major(version: object) -> float:
    """Return an installation's major version; one that is not known counts as the latest."""
    found = re.match(r"\d+", version) if isinstance(version, str) else None
    return int(found[0]) if found else math.inf
