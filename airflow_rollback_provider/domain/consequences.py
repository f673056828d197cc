# SPDX-License-Identifier: Apache-2.0
"""What a rollback would change, leave alone and cost, in words. The facts behind a plan's lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.checks import CheckContext, default_scope
from airflow_rollback_provider.domain.compatibility import PlanWarning, check
from airflow_rollback_provider.domain.deploys import Deploy, Mechanism

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_rollback_provider.domain.deploys import Capabilities
    from airflow_rollback_provider.domain.versions import Versions

_NEVER_ROLLED_BACK = (
    "resources (executor, scheduler, workers and their sizes)",
    "environment variables",
    "other settings of the Deployment (name, description)",
)


@dataclass(frozen=True)
class Change:
    """One thing that differs afterwards."""

    what: str
    before: str
    after: str


def changes(context: CheckContext, source: Versions, goal: Versions) -> Iterator[Change]:
    """List what differs afterwards, or may differ where a side is not known."""
    current, target = context.current, context.target
    if "image" in context.scope.parts:
        yield Change("image", current.image_tag or "not known", target.image_tag or "not known")
        yield Change("Runtime", str(source).removeprefix("Runtime "), str(goal).removeprefix("Runtime "))
    if _brings_dags(context):
        in_image = context.mechanism is Mechanism.IMAGE
        yield Change("Dags", _dags(current, in_image), _dags(target, in_image))


def rolled_back(context: CheckContext) -> Iterator[str]:
    """List what is brought back."""
    if "image" in context.scope.parts:
        yield "the image with the Astro Runtime version and the project's code"
    if _brings_dags(context):
        yield "the Dags"
    if _whole(context):
        yield "the Deployment's Dag deploy setting"


def not_rolled_back(context: CheckContext) -> Iterator[str]:
    """List what stays as it is."""
    if not _brings_dags(context):
        yield "the Dags"
    if "image" not in context.scope.parts:
        yield "the image and the Astro Runtime version"
    yield from _NEVER_ROLLED_BACK


def platform_limits(capabilities: Capabilities) -> Iterator[str]:
    """List what the platform does not offer, for whoever might miss it."""
    if not capabilities.scopes:
        yield "A rollback cannot be limited to the image or the Dags."
    if not capabilities.tells_access:
        yield "What the token may do cannot be asked: the platform checks it on submission."
    if not capabilities.tells_switches:
        yield "Whether rollbacks are switched on cannot be asked: the platform checks it on submission."
    if not capabilities.logs:
        yield "The platform's own log lines of the rollback cannot be shown."
    if not capabilities.reasons:
        yield "If the rollback fails, the platform does not tell why."


def undo(context: CheckContext, source: Versions, goal: Versions) -> str:
    """Say how to go back on it: going forward again must pass the same table, and erased data is gone."""
    lost = " Erased data does not come back." if goal.is_older_than(source) else ""
    back = check(goal, source)
    if not back.allowed:
        return (
            f"A rollback cannot undo this one ({back.code}). To return, deploy the current version anew."
            f"{lost}"
        )
    current, days = context.current, context.capabilities.retention_days
    if context.now - current.created_at > timedelta(days=days):
        return (
            f"A rollback cannot undo this one: deploy {current.id}, which runs now, is more than {days:g} "
            f"days old. To return, deploy the current version anew.{lost}"
        )
    return (
        f"Roll back to deploy {current.id} (the one that runs now), scope {context.scope.value}, before it "
        f"is {days:g} days old.{lost}"
    )


def warnings(context: CheckContext, source: Versions) -> Iterator[PlanWarning]:
    """List what to know besides what the versions say."""
    yield from _about_the_history(context, source)
    yield from _about_dags(context, source)
    yield from _about_what_is_not_known(context)


def _about_the_history(context: CheckContext, source: Versions) -> Iterator[PlanWarning]:
    current, latest = context.current, context.latest
    if context.deployment.versions.contradicts(current.versions):
        yield PlanWarning(
            "RUNS-ANOTHER-VERSION",
            f"The Deployment runs {source}, but deploy {current.id}, the latest that succeeded, brought "
            f"{current.versions}. The history may not tell what runs.",
        )
    if latest.status.settled or latest.id == current.id:
        return
    yield PlanWarning(
        "NEWEST-DEPLOY-NOT-SETTLED",
        f"The latest deploy {latest.id} has neither succeeded nor failed (status: {latest.status}); it may "
        "change what runs.",
    )


def _about_dags(context: CheckContext, source: Versions) -> Iterator[PlanWarning]:
    parts, target = context.scope.parts, context.target
    if "dags" not in parts and context.mechanism is Mechanism.DAG_DEPLOY:
        yield PlanWarning(
            "DAGS-STAY",
            "Only the image is rolled back: the Dags that run now must work with the target's image.",
        )
    majors = {source.airflow_major, target.versions.airflow_major} - {None}
    if "image" not in parts and len(majors) > 1:
        yield PlanWarning(
            "DAGS-OF-OTHER-AIRFLOW",
            "The Dags come from a deploy with another major version of Airflow.",
            severe=True,
        )
    if context.mechanism_changes:
        yield PlanWarning(
            "MECHANISM-CHANGES",
            f"The Deployment's Dag deploy mechanism {'goes' if _whole(context) else 'may go'} back as "
            f"well: from {context.mechanism} to {target.mechanism}.",
        )


def _about_what_is_not_known(context: CheckContext) -> Iterator[PlanWarning]:
    access, capabilities = context.access, context.capabilities
    if capabilities.tells_access and access.permissions is None:
        yield PlanWarning(
            "PERMISSIONS-NOT-KNOWN",
            "The token's permissions could not be read; the platform checks them on submission.",
        )
    if capabilities.tells_switches and None in (access.enabled_on_installation, access.enabled_on_deployment):
        yield PlanWarning(
            "SWITCHES-NOT-KNOWN",
            "Whether rollbacks are switched on could not be read; the platform checks it on submission.",
        )


def _whole(context: CheckContext) -> bool:
    """Whether all that deploys of this mechanism carry is brought back, so the setting itself too."""
    return context.scope is default_scope(context.mechanism)


def _brings_dags(context: CheckContext) -> bool:
    return "dags" in context.scope.parts or context.mechanism is Mechanism.IMAGE


def _dags(deploy: Deploy, in_image: bool) -> str:
    where = "those in the image" if in_image else f"bundle {deploy.dag_bundle or 'not known'}"
    return f"{where}, commit {deploy.git_commit[:10]}" if deploy.git_commit else where
