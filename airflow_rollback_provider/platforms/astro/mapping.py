# SPDX-License-Identifier: Apache-2.0
"""Conversion of hosted Astro's values into domain values."""

from __future__ import annotations

from airflow_rollback_provider.domain.deploys import (
    Deploy,
    Deployment,
    DeployStatus,
    Mechanism,
    NamedBundle,
)
from airflow_rollback_provider.platforms.rows import Row

_STATUSES = {
    "INITIALIZED": DeployStatus.IN_PROGRESS,
    "DEPLOYED": DeployStatus.SUCCEEDED,
    "FAILED": DeployStatus.FAILED,
}
_MECHANISMS = {True: Mechanism.DAG_DEPLOY, False: Mechanism.IMAGE}
MECHANISMS = frozenset(_MECHANISMS.values())
"""The two Dag deploy mechanisms."""

# A user has a username, a token a name.
_NAMES_OF_AUTHORS = ("username", "apiTokenName", "fullName", "id")


def read_deploy(row: Row) -> Deploy:
    """Read a row of the deploy history. Unknown types are kept."""
    return Deploy(
        id=row.needed("id"),
        deployment_id=row.needed("deploymentId"),
        created_at=row.needed_time("createdAt"),
        status=_STATUSES.get(row.needed("status"), DeployStatus.UNKNOWN),
        type=row.text("type") or "",
        image_repository=row.text("imageRepository"),
        image_tag=row.text("imageTag"),
        runtime_version=row.text("astroRuntimeVersion"),
        airflow_version=row.text("airflowVersion"),
        dag_bundle=row.text("dagTarballVersion"),
        mechanism=_mechanism(row),
        git_commit=row.text("git.commitSha"),
        description=row.text("description") or "",
        created_by=_author(row),
        updated_at=row.time("updatedAt"),
        rolled_back_to=row.text("rollbackFromId"),
        bundles=_bundles(row),
    )


def _bundles(row: Row) -> tuple[NamedBundle, ...]:
    """Read the named Dag bundles.

    The API's document has the path of a bundle; a name and an id are read where there are any. The default
    bundle is not among them: a rollback of the Deployment brings it back.
    """
    listed = [] if row.find("bundles") is None else read_rows(row, "bundles", "deploys")
    found = [
        NamedBundle(
            name=one.text("name") or one.text("mountPath") or one.text("id") or "without a name",
            version=one.text("desiredVersion") or one.text("currentVersion"),
            id=one.text("id"),
        )
        for one in listed
        if not one.find("isDefault")
    ]
    path = row.text("bundleMountPath")
    if path and all(path != one.text("mountPath") for one in listed):
        found.append(NamedBundle(path))
    return tuple(found)


def read_deployment(row: Row) -> Deployment:
    return Deployment(
        id=row.needed("id"),
        name=row.text("name") or row.needed("id"),
        release_name=row.text("namespace") or "",
        mechanism=_mechanism(row),
        runtime_version=row.text("astroRuntimeVersion") or row.text("runtimeVersion"),
        airflow_version=row.text("airflowVersion"),
        image_tag=row.text("imageTag"),
        namespace=row.text("namespace"),
        workspace_id=row.text("workspaceId"),
        cluster_id=row.text("clusterId"),
        status=row.text("status"),
    )


def read_rows(row: Row, name: str, operation: str) -> list[Row]:
    """Read the rows of an answer.

    :param name: the field with the list.
    """
    values = row.find(name)
    if not isinstance(values, list):
        raise row.malformed(f"has {type(values).__name__} instead of a list in the field {name!r}")
    return [Row(operation, value) for value in values]


def read_total(row: Row) -> int:
    """Read how many rows a list has on all of its pages."""
    value = row.find("totalCount")
    if not isinstance(value, int) or isinstance(value, bool):
        raise row.malformed("has no count in the field 'totalCount'")
    return value


def _mechanism(row: Row) -> Mechanism:
    enabled = row.find("isDagDeployEnabled")
    return _MECHANISMS[enabled] if isinstance(enabled, bool) else Mechanism.UNKNOWN


def _author(row: Row) -> str | None:
    names = (row.text(f"createdBySubject.{name}") for name in _NAMES_OF_AUTHORS)
    return next((name for name in names if name), None)
