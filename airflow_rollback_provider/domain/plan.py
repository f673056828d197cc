# SPDX-License-Identifier: Apache-2.0
"""The plan: everything that a rollback would do, decided before anything is done.

Plans are made by :func:`make_plan` alone. The operator, the command line and the page in Airflow show, store
and carry out the same object.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.assessment import assess
from airflow_rollback_provider.domain.checks import FailedCheck, default_scope, required_permissions
from airflow_rollback_provider.domain.compatibility import PlanWarning, Verdict, restricted_runtime
from airflow_rollback_provider.domain.consequences import (
    Change,
    changes,
    not_rolled_back,
    platform_limits,
    rolled_back,
    undo,
    warnings,
)
from airflow_rollback_provider.domain.deploys import Deploy, Deployment, Scope  # noqa: TC001 - decode() reads them
from airflow_rollback_provider.domain.errors import BadInput, PlanRefused
from airflow_rollback_provider.domain.jsonable import decode, encode
from airflow_rollback_provider.domain.selector import DeploySelector, choose

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow_rollback_provider.domain.deploys import Access, Capabilities
    from airflow_rollback_provider.domain.history import History
    from airflow_rollback_provider.domain.versions import RuntimeVersion, Versions

FORMAT = 1
"""Version of the JSON form. It grows when a field changes its meaning."""


@dataclass(frozen=True)
class RollbackPlan:
    """What a rollback would do, whether it may be done, and what it costs.

    :param deployment: the Deployment as it was read.
    :param current: the deploy whose content runs now.
    :param target: the deploy to go back to.
    :param latest_id: the latest deploy of the history when the plan was made; a newer one makes the plan
        stale.
    :param scope: the part that is brought back.
    :param requested: the target in the words of whoever asked.
    :param exact: whether that names one deploy for good.
    :param verdict: what the compatibility table says.
    :param failed_checks: every reason against it, the verdict's included; empty when the plan can be carried
        out.
    :param warnings: what to know before agreeing, gravest first.
    :param permissions: permissions that the rollback takes.
    :param changes: what differs afterwards.
    :param rolled_back: what is brought back, in words.
    :param not_rolled_back: what stays as it is, in words.
    :param undo: how to go back on it.
    :param needs_acknowledgement: whether someone must accept a loss in so many words (Airflow 3 to 2).
    :param downgrade: whether the Runtime gets older; None where that cannot be told.
    :param planned_at: when it was made, by the platform's clock where known.
    :param platform: name of the platform.
    :param platform_limits: what the platform does not offer, in words.
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
    needs_acknowledgement: bool
    downgrade: bool | None
    planned_at: datetime
    platform: str
    platform_limits: tuple[str, ...]
    format: int = FORMAT

    @property
    def allowed(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.failed_checks

    def require_allowed(self) -> None:
        """Do nothing if the plan can be carried out.

        :raises PlanRefused: with every failed check.
        """
        if self.failed_checks:
            reasons = "".join(f"\n- {check}" for check in self.failed_checks)
            raise PlanRefused(
                f"{self.deployment} cannot be rolled back to deploy {self.target.id} (asked for: "
                f"{self.requested}). Nothing was changed. {len(self.failed_checks)} check(s) failed:{reasons}"
            )

    def with_warnings(self, more: Iterable[PlanWarning]) -> RollbackPlan:
        """Return the same plan with more to know before agreeing, gravest first."""
        found = (*self.warnings, *more)
        return replace(self, warnings=tuple(sorted(found, key=lambda warning: not warning.severe)))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values, ``allowed`` among them; :meth:`from_dict` reads them back."""
        return {**encode(self), "allowed": self.allowed}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RollbackPlan:
        """Read what :meth:`to_dict` wrote.

        :raises BadInput: when it is something else, contradicts itself, or was written in another format.
        """
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise BadInput(
                f"This is not a rollback plan of format {FORMAT}. Make the plan anew with this version of "
                "the package."
            )
        try:
            return _read_plan(values)
        except ValueError as error:
            raise BadInput(f"This rollback plan is incomplete or damaged: {error}. Make it anew.") from None


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
    """Work out what a rollback would do and whether it may be done.

    :param deployment: the Deployment as the platform describes it.
    :param history: its deploy history, newest first.
    :param target: which deploy is meant.
    :param scope: the part to bring back; None takes what the Deployment's Dag deploy mechanism carries.
    :param access: what the token may do and what is switched on.
    :param capabilities: what the platform can do.
    :param now: the time, by the platform's clock where it is known.
    :param chosen: the deploy that ``target`` names, if the caller has fetched it already.
    :param notes: warnings of the caller's own.
    :param restricted: Runtime versions that the platform restricts because of major bugs, where it tells.
    :raises DeployNotFound: when no deploy is meant or nothing runs.
    :raises AmbiguousTarget: when a selector fits several things.
    """
    scope = scope or default_scope(deployment.mechanism)
    wanted = chosen or choose(target, history, scope)
    found = assess(
        deployment, history, wanted, scope=scope, access=access, capabilities=capabilities, now=now
    )
    context, source, goal = found.context, found.source, found.goal
    told = (
        *found.verdict.warnings,
        *_restricted(scope, goal, restricted),
        *warnings(context, source),
        *notes,
    )
    return RollbackPlan(
        deployment=deployment,
        current=context.current,
        target=wanted,
        latest_id=context.latest.id,
        scope=scope,
        requested=str(target),
        exact=target.exact,
        verdict=found.verdict,
        failed_checks=found.failed_checks,
        warnings=tuple(sorted(told, key=lambda warning: not warning.severe)),
        permissions=required_permissions(scope, capabilities),
        changes=tuple(changes(context, source, goal)),
        rolled_back=tuple(rolled_back(context)),
        not_rolled_back=tuple(not_rolled_back(context)),
        undo=undo(context, source, goal),
        needs_acknowledgement=found.needs_acknowledgement,
        downgrade=found.downgrade,
        planned_at=now,
        platform=capabilities.name,
        platform_limits=tuple(platform_limits(capabilities)),
    )


def _restricted(
    scope: Scope, goal: Versions, restricted: Collection[RuntimeVersion]
) -> tuple[PlanWarning, ...]:
    return restricted_runtime(goal, restricted) if "image" in scope.parts else ()
