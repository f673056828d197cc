# SPDX-License-Identifier: Apache-2.0
"""The world's values as hosted Astro's JSON. A field without a value is left out, never null."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.sandbox.factories import AUTHORS

if TYPE_CHECKING:
    from airflow_rollback_provider.sandbox.model import Author, Deploy, Deployment, Git, NamedBundle
    from airflow_rollback_provider.sandbox.world import World

_SMALL = {"Cpu": "0.5", "Memory": "1Gi"}


def deploy_view(world: World, deploy: Deploy) -> dict[str, Any]:
    """Return a deploy in the form of the schema ``Deploy``."""
    now, content, subject = world.clock.now(), deploy.content, _subject_view(deploy.created_by)
    return {
        "id": deploy.id,
        "deploymentId": deploy.deployment_id,
        "type": deploy.type,
        "status": deploy.status(now),
        "imageTag": content.image_tag,
        "imageRepository": content.image_repository,
        "isDagDeployEnabled": content.mechanism == "dag_deploy",
        "createdAt": _seconds(deploy.created_at),
        "updatedAt": _seconds(deploy.updated_at(now)),
        "createdBySubject": subject,
        "updatedBySubject": subject,
        **_versions_view(deploy),
        **_known(
            dagTarballVersion=content.dag_bundle,
            description=deploy.description,
            rollbackFromId=deploy.rollback_from_id,
            git=_git_view(deploy.git),
            bundles=[_bundle_view(bundle) for bundle in content.named_bundles] or None,
            bundleMountPath=_own_bundle(deploy),
        ),
    }


def _bundle_view(bundle: NamedBundle) -> dict[str, str]:
    return {
        "bundleType": "dbt",
        "currentVersion": bundle.version,
        "deployId": bundle.deploy_id,
        "desiredVersion": bundle.version,
        "mountPath": bundle.mount_path,
    }


def _own_bundle(deploy: Deploy) -> str | None:
    """Return the path of the bundle that a deploy of one bundle brought."""
    own = (bundle.mount_path for bundle in deploy.content.named_bundles if bundle.deploy_id == deploy.id)
    return next(own, None) if deploy.type == "BUNDLE" else None


def _versions_view(deploy: Deploy) -> dict[str, str]:
    if not deploy.shows_runtime:
        return {"airflowVersion": "NA"}
    return {"airflowVersion": deploy.content.airflow, "astroRuntimeVersion": deploy.content.runtime}


def _git_view(git: Git | None) -> dict[str, str] | None:
    if git is None:
        return None
    return {
        "provider": "GENERIC",
        "remoteUrl": git.repository,
        "branch": git.branch,
        "commitSha": git.commit,
    }


def _subject_view(author: Author) -> dict[str, str]:
    if author.kind == "user":
        names = {"username": author.username, "fullName": author.full_name}
        return {"id": author.id, "subjectType": "USER", **names}
    return {"id": author.id, "subjectType": "SERVICEKEY", "apiTokenName": author.full_name}


def deployment_view(world: World, deployment: Deployment) -> dict[str, Any]:
    """Return a Deployment in the form of the schema ``Deployment``; the sizes of its parts are invented."""
    now, latest = world.clock.now(), deployment.latest
    running, in_progress = deployment.running(now), deployment.in_progress(now)
    owner = AUTHORS["ana.silva"]
    desired = running if in_progress is None else in_progress.content
    return {
        "id": deployment.id,
        "name": deployment.label,
        "namespace": deployment.release_name,
        "organizationId": world.organization.id,
        "workspaceId": deployment.workspace.id,
        "workspaceName": deployment.workspace.label,
        "clusterId": deployment.cluster_id,
        "type": "DEDICATED",
        "status": world.status(deployment),
        "airflowVersion": running.airflow,
        "astroRuntimeVersion": running.runtime,
        "runtimeVersion": running.runtime,
        "imageRepository": running.image_repository,
        "imageTag": running.image_tag,
        "isDagDeployEnabled": running.mechanism == "dag_deploy",
        "isCicdEnforced": False,
        "createdAt": _seconds(deployment.created_at),
        "updatedAt": _seconds(latest.updated_at(now) if latest else deployment.created_at),
        "createdBy": _subject_view(owner),
        "updatedBy": _subject_view(latest.created_by if latest else owner),
        **_known(dagTarballVersion=running.dag_bundle, desiredDagTarballVersion=desired.dag_bundle),
        **_addresses(world, deployment),
        **_sizes(),
    }


def _addresses(world: World, deployment: Deployment) -> dict[str, str]:
    host = f"{deployment.cluster_id}.{world.settings.base_domain}/{deployment.release_name}"
    return {
        "uiUrl": f"https://{host}?orgId={world.organization.id}",
        "apiUrl": f"https://{host}/api/v1",
        "webServerUrl": f"{host}?orgId={world.organization.id}",
        "webServerAirflowApiUrl": f"{host}/api/v1",
        "webServerIngressHostname": host,
    }


def _sizes() -> dict[str, Any]:
    parts = ("scheduler", "webServer")
    return {"schedulerReplicas": 1} | {
        f"{part}{name}": value for part in parts for name, value in _SMALL.items()
    }


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _seconds(moment: datetime) -> str:
    """Format a time as the document says, in whole seconds; a fraction is cut off."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
