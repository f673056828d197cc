# SPDX-License-Identifier: Apache-2.0
"""The doctor of Astro Private Cloud. It sends only operations that read, as the connection has them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain import doctor_checks
from airflow_rollback_provider.domain.deploys import Deploy, Deployment, DeployStatus
from airflow_rollback_provider.domain.errors import DeploymentNotFound, RollbackError, UnknownField
from airflow_rollback_provider.domain.findings import Finding, Status, merge, skip, skip_from
from airflow_rollback_provider.platforms.clock_skew import attempt
from airflow_rollback_provider.platforms.private_cloud.checks import (
    is_refused,
    lead_to_the_schema,
    of_error,
    of_itself,
    of_missing_schema,
    of_toggle,
    of_token,
    of_version,
    read_found,
    rollback_switches,
    silence,
)
from airflow_rollback_provider.platforms.private_cloud.client import NAME, context_of, installation_setting
from airflow_rollback_provider.platforms.private_cloud.errors import RequestContext
from airflow_rollback_provider.platforms.private_cloud.graphql import malformed
from airflow_rollback_provider.platforms.private_cloud.mapping import Row, read_deploy, read_flag
from airflow_rollback_provider.platforms.private_cloud.partial_read import PartialResult, read_in_parts
from airflow_rollback_provider.platforms.private_cloud.schema_comparison import (
    NoSchema,
    compare,
    operations_in_use,
    read_schema,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_rollback_provider.http.messages import Flow
    from airflow_rollback_provider.platforms.private_cloud.api import Api
    from airflow_rollback_provider.platforms.private_cloud.client import PrivateCloud, PrivateCloudSettings

_OF_A_DEPLOYMENT = ("MECHANISM", "DEPLOYMENT-TOGGLE", "HISTORY")
_PERMISSIONS = ("PERMISSION-HISTORY", "PERMISSION-IMAGE", "PERMISSION-DAGS")
_ROWS = 20


class PrivateCloudDoctor:
    """All checks of one connection.

    :param platform: the platform, for its own verbs.
    :param api: how it is asked.
    :param settings: what the connection says.
    """

    def __init__(self, platform: PrivateCloud, api: Api, settings: PrivateCloudSettings) -> None:
        self._platform = platform
        self._api = api
        self._settings = settings
        self._assumptions = settings.assumptions

    def run(self, deployment: str | None) -> Flow[tuple[Finding, ...]]:
        """Ask everything and return what was found.

        :param deployment: id or release name of a Deployment to look at; None looks at none.
        """
        basics = yield from self._ask(RequestContext("check"))
        lost = silence(basics)
        if lost is not None:
            reason = "nothing that can be used answers at the address."
            return of_error("API", lost), *skip_from("TOKEN", reason)
        answers = Finding("API", Status.OK, f"It answers as {NAME} does.")
        found = [answers, of_token(basics), of_version(basics)]
        found += yield from self._rest(basics, deployment, token_refused=is_refused(basics))
        schema = yield from self._schema(basics.value("version"))
        return (*lead_to_the_schema(found, schema), *schema)

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

    def _ask(self, context: RequestContext, **variables: Any) -> Flow[PartialResult]:
        operation = self._assumptions.operation(context.operation)
        return (yield from read_in_parts(self._api, operation, context, variables))

    # The Deployment

    def _deployment(self, basics: PartialResult, name: str) -> Flow[list[Finding]]:
        found = yield from attempt(self._platform.identify(name))
        if isinstance(found, RollbackError):
            return [self._of_installation(basics), *self._without_deployment(basics, found)]
        context = context_of("survey_context", found)
        result = yield from self._ask(context, id=found, deploymentUuid=found)
        installation = self._of_installation(result if result.answered("flags") else basics)
        deployment = result.fails_only_whole or read_found(result, context)
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
        """Look at what only a Deployment has. Its history can be read even where it cannot be read itself."""
        known = read if isinstance(read, Deployment) else None
        deployment = known or Deployment(deployment_id, deployment_id)
        history = yield from self._ask(
            RequestContext("survey_history", subject=str(deployment)),
            id=deployment.id,
            deploymentUuid=deployment.id,
            take=_ROWS,
        )
        permitted = history if history.answered("permissions") else basics
        return [
            *self._of_permissions(permitted, known),
            *of_itself(read),
            of_toggle(history, deployment),
            (yield from self._history(history, deployment)),
        ]

    def _history(self, survey: PartialResult, deployment: Deployment) -> Flow[Finding]:
        """Judge the history as the survey has it, or else as it is asked for alone."""
        told = survey
        if isinstance(survey.error("result"), UnknownField):
            context = RequestContext("deploys", subject=str(deployment))
            told = yield from self._ask(context, deploymentUuid=deployment.id, take=_ROWS)
        error = told.fails_only_whole or told.error("result")
        if error is not None:
            return of_error("HISTORY", error)
        name, rows = told.operation.name, told.value("result")
        try:
            if not isinstance(rows, list):
                raise malformed(name, f"has {type(rows).__name__} where a list belongs")
            deploys = [read_deploy(row, name, deployment.id, self._assumptions) for row in rows]
        except RollbackError as unreadable:
            return of_error("HISTORY", unreadable)
        return self._of_unknown_words(rows, deploys) or doctor_checks.of_history(deploys)

    def _of_unknown_words(self, rows: Iterable[Any], deploys: Iterable[Deploy]) -> Finding | None:
        """Return the finding on words for a deploy's status that have no meaning here."""
        path = self._assumptions.deploy_fields["status"]
        pairs = zip(rows, deploys, strict=True)
        found = {
            Row("deploys", row).text(path) for row, deploy in pairs if deploy.status is DeployStatus.UNKNOWN
        }
        words = sorted(word for word in found if word)
        if not words:
            return None
        patch = {"statuses": dict.fromkeys(words, "<in progress, succeeded or failed>")}
        return Finding(
            "HISTORY",
            Status.WARNING,
            f"The deploy history can be read; what the status {', '.join(words)} means is not known, "
            "and such a deploy can be neither a target nor waited for.",
            "Say what it means in the connection's extra: " + json.dumps({"assumptions": patch}) + ".",
        )

    # The installation and the token

    def _of_installation(self, told: PartialResult) -> Finding:
        error = told.error("flags")
        if error is not None:
            return of_error("INSTALLATION-FLAG", error)
        flags = told.value("flags")
        key, enabled = read_flag(flags, self._assumptions.flags)
        finding = doctor_checks.of_installation(enabled, installation_setting(told.value("version"), key))
        keys = list(rollback_switches(flags))
        if enabled is not None or not keys:
            return finding
        patch = {"flags": [*keys, *self._assumptions.flags]}
        return Finding(
            finding.code,
            finding.status,
            finding.what,
            f"If it is {' or '.join(keys)}, add to the connection's extra: "
            f"{json.dumps({'assumptions': patch})}.",
            {"assumptions": merge(self._assumptions.given, patch)},
        )

    def _of_permissions(self, told: PartialResult, deployment: Deployment | None) -> Iterator[Finding]:
        granted = told.value("permissions")
        known = isinstance(granted, list) and all(isinstance(name, str) for name in granted)
        capabilities = self._platform.capabilities
        return doctor_checks.of_permissions(granted if known else None, capabilities, deployment)

    # The schema

    def _schema(self, version: object) -> Flow[tuple[Finding, ...]]:
        answer = yield from attempt(self._api.introspect())
        if isinstance(answer, RollbackError):
            return (of_missing_schema(f"The installation's schema cannot be read ({answer})."),)
        if answer.errors and not answer.data.get("__schema"):
            reason = answer.errors[0].message
            return (of_missing_schema(f"The installation does not let its schema be read ({reason})."),)
        try:
            schema = read_schema(answer.data)
        except NoSchema as error:
            return (of_missing_schema(f"The installation's answer is no complete schema ({error})."),)
        workspace = self._settings.workspace_id
        in_use = operations_in_use(version, has_workspace=workspace is not None)
        return compare(schema, self._assumptions, in_use)
