# SPDX-License-Identifier: Apache-2.0
"""The deploys of a history as rows, and the summary of their Deployment, as the page shows them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.checks import FailedCheck, assess, default_scope
from airflow_rollback_provider.domain.deploys import Scope
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.idempotency import origin_in, without_tag
from airflow_rollback_provider.domain.jsonable import encode
from airflow_rollback_provider.domain.rejections import Rejections

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_rollback_provider.domain.checks import Assessment
    from airflow_rollback_provider.domain.deploys import Capabilities, Deploy
    from airflow_rollback_provider.platforms.base import Survey
    from airflow_rollback_provider.ui.config import DeploymentOption
    from airflow_rollback_provider.ui.snapshot import Snapshot

Row = dict[str, Any]
_ABOUT_SCOPES = frozenset({"SCOPE-NOT-OFFERED", "SCOPE-DOES-NOT-FIT"})


class RowChecks:
    """Builds rows of one Deployment's deploys. It sends no request.

    :param survey: the platform's data about the Deployment.
    :param latest: its latest deploys, newest first, back to the running one.
    :param older: deploys further back to build rows of. The running deploy is not searched among them,
        because other requests would not find it there.
    """

    def __init__(
        self,
        survey: Survey,
        capabilities: Capabilities,
        latest: Sequence[Deploy],
        older: Iterable[Deploy] = (),
    ) -> None:
        self._survey = survey
        self._capabilities = capabilities
        self.history = History((*latest, *older)).read_out()
        self.scope = default_scope(survey.deployment.mechanism)
        self._running = History(latest).running
        lasts = timedelta(days=capabilities.retention_days)
        self._rejections = Rejections(tuple(self.history), lasts)

    def row(self, deploy: Deploy, superseded_by: str | None) -> Row:
        """Return one deploy as a row.

        :param superseded_by: id of the rollback that superseded it, None if none did.
        """
        assessment = self._assess(deploy)
        reasons = _reasons(assessment)
        return {
            **deploy_fields(deploy),
            "rolled_back_by": superseded_by,
            "rejected": encode(self._rejections.on_landing(deploy)),
            "runs_now": self._running is not None and deploy.id == self._running.id,
            "can_roll_back": not reasons,
            "reasons": encode(reasons),
            "crosses_major": assessment is not None and assessment.needs_acknowledgement,
            "downgrade": assessment.downgrade if assessment is not None else None,
        }

    def reasons(self, deploy: Deploy) -> tuple[FailedCheck, ...]:
        """Return every reason against a rollback to a deploy."""
        return _reasons(self._assess(deploy))

    def _assess(self, deploy: Deploy) -> Assessment | None:
        if self._running is None:
            return None
        survey = self._survey
        return assess(
            survey.deployment,
            self.history,
            deploy,
            scope=self.scope,
            access=survey.access,
            capabilities=self._capabilities,
            now=survey.now,
        )


_NOTHING_RUNS = (
    FailedCheck(
        "NOTHING-RUNS",
        "No deploy of this Deployment is known to have succeeded, so there is nothing to roll back from.",
        "Deploy a working version.",
    ),
)


def _reasons(assessment: Assessment | None) -> tuple[FailedCheck, ...]:
    return _NOTHING_RUNS if assessment is None else assessment.failed_checks


def deploy_fields(deploy: Deploy) -> Row:
    """Return the platform's data about a deploy."""
    versions = deploy.versions
    return {
        "id": deploy.id,
        "created_at": encode(deploy.created_at),
        "created_by": deploy.created_by,
        "description": without_tag(deploy.description),
        "type": deploy.type,
        "status": deploy.status.value,
        "status_reason": deploy.status_reason,
        "image_repository": deploy.image_repository,
        "image_tag": deploy.image_tag,
        "runtime": deploy.runtime_version,
        "airflow": deploy.airflow_version,
        "airflow_major": versions.airflow_major,
        "dag_bundle": ", ".join(filter(None, [deploy.dag_bundle, *map(str, deploy.bundles)])) or None,
        "git_commit": deploy.git_commit,
        "mechanism": deploy.mechanism.value,
        "mechanism_label": str(deploy.mechanism),
        "rollback": _rollback(deploy),
        "origin": encode(origin_in(deploy.description)),
    }


