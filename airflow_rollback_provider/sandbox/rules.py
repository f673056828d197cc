# SPDX-License-Identifier: Apache-2.0
"""The rules by which the platforms refuse a rollback, written from the contract alone.

The client has its own compatibility rules. They share no code, so that each can reveal the other's mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.sandbox.errors import invalid, not_found, not_permitted, refused_rollback
from airflow_rollback_provider.sandbox.model import DEPLOYED, SCOPES, Content, Deploy, Deployment
from airflow_rollback_provider.sandbox.tokens import DAGS, IMAGES, Token
from airflow_rollback_provider.sandbox.versions import Runtime, read_runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.sandbox.settings import Settings

MAX_DESCRIPTION = 500
_FIRST_AIRFLOW_3 = (3, 1, 2)
_FIRST_AIRFLOW_2 = (5, 0, 0)
_NEEDS = {"IMAGE": (IMAGES,), "DAGS": (DAGS,), "IMAGE_AND_DAGS": (IMAGES, DAGS)}


@dataclass(frozen=True)
class RollbackAttempt:
    """The data that decide whether a rollback may start."""

    settings: Settings
    token: Token
    deployment: Deployment
    target: Deploy | None
    target_id: str
    scope: str
    description: str | None
    now: datetime

    @property
    def running(self) -> Content:
        """The running content of the Deployment."""
        return self.deployment.running(self.now)


@dataclass(frozen=True)
class RollbackRules:
    """The rules of one platform, in the order of its checks.

    ``keeps_latest``: whether a Deployment's latest deploy stays, at any age.
    """

    before_the_target: tuple[Callable[[RollbackAttempt], None], ...]
    about_the_target: tuple[Callable[[RollbackAttempt, Deploy], None], ...]
    keeps_latest: bool = False


def check(attempt: RollbackAttempt, platform: RollbackRules) -> Deploy:
    """Return the target if the rollback may start.

    :raises Refused: for the first rule that forbids it.
    """
    for rule in platform.before_the_target:
        rule(attempt)
    target = attempt.target
    if target is None or target.purged:
        raise not_found("Deploy revision", attempt.target_id)
    for about_target in platform.about_the_target:
        about_target(attempt, target)
    return target


def result(running: Content, target: Content, scope: str) -> Content:
    """Return the content after a rollback of that scope (settings of Dag deploys go with both).

    Named bundles stay: a request of their own rolls one back.
    """
    target = replace(target, named_bundles=running.named_bundles)
    if scope == "DAGS":
        return replace(running, dag_bundle=target.dag_bundle)
    if scope == "IMAGE":
        return replace(target, dag_bundle=running.dag_bundle, mechanism=running.mechanism)
    return target


def forbidden_path(source: str, target: str) -> str | None:
    """Return why a Deployment may not go from one Runtime to another, or ``None`` if it may.

    The table is the contract's, section 1.
    """
    before, after = read_runtime(source), read_runtime(target)
    if before is None or after is None:
        return f"cannot compare Runtime {source} with Runtime {target}"
    for side, text in ((before, source), (after, target)):
        if side.airflow_major == 3 and side.numbers < _FIRST_AIRFLOW_3:
            return (
                f"Runtime {text} takes no part in rollbacks: the first Airflow 3 Runtime that does is 3.1-2"
            )
    return _forbidden_majors(before, after, target)


def _forbidden_majors(before: Runtime, after: Runtime, target: str) -> str | None:
    majors = (before.airflow_major, after.airflow_major)
    if majors == (3, 3):
        return None
    if majors == (3, 2):
        if after.numbers[0] in (12, 13):
            return None
        return f"from Airflow 3 only Runtime 12.x and 13.x can be the target, not {target}"
    if majors == (2, 2):
        too_old = min(before.numbers, after.numbers) < _FIRST_AIRFLOW_2
        return "both Runtimes must be 5.0.0 or later" if too_old else None
    return f"there is no rollback from Airflow {majors[0]} to Airflow {majors[1]}"


def _described(attempt: RollbackAttempt) -> None:
    if not (attempt.description or "").strip():
        raise invalid("A description is required for a rollback")


def _brief(attempt: RollbackAttempt) -> None:
    if len(attempt.description or "") > MAX_DESCRIPTION:
        raise invalid(f"The description is longer than {MAX_DESCRIPTION} characters")


def _scope(attempt: RollbackAttempt) -> None:
    if attempt.scope not in SCOPES:
        raise invalid(f"Unknown scope {attempt.scope!r}")


def _permissions(attempt: RollbackAttempt) -> None:
    workspace = attempt.deployment.workspace.key
    if not all(attempt.token.may(needed, workspace) for needed in _NEEDS[attempt.scope]):
        raise not_permitted()


def _enabled(attempt: RollbackAttempt) -> None:
    if not attempt.settings.installation_enabled:
        raise refused_rollback("Deploy rollbacks are not enabled on this installation")
    if not attempt.deployment.rollback_enabled:
        raise refused_rollback(f"Rollback Deploy is not enabled for {attempt.deployment.release_name}")


def _mechanism(attempt: RollbackAttempt) -> None:
    mechanism = attempt.running.mechanism
    if mechanism == "volume":
        raise refused_rollback("Deployments with NFS (volume) Dag deploys cannot be rolled back")
    if mechanism == "image" and attempt.scope == "DAGS":
        raise refused_rollback("Dags of an image-based Deployment are part of its image")
    if mechanism == "git_sync" and attempt.scope != "IMAGE":
        raise refused_rollback("Dags of a git-sync Deployment come from git; roll back its image alone")


def _idle(attempt: RollbackAttempt) -> None:
    if attempt.settings.refuse_concurrent and (other := attempt.deployment.in_progress(attempt.now)):
        raise refused_rollback(f"Deploy {other.id} of {attempt.deployment.release_name} is in progress")


def _succeeded(attempt: RollbackAttempt, target: Deploy) -> None:
    status = target.status(attempt.now)
    if status != DEPLOYED:
        raise refused_rollback(
            f"Deploy {target.id} is {status}; only a deploy that succeeded can be the target"
        )


def _retained(attempt: RollbackAttempt, target: Deploy) -> None:
    days = attempt.settings.retention_days
    if attempt.now - target.created_at > timedelta(days=days):
        raise refused_rollback(f"Deploy {target.id} is older than {days:g} days")


def _retained_or_latest(attempt: RollbackAttempt, target: Deploy) -> None:
    if target is not attempt.deployment.latest:
        _retained(attempt, target)


def _target_fits(attempt: RollbackAttempt, target: Deploy) -> None:
    mechanism = attempt.running.mechanism
    if "git_sync" in (mechanism, target.content.mechanism) and mechanism != target.content.mechanism:
        raise refused_rollback("A git-sync Deployment can only go back to one of its git-sync deploys")
    if target.content.mechanism == "volume":
        raise refused_rollback("Deploys of NFS (volume) Deployments cannot be the target")
    if attempt.scope == "DAGS" and target.content.dag_bundle is None:
        raise refused_rollback(f"Deploy {target.id} has no Dag bundle")


def _path(attempt: RollbackAttempt, target: Deploy) -> None:
    if attempt.scope == "DAGS":
        return
    if reason := forbidden_path(attempt.running.runtime, target.content.runtime):
        raise refused_rollback(f"Rollback not supported: {reason}")


def _changes_something(attempt: RollbackAttempt, target: Deploy) -> None:
    if result(attempt.running, target.content, attempt.scope) == attempt.running:
        raise refused_rollback(f"The Deployment already runs the content of deploy {target.id}")


PRIVATE_CLOUD = RollbackRules(
    before_the_target=(_scope, _permissions, _described, _brief, _enabled, _mechanism, _idle),
    about_the_target=(_succeeded, _retained, _target_fits, _path, _changes_something),
)

# No scopes to choose from, no flag and no toggle; and a Deployment whose latest deploy is too old may go back
# to that one, which is what it runs: so the target need not change anything.
HOSTED = RollbackRules(
    before_the_target=(_permissions, _brief, _idle),
    about_the_target=(_succeeded, _retained_or_latest, _target_fits, _path),
    keeps_latest=True,
)
