# SPDX-License-Identifier: Apache-2.0
"""The checks before a Deployment is rolled back.

The checks are data. All of them run, and all failures are reported. :func:`assess` adds the compatibility
rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.compatibility import Verdict, check, crosses_airflow_major
from airflow_rollback_provider.domain.deploys import (
    Access,
    Capabilities,
    Deploy,
    Deployment,
    Mechanism,
    Scope,
)
from airflow_rollback_provider.domain.errors import DeployNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from airflow_rollback_provider.domain.deploys import NamedBundle
    from airflow_rollback_provider.domain.history import History
    from airflow_rollback_provider.domain.versions import Versions


@dataclass(frozen=True)
class FailedCheck:
    """A reason why a plan must not be carried out.

    :param code: stable name, part of the public interface.
    :param remedy: what the user can do about it.
    """

    code: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.code}: {self.reason} {self.remedy}"


@dataclass(frozen=True)
class CheckContext:
    """The data of all checks.

    :param current: the deploy whose content runs now.
    :param latest: the latest deploy of the history.
    :param now: the platform's time if it is known, so that a wrong local clock does not matter.
    :param same_origin: whether target and current deploy lead to the same deploy through rollbacks.
    """

    deployment: Deployment
    current: Deploy
    target: Deploy
    latest: Deploy
    scope: Scope
    access: Access
    capabilities: Capabilities
    now: datetime
    same_origin: bool = False

    @property
    def mechanism(self) -> Mechanism:
        """How Dags reach the Deployment now."""
        return self.deployment.mechanism

    @property
    def bundles_that_stay(self) -> tuple[NamedBundle, ...]:
        """The named Dag bundles that run now and that the target lacks."""
        return tuple(one for one in self.current.bundles if self.target.bundle(one.name) is None)

    @property
    def mechanism_changes(self) -> bool:
        """Whether the target is known to have been deployed with another Dag deploy mechanism."""
        mechanisms = {self.mechanism, self.target.mechanism}
        return len(mechanisms) > 1 and Mechanism.UNKNOWN not in mechanisms


ReasonAndRemedy = tuple[str, str]


@dataclass(frozen=True)
class Check:
    """One condition that must hold.

    :param code: stable name, part of the public interface.
    :param summary: the condition, for the documentation.
    :param violations: yields a reason and a remedy for each violation.
    """

    code: str
    summary: str
    violations: Callable[[CheckContext], Iterator[ReasonAndRemedy]]


def failed_checks(context: CheckContext) -> tuple[FailedCheck, ...]:
    """Run every check and return all failures."""
    return tuple(
        FailedCheck(check.code, reason, remedy)
        for check in CHECKS
        for reason, remedy in check.violations(context)
    )


# Documentation, "User role and permission reference": DEPLOYMENT_EDITOR and above may push.
_ROLES_THAT_PUSH = ("DEPLOYMENT_EDITOR", "DEPLOYMENT_ADMIN", "SYSTEM_ADMIN")


def by_default(roles: Collection[str] | None) -> str:
    """Return what the default roles grant, as a sentence after a blank; empty where nothing is known.

    An installation may change its roles, so this refuses no plan.
    """
    pushing = [role for role in _ROLES_THAT_PUSH if role in (roles or ())]
    if pushing:
        return f" By default the role {pushing[0]} of its owner grants them."
    if roles and all(role.endswith("_VIEWER") for role in roles):
        return f" By default the role {' and '.join(sorted(roles))} of its owner does not grant them."
    return ""


def required_permissions(scope: Scope, capabilities: Capabilities) -> tuple[str, ...]:
    """Return the permissions that a rollback of this scope needs (documentation, "Permissions")."""
    published = capabilities.permissions
    named = [published[part] for part in ("image", "dags") if part in scope.parts and part in published]
    return tuple(dict.fromkeys(named))


def default_scope(mechanism: Mechanism) -> Scope:
    """Return the default scope of a rollback: all that deploys of this mechanism contain."""
    return Scope.IMAGE_AND_DAGS if mechanism in (Mechanism.DAG_DEPLOY, Mechanism.UNKNOWN) else Scope.IMAGE


def _belongs(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    target, deployment = context.target, context.deployment
    if target.deployment_id != deployment.id:
        yield (
            f"Deploy {target.id} belongs to Deployment {target.deployment_id}, not to {deployment.id}.",
            "Choose a deploy from this Deployment's history.",
        )


def _succeeded(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    target = context.target
    if not target.succeeded:
        yield (
            f"Deploy {target.id} has not succeeded, or that is not known (status: {target.status}).",
            "Choose a deploy that succeeded.",
        )


def _within_retention(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    target, days = context.target, context.capabilities.retention_days
    excused = context.capabilities.latest_always_allowed and target.id == context.latest.id
    if context.now - target.created_at > timedelta(days=days) and not excused:
        yield (
            f"Deploy {target.id} was created on {target.created_at:%Y-%m-%d}, more than {days:g} days ago.",
            "Choose a later deploy, or deploy that version again.",
        )


def _differs(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    target, current, scope = context.target, context.current, context.scope
    known = all(target.part(name) and current.part(name) for name in scope.parts)
    if context.same_origin or target.id == current.id or (known and target.same_content(current, scope)):
        yield (
            f"The content of deploy {target.id} ({scope}) runs now.",
            "No rollback is needed. If the version that runs now is the bad one, choose an older deploy.",
        )


def _scope_is_offered(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    natural = default_scope(context.mechanism)
    if not context.capabilities.scopes and context.scope is not natural:
        yield (
            f"{context.capabilities.name} has no scopes: a rollback always restores {natural}.",
            "Leave the scope out.",
        )


def _not_on_a_volume(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    if context.mechanism is Mechanism.VOLUME:
        yield (
            "Deployments whose Dags come from an NFS volume cannot be rolled back.",
            "Deploy that version again, or change the Deployment's Dag deploy mechanism.",
        )
    elif context.target.mechanism is Mechanism.VOLUME:
        yield (
            f"Deploy {context.target.id} was made while the Dags came from an NFS volume.",
            "Choose a deploy of another Dag deploy mechanism.",
        )


def _scope_fits_mechanism(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    if context.scope is Scope.IMAGE:
        return
    if context.mechanism is Mechanism.IMAGE:
        yield (
            f"The Deployment is image-based: its Dags are part of the image (requested: {context.scope}).",
            "Use the scope image, which restores the Dags too.",
        )
    elif context.mechanism is Mechanism.GIT_SYNC:
        yield (
            f"The Deployment takes its Dags from git: a rollback cannot restore them (requested: "
            f"{context.scope}).",
            "Use the scope image, and revert the Dags in the git repository.",
        )


def _target_has_dags(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    target = context.target
    if context.scope is Scope.DAGS and target.mechanism is Mechanism.IMAGE:
        yield (
            f"Deploy {target.id} was image-based: its Dags are in its image and cannot be restored alone.",
            "Roll back image and Dags, or choose a deploy with Dags outside its image.",
        )


def _git_sync_on_both_sides(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    here, there = context.mechanism, context.target.mechanism
    if context.mechanism_changes and Mechanism.GIT_SYNC in (here, there):
        yield (
            f"A git-sync revision can only be rolled back to another one; the Deployment uses {here}, the "
            f"target used {there}.",
            f"Choose a deploy that was created with {here}.",
        )


def _named_bundles_run_already(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    current, target = context.current, context.target
    for bundle in target.bundles:
        runs = current.bundle(bundle.name)
        if not bundle.may_equal(runs):
            yield (
                f"Deploy {target.id} has the named Dag bundle {bundle}, and {runs or 'no such bundle'} runs "
                "now. A rollback of the Deployment is not known to bring a named bundle back.",
                _bundle_remedy(context, runs or bundle, bundle.version),
            )
    if context.bundles_that_stay and target.same_parts(current, context.scope):
        stay = context.bundles_that_stay
        yield (
            f"Deploy {target.id} differs from what runs only in named Dag bundles that it lacks: "
            f"{', '.join(map(str, stay))}. A rollback of the Deployment is not known to change them.",
            _bundle_remedy(context, stay[0], None),
        )


def _bundle_remedy(context: CheckContext, bundle: NamedBundle, version: str | None) -> str:
    endpoint = (context.capabilities.bundle_endpoint or "the platform's API").format(
        deployment_id=context.deployment.id, bundle_id=bundle.id or "{bundleId}"
    )
    body = f'{{"version": "{version or "<an earlier version>"}"}}'
    return (
        f"Roll the bundle back by itself ({endpoint} with {body}), or choose a deploy with the same bundles."
    )


def _permitted(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    granted = context.access.permissions
    if granted is None:
        return
    for permission in required_permissions(context.scope, context.capabilities):
        if not granted & {permission, f"system.{permission}"}:
            yield (
                f"The token lacks the permission {permission} on {context.deployment}.",
                "Use a token with the role DEPLOYMENT_EDITOR or above, or one with this permission.",
            )


def _enabled_on_installation(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    if context.access.enabled_on_installation is False:
        yield (
            "Rollbacks are switched off on this installation.",
            f"Ask an administrator to set {context.access.installation_flag} to true.",
        )


def _enabled_on_deployment(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    if context.access.enabled_on_deployment is False:
        yield (
            f"Rollbacks are switched off on {context.deployment}.",
            "Switch on the toggle Rollback Deploy in the Deployment's settings.",
        )


def _request_is_known(context: CheckContext) -> Iterator[ReasonAndRemedy]:
    for refusal in context.access.request_refusals:
        if refusal.scope in (None, context.scope):
            yield refusal.reason, refusal.remedy


CHECKS: tuple[Check, ...] = (
    Check("TARGET-OF-OTHER-DEPLOYMENT", "The target is a deploy of this Deployment.", _belongs),
    Check("TARGET-NOT-SUCCEEDED", "The target is known to have succeeded.", _succeeded),
    Check("TARGET-EXPIRED", "The target is within the platform's retention window.", _within_retention),
    Check(
        "TARGET-RUNS-ALREADY", "The content of the target differs from the content that runs now.", _differs
    ),
    Check("SCOPE-NOT-OFFERED", "The platform offers the scope.", _scope_is_offered),
    Check(
        "MECHANISM-CANNOT-ROLL-BACK",
        "Neither the Deployment nor the target takes its Dags from an NFS volume.",
        _not_on_a_volume,
    ),
    Check(
        "SCOPE-DOES-NOT-FIT",
        "Dags are rolled back only where they are deployed apart from the image and do not come from git.",
        _scope_fits_mechanism,
    ),
    Check(
        "TARGET-HAS-NO-DAGS", "For the scope dags, the target has Dags outside its image.", _target_has_dags
    ),
    Check(
        "GIT-SYNC-ON-ONE-SIDE",
        "Either both the Deployment and the target use git-sync, or neither does.",
        _git_sync_on_both_sides,
    ),
    Check(
        "NAMED-BUNDLE-DIFFERS",
        "The named Dag bundles of the target run already: a rollback is not known to change them.",
        _named_bundles_run_already,
    ),
    Check("PERMISSION-MISSING", "The token has the permissions that the scope needs.", _permitted),
    Check(
        "ROLLBACK-OFF-ON-INSTALLATION",
        "Rollbacks are switched on on the installation.",
        _enabled_on_installation,
    ),
    Check(
        "ROLLBACK-OFF-ON-DEPLOYMENT", "Rollbacks are switched on on the Deployment.", _enabled_on_deployment
    ),
    Check("REQUEST-NOT-KNOWN", "The platform knows the rollback request.", _request_is_known),
)


@dataclass(frozen=True)
class Assessment:
    """The results of the compatibility rules and the checks for a rollback to one deploy.

    :param source: the versions that run now.
    :param goal: the versions that would run.
    :param verdict: verdict of the compatibility rules.
    :param failed_checks: all failed checks, the verdict first.
    """

    context: CheckContext
    source: Versions
    goal: Versions
    verdict: Verdict
    failed_checks: tuple[FailedCheck, ...]

    @property
    def needs_acknowledgement(self) -> bool:
        """Whether the user must acknowledge a loss (Airflow 3 to 2)."""
        return crosses_airflow_major(self.source, self.goal)

    @property
    def downgrade(self) -> bool | None:
        """Whether the Runtime gets older; None if that is not known."""
        return self.goal.is_older_than(self.source)


def assess(
    deployment: Deployment,
    history: History,
    target: Deploy,
    *,
    scope: Scope,
    access: Access,
    capabilities: Capabilities,
    now: datetime,
) -> Assessment:
    """Check a rollback to one deploy. It sends no request if the running deploy was read already.

    :param target: the deploy to go back to.
    :param scope: the part to restore.
    :param access: the token's permissions and the rollback switches.
    :param now: the time, by the platform's clock if it is known.
    :raises DeployNotFound: when nothing runs.
    """
    current, latest = history.running, history.latest
    if current is None or latest is None:
        raise DeployNotFound(
            f"No deploy of {deployment} has succeeded, so there is nothing to roll back from. Deploy a "
            "working version."
        )
    source, goal = _versions(deployment, current, target, scope)
    verdict = check(source, goal)
    same_origin = bool(history.lineage(current, scope) & history.lineage(target, scope))
    context = CheckContext(
        deployment, current, target, latest, scope, access, capabilities, now, same_origin=same_origin
    )
    failed = failed_checks(context)
    if not verdict.allowed:
        remedy = f"Choose a deploy of a supported version. Rule from: {verdict.source}."
        failed = (FailedCheck(verdict.code, verdict.reason, remedy), *failed)
    return Assessment(context, source, goal, verdict, failed)


def _versions(
    deployment: Deployment, current: Deploy, target: Deploy, scope: Scope
) -> tuple[Versions, Versions]:
    """Return the versions that run now and would run; a rollback of Dags alone keeps the Runtime."""
    known = deployment.versions if deployment.versions.known else current.versions
    source = known.completed_by(current.versions)
    return source, (target.versions if "image" in scope.parts else source)