def _rollback(deploy: Deploy) -> Row | None:
    if not deploy.is_rollback:
        return None
    return {"target": deploy.rolled_back_to, "scope": deploy.scope.value if deploy.scope else None}


class SupersededTracker:
    """Finds the rollback that superseded a deploy. It gets the deploys newest first.

    A rollback supersedes the deploy that ran before it: the next older one that succeeded.

    :param rollback: id of the last rollback of the page before, if there is one.
    """

    def __init__(self, rollback: str | None = None) -> None:
        self.rollback = rollback

    def superseded_by(self, deploy: Deploy) -> str | None:
        """Return the id of the rollback that superseded the next older deploy, None if none did."""
        if not deploy.succeeded:
            return None
        rollback, self.rollback = self.rollback, deploy.id if deploy.is_rollback else None
        return rollback


def summary_of(option: DeploymentOption, snapshot: Snapshot) -> dict[str, Any]:
    """Return the summary of a Deployment's page."""
    deployment, history = snapshot.survey.deployment, History(snapshot.deploys)
    running, latest = history.running, history.latest
    return {
        "connection": option.connection,
        "deployment": option.deployment,
        "id": deployment.id,
        "name": deployment.name,
        "release_name": deployment.release_name,
        "runtime": deployment.runtime_version or (running and running.runtime_version),
        "airflow": deployment.airflow_version or (running and running.airflow_version),
        "mechanism": deployment.mechanism.value,
        "mechanism_label": str(deployment.mechanism),
        "health": deployment.status,
        "platform": snapshot.capabilities.name,
        "url": snapshot.url,
        "scope": default_scope(deployment.mechanism).value,
        "scopes": _scopes(snapshot, history),
        "running": running and _running(running),
        "latest_id": latest and latest.id,
        "in_progress": in_progress(history),
        "obstacles": _obstacles(snapshot),
        "read_at": encode(snapshot.survey.now),
    }


def in_progress(history: History) -> dict[str, Any] | None:
    """Return the deploy or rollback in progress, None if there is none."""
    deploy = history.unfinished
    if deploy is None:
        return None
    return {
        "id": deploy.id,
        "since": encode(deploy.created_at),
        "rollback": deploy.is_rollback,
        "target": deploy.rolled_back_to,
        "description": without_tag(deploy.description),
        "created_by": deploy.created_by,
    }


def _running(deploy: Deploy) -> dict[str, Any]:
    return {
        "id": deploy.id,
        "since": encode(deploy.created_at),
        "image_tag": deploy.image_tag,
        "runtime": deploy.runtime_version,
        "airflow": deploy.airflow_version,
        "created_by": deploy.created_by,
        "description": without_tag(deploy.description),
    }


def _scopes(snapshot: Snapshot, history: History) -> list[str]:
    """List the scopes that this Deployment supports, the default one first."""
    default = default_scope(snapshot.survey.deployment.mechanism)
    others = [scope for scope in Scope if scope is not default and _offers(snapshot, history, scope)]
    return [scope.value for scope in (default, *others)]


def _offers(snapshot: Snapshot, history: History, scope: Scope) -> bool:
    survey = snapshot.survey
    if history.running is None:
        return False
    found = assess(
        survey.deployment,
        history,
        history.running,
        scope=scope,
        access=survey.access,
        capabilities=snapshot.capabilities,
        now=survey.now,
    )
    return not any(check.code in _ABOUT_SCOPES for check in found.failed_checks)


def _obstacles(snapshot: Snapshot) -> list[Row]:
    """Return the reasons against every deploy alike: they concern the Deployment, not a target."""
    row_checks = RowChecks(snapshot.survey, snapshot.capabilities, snapshot.deploys)
    reasons = [row_checks.reasons(deploy) for deploy in snapshot.deploys]
    if len(reasons) < 2:
        return []
    return [encode(reason) for reason in reasons[0] if all(reason in others for others in reasons)]
