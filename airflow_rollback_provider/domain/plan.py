# SPDX-License-Identifier: Apache-2.0
"""The plan: everything that a rollback would do, decided before it is submitted.

Only :func:`make_plan` makes plans. The operator, the command line and the page in Airflow show, store and
carry out the same object.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.checks import (
    CheckContext,
    FailedCheck,
    assess,
    by_default,
    default_scope,
    required_permissions,
)
from airflow_rollback_provider.domain.compatibility import PlanWarning, Verdict, check, restricted_runtime
from airflow_rollback_provider.domain.deploys import Deploy, Deployment, Mechanism, Scope
from airflow_rollback_provider.domain.errors import BadInput, DeployNotFound, PlanRefused
from airflow_rollback_provider.domain.jsonable import decode, encode
from airflow_rollback_provider.domain.rejections import what_undoes
from airflow_rollback_provider.domain.selector import DeploySelector, choose

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from airflow_rollback_provider.domain.deploys import Access, Capabilities
    from airflow_rollback_provider.domain.history import History
    from airflow_rollback_provider.domain.rejections import Rejection
    from airflow_rollback_provider.domain.versions import RuntimeVersion, Versions

FORMAT = 1
"""Version of the JSON form. It grows when a field changes its meaning."""

_NEVER_ROLLED_BACK = (
    "resources (executor, scheduler, workers and their sizes)",
    "environment variables",
    "other settings of the Deployment (name, description)",
)
# apache/airflow#63884
_CLEARED_RUNS = PlanWarning(
    "CLEARED-RUNS-KEEP-VERSION",
    "Runs that are cleared after the rollback may run the Dag version that they began with, which Airflow 3 "
    "keeps for versioned Dag bundles. Clear them with run_on_latest_version, or from Airflow 3.2 on set "
    "rerun_with_latest_version=True in the Dag, or in [core] for all Dags.",
)


@dataclass(frozen=True)
class Change:
    """One difference after the rollback."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class RollbackPlan:
    """The effects of a rollback, and whether it is allowed.

    :param deployment: the Deployment.
    :param current: the deploy whose content runs now.
    :param target: the deploy to go back to.
    :param latest_id: the latest deploy of the history when the plan was made; a later one makes the plan
        stale.
    :param scope: the part that is restored.
    :param requested: the target as the user named it.
    :param exact: whether that always names the same deploy.
    :param verdict: verdict of the compatibility rules.
    :param failed_checks: all failed checks, including the verdict; empty when the plan can be carried out.
    :param warnings: warnings for the user, gravest first.
    :param permissions: permissions that the rollback needs.
    :param changes: the differences after the rollback.
    :param rolled_back: the parts that are restored, as text.
    :param not_rolled_back: the parts that stay unchanged, as text.
    :param undo: how to undo the rollback.
    :param undone_by: what will undo it unless a user prevents that.
    :param needs_acknowledgement: whether the user must acknowledge a loss (Airflow 3 to 2).
    :param downgrade: whether the Runtime gets older; None if that is not known.
    :param planned_at: when the plan was made, by the platform's clock if it is known.
    :param platform: name of the platform.
    :param platform_limits: features that the platform lacks, as text.
    """

    deployment: Deployment
    current: Deploy
    target: Deploy
    latest_id: str
    scope: Scope
    requested: str
    exact: bool
    verdict: Verdict
    failed_checks: tuple[FailedCheck, ...]
    warnings: tuple[PlanWarning, ...]
    permissions: tuple[str, ...]
    changes: tuple[Change, ...]
    rolled_back: tuple[str, ...]
    not_rolled_back: tuple[str, ...]
    undo: str
    undone_by: str
    needs_acknowledgement: bool
    downgrade: bool | None
    planned_at: datetime
    platform: str
    platform_limits: tuple[str, ...]
    format: int = FORMAT

    @property
    def allowed(self) -> bool:
        """Whether all checks passed."""
        return not self.failed_checks

    def require_allowed(self) -> None:
        """Check that the plan can be carried out.

        :raises PlanRefused: with all failed checks.
        """
        if self.failed_checks:
            reasons = "".join(f"\n- {check}" for check in self.failed_checks)
            refused = PlanRefused(
                f"{self.deployment} cannot be rolled back to deploy {self.target.id} (requested: "
                f"{self.requested}). Nothing was changed. {len(self.failed_checks)} check(s) failed:{reasons}"
            )
            refused.codes = tuple(check.code for check in self.failed_checks)
            raise refused

    def with_warnings(self, more: Iterable[PlanWarning]) -> RollbackPlan:
        """Return the same plan with more warnings, gravest first."""
        found = (*self.warnings, *more)
        return replace(self, warnings=tuple(sorted(found, key=lambda warning: not warning.severe)))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values, ``allowed`` among them; :meth:`from_dict` reads them back."""
        return {**encode(self), "allowed": self.allowed}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RollbackPlan:
        """Read the output of :meth:`to_dict`.

        :raises BadInput: for other values, contradictions, or another format.
        """
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise BadInput(
                f"This is not a rollback plan of format {FORMAT}. Make a new plan with this version of "
                "the package."
            )
        try:
            return _read_plan(values)
        except ValueError as error:
            raise BadInput(
                f"This rollback plan is incomplete or damaged: {error}. Make a new plan."
            ) from None


def _read_plan(values: dict[str, Any]) -> RollbackPlan:
    added = ("allowed", "summary")
    plan = decode(RollbackPlan, {name: value for name, value in values.items() if name not in added})
    if values.get("allowed") is not plan.allowed or (plan.allowed and not plan.verdict.allowed):
        raise ValueError("its parts disagree on whether it is allowed")
    return plan


def make_plan(
    deployment: Deployment,
    history: History,
    *,
    target: DeploySelector,
    scope: Scope | None,
    access: Access,
    capabilities: Capabilities,
    now: datetime,
    chosen: Deploy | None = None,
    notes: tuple[PlanWarning, ...] = (),
    restricted: Collection[RuntimeVersion] = (),
) -> RollbackPlan:
    """Make the plan of a rollback.

    :param deployment: the Deployment.
    :param history: its deploy history, newest first.
    :param target: selects the deploy to go back to.
    :param scope: the part to restore; None takes the default of the Deployment's Dag deploy mechanism.
    :param access: the token's permissions and the rollback switches.
    :param capabilities: the platform's capabilities.
    :param now: the time, by the platform's clock if it is known.
    :param chosen: the deploy that ``target`` selects, if the caller has read it already.
    :param notes: further warnings of the caller.
    :param restricted: Runtime versions that the platform restricts because of major bugs.
    :raises DeployNotFound: when no deploy matches or nothing runs.
    :raises AmbiguousTarget: when a selector matches several commits.
    """
    scope = scope or default_scope(deployment.mechanism)
    target_deploy = chosen or _choose(target, history, scope, deployment.mechanism, access)
    found = assess(
        deployment, history, target_deploy, scope=scope, access=access, capabilities=capabilities, now=now
    )
    context, source, goal = found.context, found.source, found.goal
    found_warnings = (
        *found.verdict.warnings,
        *(restricted_runtime(goal, restricted) if "image" in scope.parts else ()),
        *_warnings(context, source, goal),
        *_rejected(target_deploy, history.rejection(target_deploy, scope)),
        *notes,
    )
    return RollbackPlan(
        deployment=deployment,
        current=context.current,
        target=target_deploy,
        latest_id=context.latest.id,
        scope=scope,
        requested=str(target),
        exact=target.exact,
        verdict=found.verdict,
        failed_checks=tuple(_with_setting(check, access.left_out) for check in found.failed_checks),
        warnings=tuple(sorted(found_warnings, key=lambda warning: not warning.severe)),
        permissions=required_permissions(scope, capabilities),
        changes=tuple(_changes(context, source, goal)),
        rolled_back=tuple(_rolled_back(context)),
        not_rolled_back=tuple(_not_rolled_back(context)),
        undo=_undo(context, source, goal),
        undone_by=what_undoes(context.current, scope),
        needs_acknowledgement=found.needs_acknowledgement,
        downgrade=found.downgrade,
        planned_at=now,
        platform=capabilities.name,
        platform_limits=tuple(_platform_limits(capabilities)),
    )


def _choose(
    target: DeploySelector, history: History, scope: Scope, mechanism: Mechanism, access: Access
) -> Deploy:
    """Choose the target. Where a field that tells contents apart is not known, only an id is sure.

    :raises DeployNotFound: when no deploy matches, or it cannot be told which one does.
    """
    telling = {"image_tag"} if "image" in scope.parts else set()
    if "dags" in scope.parts and mechanism is not Mechanism.IMAGE:
        telling.add("dag_bundle")
    if lacking := sorted(access.missing & telling):
        raise DeployNotFound(
            f"Which deploy is {str(target)!r} is not known, because {' and '.join(lacking)} of the deploys "
            f"cannot be read. Name the deploy by its id, or correct the connection. {access.left_out}"
        )
    try:
        return choose(target, history, scope)
    except DeployNotFound as error:
        raise DeployNotFound(f"{error} {access.left_out}".rstrip()) from None


def _with_setting(check: FailedCheck, left_out: str) -> FailedCheck:
    if check.code != "VERSION-NOT-KNOWN":
        return check
    return replace(check, remedy=f"{check.remedy} {left_out}".rstrip())


def _rejected(target: Deploy, rejection: Rejection | None) -> Iterator[PlanWarning]:
    if rejection is None:
        return
    yield PlanWarning("TARGET-ROLLED-BACK-FROM", rejection.sentence(target.id), severe=True)


def _changes(context: CheckContext, source: Versions, goal: Versions) -> Iterator[Change]:
    """Yield the differences after the rollback, and those that are possible because a side is not known."""
    current, target = context.current, context.target
    if "image" in context.scope.parts:
        yield Change("image", current.image_tag or "not known", target.image_tag or "not known")
        yield Change("Runtime", str(source).removeprefix("Runtime "), str(goal).removeprefix("Runtime "))
    if _brings_dags(context):
        in_image = context.mechanism is Mechanism.IMAGE
        yield Change("Dags", _dags(current, in_image), _dags(target, in_image))


def _rolled_back(context: CheckContext) -> Iterator[str]:
    if "image" in context.scope.parts:
        yield "the image with the Astro Runtime version and the project's code"
    if _brings_dags(context):
        yield "the Dags"
    if _whole(context):
        yield "the Deployment's Dag deploy setting"


def _not_rolled_back(context: CheckContext) -> Iterator[str]:
    if not _brings_dags(context):
        yield "the Dags"
    if "image" not in context.scope.parts:
        yield "the image and the Astro Runtime version"
    if context.current.bundles:
        yield f"the named Dag bundles ({', '.join(map(str, context.current.bundles))})"
    yield from _NEVER_ROLLED_BACK


def _platform_limits(capabilities: Capabilities) -> Iterator[str]:
    if not capabilities.scopes:
        yield "A rollback cannot be limited to the image or the Dags."
    if not capabilities.reports_access:
        yield "The token's permissions cannot be read: the platform checks them on submission."
    if not capabilities.reports_switches:
        yield "Whether rollbacks are switched on cannot be read: the platform checks it on submission."
    if not capabilities.logs:
        yield "The platform's own log lines of the rollback cannot be shown."
    if not capabilities.reasons:
        yield "If the rollback fails, the platform does not report why."


def _undo(context: CheckContext, source: Versions, goal: Versions) -> str:
    """Return how to undo the rollback. The way back must pass the same rules, and erased data is lost."""
    lost = " Erased data does not come back." if goal.is_older_than(source) else ""
    back = check(goal, source)
    if not back.allowed:
        return (
            f"A rollback cannot undo this one ({back.code}). To return, deploy the current version again."
            f"{lost}"
        )
    current, days = context.current, context.capabilities.retention_days
    if context.now - current.created_at > timedelta(days=days):
        return (
            f"A rollback cannot undo this one: deploy {current.id}, which runs now, is more than {days:g} "
            f"days old. To return, deploy the current version again.{lost}"
        )
    return (
        f"Roll back to deploy {current.id} (the one that runs now), scope {context.scope.value}, before it "
        f"is {days:g} days old.{lost}"
    )


def _warnings(context: CheckContext, source: Versions, goal: Versions) -> Iterator[PlanWarning]:
    """Yield the warnings that do not depend on the versions alone."""
    yield from _about_the_history(context, source)
    yield from _about_dags(context, source)
    if source.airflow_major == goal.airflow_major == 3 and _brings_dags(context):
        yield _CLEARED_RUNS
    yield from _about_what_is_not_known(context)


def _about_the_history(context: CheckContext, source: Versions) -> Iterator[PlanWarning]:
    current, latest = context.current, context.latest
    if context.deployment.versions.contradicts(current.versions):
        yield PlanWarning(
            "RUNS-ANOTHER-VERSION",
            f"The Deployment runs {source}, but deploy {current.id}, the latest that succeeded, brought "
            f"{current.versions}. The history may not show what runs.",
        )
    if latest.status.settled or latest.id == current.id:
        return
    yield PlanWarning(
        "LATEST-DEPLOY-NOT-FINISHED",
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
    if stay := context.bundles_that_stay:
        yield PlanWarning(
            "NAMED-BUNDLES-STAY",
            f"Named Dag bundles that deploy {target.id} lacks stay: {', '.join(map(str, stay))}.",
        )
    if context.mechanism_changes:
        yield PlanWarning(
            "MECHANISM-CHANGES",
            f"The Deployment's Dag deploy mechanism {'goes' if _whole(context) else 'may go'} back as "
            f"well: from {context.mechanism} to {target.mechanism}.",
        )


def _about_what_is_not_known(context: CheckContext) -> Iterator[PlanWarning]:
    access, capabilities = context.access, context.capabilities
    if capabilities.reports_access and access.permissions is None:
        yield PlanWarning(
            "PERMISSIONS-NOT-KNOWN",
            "The token's permissions could not be read; the platform checks them on submission."
            f"{by_default(access.roles)}",
        )
    if access.left_out:
        yield PlanWarning("FIELDS-NOT-KNOWN", access.left_out)
    if access.request_unknown:
        yield PlanWarning(
            "REQUEST-NOT-PROVEN",
            "Whether the platform knows the rollback request is not known; it checks that on submission. "
            f"{access.request_unknown}",
        )
    if capabilities.reports_switches and None in (
        access.enabled_on_installation,
        access.enabled_on_deployment,
    ):
        yield PlanWarning(
            "SWITCHES-NOT-KNOWN",
            "Whether rollbacks are switched on could not be read; the platform checks it on submission.",
        )


def off_by(skew: timedelta) -> str:
    """Return how far this machine's clock is off the platform's, which plans use, as a sentence."""
    side = "ahead of" if skew > timedelta(0) else "behind"
    return f"This machine's clock is {abs(skew).total_seconds():,.0f} s {side} the platform's."


def _whole(context: CheckContext) -> bool:
    """Return whether the scope is the mechanism's default, which restores the mechanism setting too."""
    return context.scope is default_scope(context.mechanism)


def _brings_dags(context: CheckContext) -> bool:
    return "dags" in context.scope.parts or context.mechanism is Mechanism.IMAGE


def _dags(deploy: Deploy, in_image: bool) -> str:
    where = "those in the image" if in_image else f"bundle {deploy.dag_bundle or 'not known'}"
    return f"{where}, commit {deploy.git_commit[:10]}" if deploy.git_commit else where
