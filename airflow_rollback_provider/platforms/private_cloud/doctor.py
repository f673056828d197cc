# SPDX-License-Identifier: Apache-2.0
"""The doctor of Astro Private Cloud. It sends only the connection's reading operations."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain import doctor_checks
from airflow_rollback_provider.domain.deploys import Access, Deploy, Deployment, DeployStatus
from airflow_rollback_provider.domain.errors import (
    DeploymentNotFound,
    RollbackError,
    TokenRefused,
    UnknownField,
)
from airflow_rollback_provider.domain.findings import Finding, Status, merge, skip, skip_from
from airflow_rollback_provider.http.flow import attempt
from airflow_rollback_provider.platforms.private_cloud.api import NAME, context_of
from airflow_rollback_provider.platforms.private_cloud.assumptions import load
from airflow_rollback_provider.platforms.private_cloud.checks import (
    api_error,
    deployment_of,
    is_refused,
    of_deployment,
    of_error,
    of_missing_schema,
    of_other_scheme,
    of_proof,
    of_toggle,
    of_token,
    of_version,
    refer_to_schema,
    rollback_switches,
)
from airflow_rollback_provider.platforms.private_cloud.errors import statuses_setting
from airflow_rollback_provider.platforms.private_cloud.graphql import malformed
from airflow_rollback_provider.platforms.private_cloud.mapping import (
    Row,
    installation_setting,
    read_deploy,
    read_flag,
    read_permissions,
    read_roles,
    survey_variables,
)
from airflow_rollback_provider.platforms.private_cloud.partial_read import PartialResult, read_in_parts
from airflow_rollback_provider.platforms.private_cloud.schema_comparison import (
    NoSchema,
    compare,
    operations_in_use,
    read_schema,
)
from airflow_rollback_provider.platforms.request_context import RequestContext

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_rollback_provider.http.messages import Flow
    from airflow_rollback_provider.platforms.private_cloud.api import Api
    from airflow_rollback_provider.platforms.private_cloud.client import PrivateCloud
    from airflow_rollback_provider.platforms.private_cloud.settings import PrivateCloudSettings

_OF_A_DEPLOYMENT = ("MECHANISM", "DEPLOYMENT-TOGGLE", "HISTORY")
_PERMISSIONS = ("PERMISSION-HISTORY", "PERMISSION-IMAGE", "PERMISSION-DAGS")
_ROWS = 20


class PrivateCloudDoctor:
    """All checks of one connection."""

    def __init__(self, platform: PrivateCloud, api: Api, settings: PrivateCloudSettings) -> None:
        self._platform = platform
        self._api = api
        self._settings = settings
        self._assumptions = settings.assumptions

    def run(self, deployment: str | None) -> Flow[tuple[Finding, ...]]:
        """Do all checks and return their findings.

        :param deployment: id or release name of a Deployment to check; None checks none.
        """
        basics = yield from self._read(RequestContext("check"), {})
        error = api_error(basics)
        if error is not None:
            reason = "the API gave no usable answer."
            return of_error("API", error), *skip_from("TOKEN", reason)
        api = Finding("API", Status.OK, f"The API is that of {NAME}.")
        token = yield from self._token(basics)
        found = [api, token, of_version(basics)]
        found += yield from self._rest(basics, deployment, token_refused=is_refused(basics))
        proven = () if is_refused(basics) else of_proof((yield from self._platform.prove(Access())))
        schema = yield from self._schema(basics.value("version"))
        return (*refer_to_schema(found, schema), *schema[:1], *proven, *schema[1:])

    def _token(self, basics: PartialResult) -> Flow[Finding]:
        """Return the finding on the token. It is sent in the other form too that installations accept."""
        found = of_token(basics)
        scheme = "" if self._api.scheme else "Bearer "
        other = self._api.with_scheme(scheme)
        answer = yield from attempt(
            other.send_document(RequestContext("check"), load("known/check_known"), {})
        )
        if isinstance(answer, RollbackError) and not isinstance(answer, TokenRefused):
            return found
        return of_other_scheme(found, scheme, accepted=not isinstance(answer, RollbackError))

    def _rest(
        self, basics: PartialResult, deployment: str | None, *, token_refused: bool
    ) -> Flow[list[Finding]]:
        if token_refused:
            skipped = skip((*_PERMISSIONS, "DEPLOYMENT", *_OF_A_DEPLOYMENT), "the token is not accepted.")
            return [self._of_installation(basics), *skipped]
        if deployment is None:
            skipped = skip(("DEPLOYMENT", *_OF_A_DEPLOYMENT), "no Deployment was named.")
            return [self._of_installation(basics), *self._of_permissions(basics, None), *skipped]
        return (yield from self._deployment(basics, deployment))

    def _read(self, context: RequestContext, variables: Mapping[str, Any]) -> Flow[PartialResult]:
        operation = self._assumptions.operation(context.operation)
        return (yield from read_in_parts(self._api, operation, context, variables))

    # The Deployment

    def _deployment(self, basics: PartialResult, name: str) -> Flow[list[Finding]]:
        found = yield from attempt(self._platform.identify(name))
        if isinstance(found, RollbackError):
            return [self._of_installation(basics), *self._without_deployment(basics, found)]
        context = context_of("survey_context", found)
        result = yield from self._read(context, {"id": found})
        installation = self._of_installation(result if result.answered("flags") else basics)
        deployment = result.only_whole_error or deployment_of(result, context)
        if isinstance(deployment, DeploymentNotFound):
            return [installation, *self._without_deployment(basics, deployment)]
        return [installation, *(yield from self._of_deployment(basics, deployment, found))]

    def _without_deployment(self, basics: PartialResult, error: RollbackError) -> list[Finding]:
        return [
            *self._of_permissions(basics, None),
            of_error("DEPLOYMENT", error),
            *skip(_OF_A_DEPLOYMENT, "the Deployment was not found."),
        ]

    def _of_deployment(
        self, basics: PartialResult, read: Deployment | RollbackError, deployment_id: str
    ) -> Flow[list[Finding]]:
        """Check a Deployment. Its history may be readable even if the Deployment itself is not."""
        known = read if isinstance(read, Deployment) else None
        deployment = known or Deployment(deployment_id, deployment_id)
        history = yield from self._read(
            RequestContext("survey_history", subject=str(deployment)), survey_variables(deployment, _ROWS)
        )
        permitted = history if history.answered("roles") else basics
        return [
            *self._of_permissions(permitted, known),
            *of_deployment(read),
            of_toggle(history, deployment, self._assumptions.flags),
            (yield from self._history(history, deployment)),
        ]

    def _history(self, survey: PartialResult, deployment: Deployment) -> Flow[Finding]:
        """Return the finding on the history, from the survey or from a request for the history alone."""
        result = survey
        if isinstance(survey.error("result"), UnknownField):
            by_name = self._api.installation.by_release_name
            context = RequestContext(
                "deploys_by_release_name" if by_name else "deploys", subject=str(deployment)
            )
            result = yield from self._read(context, survey_variables(deployment, _ROWS))
        error = result.only_whole_error or result.error("result")
        if error is not None:
            return of_error("HISTORY", error)
        name, rows = result.operation.name, result.value("result")
        assumptions = self._api.installation.assumptions
        try:
            if not isinstance(rows, list):
                raise malformed(name, f"has {type(rows).__name__} instead of a list")
            deploys = [read_deploy(row, name, deployment.id, assumptions) for row in rows]
        except RollbackError as unreadable:
            return of_error("HISTORY", unreadable)
        return self._of_unknown_words(rows, deploys) or self._of_history(name, deploys)

    def _of_history(self, operation: str, deploys: list[Deploy]) -> Finding:
        """Return the finding on a history that can be read, with how the requests were adapted for that."""
        finding = doctor_checks.of_history(deploys)
        by = "release name" if operation == "deploys_by_release_name" else "the id of the Deployment"
        what = f"{finding.what} It is read by {by}. {self._api.installation.changes}"
        return replace(finding, what=what.strip())

    def _of_unknown_words(self, rows: Iterable[Any], deploys: Iterable[Deploy]) -> Finding | None:
        """Return the finding on unknown words for a deploy's status."""
        path = self._api.installation.assumptions.deploy_fields["status"]
        pairs = zip(rows, deploys, strict=True)
        found = {
            Row("deploys", row).text(path) for row, deploy in pairs if deploy.status is DeployStatus.UNKNOWN
        }
        words = sorted(word for word in found if word)
        if not words:
            return None
        return Finding(
            "HISTORY",
            Status.WARNING,
            f"The deploy history can be read, but its status {', '.join(words)} is unknown: a deploy with it "
            "cannot be a target, and no task can wait for it.",
            f"Set its meaning in the connection's extra: {statuses_setting(words)}.",
        )

    # The installation and the token

    def _of_installation(self, result: PartialResult) -> Finding:
        error = result.error("flags")
        if error is not None:
            return of_error("INSTALLATION-FLAG", error)
        flags = result.value("flags")
        key, enabled = read_flag(flags, self._assumptions.flags)
        finding = doctor_checks.of_installation(enabled, installation_setting(result.value("version"), key))
        keys = list(rollback_switches(flags))
        if enabled is not None or not keys:
            return finding
        patch = {"flags": [*keys, *self._assumptions.flags]}
        return Finding(
            finding.code,
            finding.status,
            finding.what,
            f"If the switch is {' or '.join(keys)}, add to the connection's extra: "
            f"{json.dumps({'assumptions': patch})}.",
            {"assumptions": merge(self._assumptions.given, patch)},
        )

    def _of_permissions(self, result: PartialResult, deployment: Deployment | None) -> Iterator[Finding]:
        granted = read_permissions(result.value("permissions"))
        capabilities = self._platform.capabilities
        roles = None
        if deployment is not None:
            roles = read_roles(result.value("roles"), result.value("is_admin"), deployment)
        return doctor_checks.of_permissions(granted, capabilities, deployment, roles)

    # The schema

    def _schema(self, version: object) -> Flow[tuple[Finding, ...]]:
        answer = yield from attempt(self._api.introspect())
        if isinstance(answer, RollbackError):
            return (of_missing_schema(f"The installation's schema cannot be read ({answer})."),)
        if answer.errors and not answer.data.get("__schema"):
            reason = answer.errors[0].message
            return (of_missing_schema(f"The installation refuses to show its schema ({reason})."),)
        try:
            schema = read_schema(answer.data)
        except NoSchema as error:
            return (of_missing_schema(f"The installation's answer is not a complete schema ({error})."),)
        workspace = self._settings.workspace_id
        in_use = operations_in_use(
            version,
            has_workspace=workspace is not None,
            by_release_name=self._api.installation.by_release_name,
        )
        return compare(schema, self._assumptions, in_use)
