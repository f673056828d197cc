# SPDX-License-Identifier: Apache-2.0
"""Installations whose assumed parts differ: a seed selects names, words and limits.

What published clients send never varies.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_THE_DEPLOYMENT = ("deploymentId", "deployment", "uuid")
# The other names of a part: some are similar enough for a "did you mean", some are not.
_NAMES = {
    "Mutation.rollbackDeployment": (
        "rollbackDeploy",
        "rollBackDeployment",
        "deploymentRollback",
        "undoDeploy",
        "restoreDeployRevision",
    ),
    "Mutation.rollbackDeployment.deploymentUuid": _OF_THE_DEPLOYMENT,
    "Mutation.rollbackDeployment.deployRevisionUuid": ("deployRevisionId", "revisionUuid", "target"),
    "Mutation.rollbackDeployment.scope": ("scopes", "rollbackScope", "parts"),
    "Mutation.rollbackDeployment.description": ("reason", "deployDescription", "message"),
    "Query.deployRevision": ("deploymentRevision", "deployRevisionById", "oneDeploy"),
    "Query.deployRevision.deploymentUuid": _OF_THE_DEPLOYMENT,
    "Query.deployRevision.id": ("revisionId", "deployRevisionUuid"),
    "Query.paginatedDeployRevisions.deploymentUuid": _OF_THE_DEPLOYMENT,
    "Query.paginatedDeployRevisions.take": ("first", "limit"),
    "Query.paginatedDeployRevisions.cursor": ("after", "cursorId"),
    "DeployRevision.id": ("uuid", "revisionId"),
    "DeployRevision.deploymentUuid": ("deploymentId", "deployment"),
    "DeployRevision.type": ("kind", "deployType"),
    "DeployRevision.status": ("state", "phase", "deployStatus"),
    "DeployRevision.imageTag": ("tag", "image_tag", "dockerTag"),
    "DeployRevision.imageRepository": ("repository", "imageRepo"),
    "DeployRevision.runtimeVersion": ("runtime", "astroRuntimeVersion"),
    "DeployRevision.airflowVersion": ("airflow", "runtimeAirflowVersion"),
    "DeployRevision.dagBundleVersion": ("dagTarballVersion", "bundleVersion"),
    "DeployRevision.dagDeploymentType": ("dagDeployment", "mechanism"),
    "DeployRevision.gitCommit": ("commit", "gitSha"),
    "DeployRevision.description": ("reason", "deployDescription"),
    "DeployRevision.createdAt": ("created", "deployedAt"),
    "DeployRevision.updatedAt": ("updated", "finishedAt"),
    "DeployRevision.createdBy": ("author", "creator"),
    "DeployRevision.rollbackFromId": ("rolledBackTo", "rollbackFrom"),
    "DeployRevision.statusReason": ("failureReason", "statusMessage"),
    "Author.username": ("userName", "email"),
    "RollbackScope.IMAGE": ("IMAGE_ONLY", "RUNTIME"),
    "RollbackScope.DAGS": ("DAG", "DAG_ONLY", "BUNDLE"),
    "RollbackScope.IMAGE_AND_DAGS": ("IMAGE_AND_DAG", "ALL"),
}
_OPTIONAL = (
    "Query.self",
    "Self.permissions",
    "Self.permissions.deploymentUuid",
    "Deployment.deployRollbackEnabled",
    "Deployment.status",
    "DeployRevision.deploymentUuid",
    "DeployRevision.type",
    "DeployRevision.imageRepository",
    "DeployRevision.airflowVersion",
    "DeployRevision.gitCommit",
    "DeployRevision.updatedAt",
    "DeployRevision.createdBy",
    "DeployRevision.scope",
    "DeployRevision.statusReason",
)
_STATUSES = {
    "INITIALIZED": ("PENDING", "IN_PROGRESS", "initialized"),
    "DEPLOYED": ("SUCCEEDED", "LIVE", "Deployed"),
    "FAILED": ("ERROR", "FAILURE", "failed"),
}
_RENAMED, _MISSING = 0.15, 0.1


def vary(seed: int) -> dict[str, Any]:
    """Return the settings of the installation with that seed."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    return {
        "renamed_fields": _some(rng, _NAMES),
        "status_words": _some(rng, _STATUSES),
        "hidden_fields": [name for name in _OPTIONAL if rng.random() < _MISSING],
        "history_shape": rng.choice(("deploymentUuid", "deploymentUuid", "releaseName")),
        "introspection": rng.random() < 0.5,
        "one_operation": rng.random() < 0.25,
        "error_extensions": rng.random() < 0.5,
        "error_status": rng.choice((200, 400)),
    }


def _some(rng: random.Random, names: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {name: rng.choice(others) for name, others in names.items() if rng.random() < _RENAMED}
