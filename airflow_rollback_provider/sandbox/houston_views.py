# SPDX-License-Identifier: Apache-2.0
"""The world's values as fields of Houston's GraphQL API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.sandbox.clock import iso
from airflow_rollback_provider.sandbox.graphql_schema import version_key

if TYPE_CHECKING:
    from airflow_rollback_provider.sandbox.model import Author, Deploy, Deployment, Git
    from airflow_rollback_provider.sandbox.progress import LogLine
    from airflow_rollback_provider.sandbox.world import World

_CHART_OF_AIRFLOW = "1.16.1"


def deployment_view(world: World, deployment: Deployment) -> dict[str, Any]:
    """Return a Deployment as GraphQL fields."""
    now = world.clock.now()
    running = deployment.running(now)
    latest = next(deployment.history.latest_first(), None)
    return {
        "id": deployment.id,
        "type": "airflow",
        "label": deployment.label,
        "releaseName": deployment.release_name,
        "workspace": {"id": deployment.workspace.id, "label": deployment.workspace.label},
        "runtimeVersion": running.runtime,
        "runtimeAirflowVersion": running.airflow,
        "airflowVersion": running.airflow,
        "desiredAirflowVersion": running.airflow,
        "desiredRuntimeVersion": running.runtime,
        "urls": _urls(world, deployment),
        "dagDeployment": {"type": running.mechanism},
        "clusterId": deployment.cluster_id,
        "version": _CHART_OF_AIRFLOW,
        "createdAt": iso(deployment.created_at),
        "updatedAt": iso(latest.updated_at(now) if latest else deployment.created_at),
        "deployInfo": {"current": running.image_tag, "nextCli": f"deploy-{len(deployment.history) + 1}"},
        "deployRollbackEnabled": deployment.rollback_enabled,
        "status": world.status(deployment),
        "namespace": deployment.namespace,
    }


def _urls(world: World, deployment: Deployment) -> list[dict[str, str]]:
    host = f"https://deployments.{world.settings.base_domain}/{deployment.release_name}"
    return [{"type": kind, "url": f"{host}/{kind}"} for kind in ("airflow", "flower")]


def deploy_view(world: World, deploy: Deploy) -> dict[str, Any]:
    """Return a deploy as GraphQL fields."""
    now = world.clock.now()
    status = deploy.status(now)
    content = deploy.content
    return {
        "id": deploy.id,
        "deploymentUuid": deploy.deployment_id,
        "type": deploy.type,
        "status": status,
        "imageTag": content.image_tag,
        "imageRepository": content.image_repository,
        "runtimeVersion": content.runtime if deploy.shows_runtime else None,
        "airflowVersion": content.airflow if deploy.shows_runtime else None,
        "dagBundleVersion": content.dag_bundle,
        "dagDeploymentType": content.mechanism,
        **_git_view(deploy.git),
        "description": deploy.description,
        "createdAt": iso(deploy.created_at),
        "updatedAt": iso(deploy.updated_at(now)),
        "createdBy": author_view(deploy.created_by),
        "rollbackFromId": deploy.rollback_from_id,
        "scope": deploy.scope,
        "statusReason": deploy.failure if status == deploy.outcome else None,
    }


def _git_view(git: Git | None) -> dict[str, str | None]:
    if git is None:
        return {"gitCommit": None, "gitRepository": None, "gitBranch": None}
    return {"gitCommit": git.commit, "gitRepository": git.repository, "gitBranch": git.branch}


def author_view(author: Author) -> dict[str, str]:
    """Return an author as GraphQL fields."""
    return {
        "id": author.id,
        "username": author.username,
        "fullName": author.full_name,
        "kind": author.kind,
    }


def log_view(line: LogLine) -> dict[str, str]:
    """Return a log line as GraphQL fields."""
    return {"id": line.id, "timestamp": iso(line.timestamp), "message": f"[{line.component}] {line.message}"}


def app_config_view(world: World, deployment: Deployment | None) -> dict[str, Any]:
    """Return the installation's settings, with the flags merged for a Deployment if one is given."""
    settings = world.settings
    switches = (
        "smtpConfigured prometheusEnabled elasticSearchEnabled manualReleaseNames configureDagDeployment "
        "nfsMountDagDeployment manualNamespaceNames hardDeleteDeployment triggererEnabled"
    )
    return {
        "version": settings.version,
        "baseDomain": settings.base_domain,
        "byoUpdateRegistryHost": "",
        **dict.fromkeys(switches.split(), True),
        "featureFlags": _flags(world, deployment),
    }


def _flags(world: World, deployment: Deployment | None) -> dict[str, Any]:
    """Return the feature flags; their form changed with 2.0.0, which merges a Deployment's own into them."""
    enabled = world.settings.installation_enabled
    if version_key(world.settings.version) < (2, 0, 0):
        return {"deployRollbackEnabled": enabled}
    return {
        "deploymentLifecycle": {
            "deployRollback": {"enabled": enabled and (deployment is None or deployment.rollback_enabled)}
        }
    }
