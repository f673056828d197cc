# SPDX-License-Identifier: Apache-2.0
"""Conversion of Astro Private Cloud's values into domain values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.deploys import Deploy, Deployment, Mechanism
from airflow_rollback_provider.platforms import rows
from airflow_rollback_provider.platforms.base import LogLine
from airflow_rollback_provider.platforms.private_cloud.errors import statuses_setting
from airflow_rollback_provider.platforms.private_cloud.graphql import malformed

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.errors import MalformedAnswer
    from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions


# Names of the chart's settings (public astronomer/astronomer Helm chart), before and from 2.0.0.
_SETTING = "global.deploymentLifecycle.deployRollback.enabled"
_SETTING_BEFORE_2_0 = "global.deployRollbackEnabled"
# An installation that reads a history by dates may require both.
BEFORE_ALL_DEPLOYS, AFTER_ALL_DEPLOYS = "2015-01-01T00:00:00+00:00", "2100-01-01T00:00:00+00:00"


class Row(rows.Row):
    """One object of an answer. Its errors say how to correct a name that differs."""

    def malformed(self, problem: str) -> MalformedAnswer:
        """Return the error for this object.

        :param problem: end of the sentence "the answer …".
        """
        return malformed(self._operation, problem)


def survey_variables(deployment: Deployment, take: int) -> dict[str, Any]:
    """Return the variables with which a Deployment's history and its own settings are read."""
    return {
        "id": deployment.id,
        "deploymentUuid": deployment.id,
        "releaseName": deployment.release_name,
        "startDate": BEFORE_ALL_DEPLOYS,
        "endDate": AFTER_ALL_DEPLOYS,
        "clusterId": deployment.cluster_id,
        "workspaceUuid": deployment.workspace_id,
        "take": take,
    }


def read_deploy(values: object, operation: str, deployment_id: str, assumptions: Assumptions) -> Deploy:
    """Read a row of the deploy history.

    :param deployment_id: the Deployment of the request; used for a row without its own.
    """
    row, at = Row(operation, values), assumptions.deploy_fields
    word = row.text(at["status"])
    reason = row.text(at["status_reason"])
    if word and word.upper() not in assumptions.statuses:
        reason = f"Set the meaning of its status in the connection's extra: {statuses_setting([word])}."
    return Deploy(
        id=row.needed(at["id"]),
        deployment_id=row.text(at["deployment_id"]) or deployment_id,
        created_at=row.needed_time(at["created_at"]),
        status=assumptions.status(word),
        type=row.text(at["type"]) or "",
        image_repository=row.text(at["image_repository"]),
        image_tag=row.text(at["image_tag"]),
        runtime_version=row.text(at["runtime_version"]),
        airflow_version=row.text(at["airflow_version"]),
        dag_bundle=row.text(at["dag_bundle"]),
        mechanism=Mechanism.read(row.text(at["mechanism"])),
        git_commit=row.text(at["git_commit"]),
        description=row.text(at["description"]) or "",
        created_by=row.text(at["created_by"]),
        updated_at=row.time(at["updated_at"]),
        rolled_back_to=row.text(at["rolled_back_to"]),
        scope=assumptions.scope(row.text(at["scope"])),
        status_reason=reason,
    )


def read_deployment(values: object, operation: str) -> Deployment:
    row = Row(operation, values)
    release = row.text("releaseName") or ""
    return Deployment(
        id=row.needed("id"),
        name=row.text("label") or release or row.needed("id"),
        release_name=release,
        mechanism=_read_mechanism(row),
        runtime_version=row.text("runtimeVersion"),
        airflow_version=row.text("runtimeAirflowVersion"),
        image_tag=row.text("deployInfo.current"),
        workspace_id=row.text("workspace.id"),
        cluster_id=row.text("clusterId"),
    )


def _read_mechanism(row: Row) -> Mechanism:
    """Read the Dag deploy mechanism: no type means ``image`` (public astro-cli), no field means not known."""
    if not row.has("dagDeployment"):
        return Mechanism.UNKNOWN
    return Mechanism.read(row.text("dagDeployment.type") or Mechanism.IMAGE.value)


def read_permissions(names: object) -> frozenset[str] | None:
    """Return the names of a token's permissions; None if they are not known."""
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return frozenset(names)
    return None


def read_roles(bindings: object, is_admin: object, deployment: Deployment) -> frozenset[str] | None:
    """Return the roles of the token's owner that apply to a Deployment; None if they are not known.

    :param bindings: the value of ``roleBindings``.
    :param is_admin: the value of ``isAdmin``.
    """
    found = {"SYSTEM_ADMIN"} if is_admin is True else set()
    for binding in bindings if isinstance(bindings, list) else ():
        row = Row("survey_history", binding if isinstance(binding, Mapping) else {})
        elsewhere = (
            row.find("deployment.id") not in (None, deployment.id),
            row.find("workspace.id") not in (None, deployment.workspace_id),
        )
        role = row.find("role")
        if isinstance(role, str) and not any(elsewhere):
            found.add(role)
    return frozenset(found) or None


def read_log_line(values: object, operation: str) -> LogLine:
    row = Row(operation, values)
    return LogLine(row.text("id") or "", row.needed_time("timestamp"), row.text("message") or "")


def read_flag(flags: object, keys: tuple[str, ...]) -> tuple[str | None, bool | None]:
    """Find the installation's rollback switch in its feature flags.

    :param flags: the value of ``featureFlags``.
    :param keys: possible keys, the likeliest first; a dot may separate levels or be part of a key.
    :return: the key and its value; None and None if there is no switch, which does not mean off.
    """
    for key in keys:
        for value in (
            (Row("featureFlags", flags).find(key), flags.get(key)) if isinstance(flags, Mapping) else ()
        ):
            if isinstance(value, bool):
                return key, value
            if isinstance(value, str) and value.lower() in ("true", "false"):
                return key, value.lower() == "true"
    return None, None


def installation_setting(version: object, flag: str | None) -> str:
    """Return the chart's setting that switches rollbacks on."""
    old = isinstance(version, str) and re.match(r"[01]\.", version)
    if flag in ("deployRollbackEnabled", "deployRollback") and (old or not version):
        return _SETTING_BEFORE_2_0
    return _SETTING_BEFORE_2_0 if old else _SETTING
