# SPDX-License-Identifier: Apache-2.0
"""When a rollback has ended, and how, from the platform's answers. No I/O, no waiting."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.deploys import Deploy, Deployment, DeployStatus, Scope
from airflow_rollback_provider.domain.errors import (
    OutcomeUnknown,
    RollbackError,
    RollbackFailed,
    RollbackMismatch,
    RollbackSuperseded,
    RollbackTimedOut,
)
from airflow_rollback_provider.domain.jsonable import JsonDataclass
from airflow_rollback_provider.domain.redaction import quote

if TYPE_CHECKING:
    from collections.abc import Sequence


class RollbackStatus(str, Enum):
    """How a rollback ended."""

    DONE = "done"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    MISMATCH = "mismatch"
    TIMED_OUT = "timed_out"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outcome(JsonDataclass):
    """The end of a rollback, small enough for an event of a trigger.

    :param status: how it ended.
    :param deploy_id: the rollback's own entry in the history.
    :param message: one sentence for a user.
    """

    status: RollbackStatus
    deploy_id: str
    message: str

    def require_done(self) -> None:
        """Do nothing if the rollback is done.

        :raises RollbackNotDone: the error of every other status.
        """
        if self.status is not RollbackStatus.DONE:
            raise _ERRORS[self.status](self.message)


_ERRORS: dict[RollbackStatus, type[RollbackError]] = {
    RollbackStatus.FAILED: RollbackFailed,
    RollbackStatus.SUPERSEDED: RollbackSuperseded,
    RollbackStatus.MISMATCH: RollbackMismatch,
    RollbackStatus.TIMED_OUT: RollbackTimedOut,
    RollbackStatus.UNKNOWN: OutcomeUnknown,
}


def progress_outcome(rollback: Deploy, newer: Sequence[Deploy]) -> Outcome | None:
    """Decide from the history whether a rollback has ended.

    :param rollback: the rollback's entry as it reads now.
    :param newer: the deploys that are newer than it.
    :return: how it ended, or None while it goes on. ``DONE`` still needs :func:`deployment_outcome`.
    """
    superseding = next((deploy for deploy in newer if deploy.succeeded), None)
    if rollback.status is DeployStatus.FAILED:
        return _failed(rollback, superseding)
    if superseding is None and rollback.succeeded:
        # One that is still going on, or of which nothing is known, takes the Deployment away all the same.
        superseding = next((deploy for deploy in newer if deploy.status is not DeployStatus.FAILED), None)
    if superseding is not None:
        return _superseded(rollback, superseding)
    if rollback.succeeded:
        return Outcome(RollbackStatus.DONE, rollback.id, f"The rollback {rollback.id} is done.")
    return None


def _failed(rollback: Deploy, superseding: Deploy | None) -> Outcome:
    reason = quote(rollback.status_reason or "the platform gives no reason").rstrip(". ")
    runs = "the release from before, unless the failure came halfway"
    if superseding is not None:
        runs = f"the newer deploy {superseding.id}"
    return Outcome(
        RollbackStatus.FAILED,
        rollback.id,
        f"The platform reports that the rollback {rollback.id} failed: {reason}. The Deployment runs {runs}: "
        "check it before you try again.",
    )


def _superseded(rollback: Deploy, superseding: Deploy) -> Outcome:
    author = f" by {quote(superseding.created_by)}" if superseding.created_by else ""
    return Outcome(
        RollbackStatus.SUPERSEDED,
        rollback.id,
        f"The rollback {rollback.id} was superseded by deploy {superseding.id}{author} "
        f"({superseding.status}), "
        "which the Deployment runs now. Read the history and decide anew.",
    )


def deployment_outcome(
    rollback_id: str, deployment: Deployment, target: Deploy, scope: Scope
) -> Outcome | None:
    """Check that a Deployment runs the target: its versions, and its image where both are known.

    :return: a mismatch, or None where what is known agrees.
    """
    if "image" not in scope.parts:
        return None
    pairs = (_versions(deployment, target), _images(deployment, target))
    differing = next((pair for pair in pairs if pair is not None), None)
    if differing is None:
        return None
    runs, wanted = differing
    return Outcome(
        RollbackStatus.MISMATCH,
        rollback_id,
        f"The platform reports that the rollback {rollback_id} is done, but {deployment} runs {runs} and the "
        f"target brought {wanted}. Check the Deployment before you try again.",
    )


def _versions(deployment: Deployment, target: Deploy) -> tuple[str, str] | None:
    runs, wanted = deployment.versions, target.versions
    return (str(runs), str(wanted)) if runs.contradicts(wanted) else None


def _images(deployment: Deployment, target: Deploy) -> tuple[str, str] | None:
    runs, wanted = deployment.image_tag, target.image_tag
    return (f"the image tag {runs}", wanted) if runs and wanted and runs != wanted else None


def timed_out(rollback_id: str, waited: float, where: str) -> Outcome:
    """Describe a rollback that had not ended when the deadline passed.

    :param waited: how long, in seconds.
    :param where: where users find the deploy history.
    """
    return Outcome(
        RollbackStatus.TIMED_OUT,
        rollback_id,
        f"The rollback {rollback_id} had not ended after {waited:,.0f} s. It cannot be recalled and may "
        f"still be going on: look at {where}. The next try of this task finds it in the history and waits "
        "for it instead of submitting another.",
    )
