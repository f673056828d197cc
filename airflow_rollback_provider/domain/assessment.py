# SPDX-License-Identifier: Apache-2.0
"""Whether one deploy can be rolled back to, and why not: what a list of deploys needs for each row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.checks import CheckContext, FailedCheck, failed_checks
from airflow_rollback_provider.domain.compatibility import Verdict, check, crosses_airflow_major
from airflow_rollback_provider.domain.errors import DeployNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_rollback_provider.domain.deploys import Access, Capabilities, Deploy, Deployment, Scope
    from airflow_rollback_provider.domain.history import History
    from airflow_rollback_provider.domain.versions import Versions


@dataclass(frozen=True)
class Assessment:
    """What the table and the checks say about going back to one deploy.

    :param context: all that the checks looked at.
    :param source: the versions that run now.
    :param goal: the versions that would run.
    :param verdict: what the compatibility table says.
    :param failed_checks: every reason against it, the verdict's first.
    """

    context: CheckContext
    source: Versions
    goal: Versions
    verdict: Verdict
    failed_checks: tuple[FailedCheck, ...]

    @property
    def needs_acknowledgement(self) -> bool:
        """Whether someone must accept a loss in so many words (Airflow 3 to 2)."""
        return crosses_airflow_major(self.source, self.goal)

    @property
    def downgrade(self) -> bool | None:
        """Whether the Runtime gets older; None where that cannot be told."""
        return self.goal.is_older_than(self.source)


def assess(
    deployment: Deployment,
    history: History,
    wanted: Deploy,
    *,
    scope: Scope,
    access: Access,
    capabilities: Capabilities,
    now: datetime,
) -> Assessment:
    """Judge a rollback to one deploy. It costs no request where what runs now was read already.

    :param deployment: the Deployment as the platform describes it.
    :param history: its deploy history, newest first.
    :param wanted: the deploy to go back to.
    :param scope: the part to bring back.
    :param access: what the token may do and what is switched on.
    :param capabilities: what the platform can do.
    :param now: the time, by the platform's clock where it is known.
    :raises DeployNotFound: when nothing runs.
    """
    current, latest = history.running, history.latest
    if current is None or latest is None:
        raise DeployNotFound(
            f"No deploy of {deployment} has succeeded, so there is nothing to roll back from. Deploy a "
            "working version."
        )
    source, goal = _versions(deployment, current, wanted, scope)
    verdict = check(source, goal)
    same_origin = bool(history.lineage(current, scope) & history.lineage(wanted, scope))
    context = CheckContext(
        deployment, current, wanted, latest, scope, access, capabilities, now, same_origin=same_origin
    )
    reasons = (*_verdict_check(verdict), *failed_checks(context))
    return Assessment(context, source, goal, verdict, reasons)


def _versions(
    deployment: Deployment, current: Deploy, target: Deploy, scope: Scope
) -> tuple[Versions, Versions]:
    """Return what runs now and what would run; a rollback of Dags alone leaves the Runtime as it is."""
    known = deployment.versions if deployment.versions.known else current.versions
    source = known.completed_by(current.versions)
    return source, (target.versions if "image" in scope.parts else source)


def _verdict_check(verdict: Verdict) -> Iterator[FailedCheck]:
    if not verdict.allowed:
        remedy = f"Choose a deploy of a supported version. Rule from: {verdict.source}."
        yield FailedCheck(verdict.code, verdict.reason, remedy)
