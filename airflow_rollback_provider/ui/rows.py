# SPDX-License-Identifier: Apache-2.0
"""A deploy history as rows that say by themselves whether one can roll back to them, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.checks import FailedCheck, assess, default_scope
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.idempotency import without_tag
from airflow_rollback_provider.domain.jsonable import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_rollback_provider.domain.checks import Assessment
    from airflow_rollback_provider.domain.deploys import Capabilities, Deploy
    from airflow_rollback_provider.platforms.base import Survey

Row = dict[str, Any]


class RowChecks:
    """Makes rows of one Deployment's deploys. It asks nobody.

    :param survey: what the platform told of the Deployment.
    :param capabilities: what the platform can do.
    :param latest: its latest deploys, newest first, as far back as it takes to find what runs.
    :param older: deploys further back that rows are made of. What runs is not looked for there: other readers
        would not find it.
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

    def row(self, deploy: Deploy, left_by: str | None) -> Row:
        """Return one deploy as a row.

        :param left_by: id of the rollback that left it, if one did.
        """
        judged = self._assess(deploy)
        reasons = _reasons(judged)
        return {
            **told(deploy),
            "rolled_back_by": left_by,
            "runs_now": self._running is not None and deploy.id == self._running.id,
            "can_roll_back": not reasons,
            "reasons": encode(reasons),
            "crosses_major": judged is not None and judged.needs_acknowledgement,
            "downgrade": judged.downgrade if judged is not None else None,
        }

    def reasons(self, deploy: Deploy) -> tuple[FailedCheck, ...]:
        """Return everything that speaks against going back to a deploy."""
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
        "No deploy of this Deployment is known to have succeeded: there is nothing to roll back from.",
        "Deploy a working version.",
    ),
)


def _reasons(judged: Assessment | None) -> tuple[FailedCheck, ...]:
    return _NOTHING_RUNS if judged is None else judged.failed_checks


def told(deploy: Deploy) -> Row:
    """Return what the platform tells of a deploy."""
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
        "dag_bundle": deploy.dag_bundle,
        "git_commit": deploy.git_commit,
        "mechanism": deploy.mechanism.value,
        "mechanism_words": str(deploy.mechanism),
        "rollback": _rollback(deploy),
    }


def _rollback(deploy: Deploy) -> Row | None:
    if not deploy.is_rollback:
        return None
    return {"target": deploy.rolled_back_to, "scope": deploy.scope.value if deploy.scope else None}


class SupersededTracker:
    """Tells, walking from new to old, which rollback left a deploy.

    What a rollback left is what ran before it: the next older deploy that succeeded.

    :param rollback: id of the rollback that was passed last, when the walk goes on from another page.
    """

    def __init__(self, rollback: str | None = None) -> None:
        self.rollback = rollback

    def pass_by(self, deploy: Deploy) -> str | None:
        """Take note of the next older deploy and return the id of the rollback that left it, if one did."""
        if not deploy.succeeded:
            return None
        left_by, self.rollback = self.rollback, deploy.id if deploy.is_rollback else None
        return left_by
