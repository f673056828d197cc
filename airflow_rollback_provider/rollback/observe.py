# SPDX-License-Identifier: Apache-2.0
"""One poll of a rollback that goes on: one flow for tasks and the triggerer, on every platform."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_rollback_provider.rollback.outcome import (
    Outcome,
    RollbackStatus,
    deployment_outcome,
    progress_outcome,
)

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.http.messages import Flow
    from airflow_rollback_provider.platforms.base import Platform
    from airflow_rollback_provider.rollback.poller import Tracking

# More deploys than this rarely land on a Deployment while a rollback goes on.
_ROWS = 20


def observe(platform: Platform, tracking: Tracking) -> Flow[Outcome | None]:
    """Poll once: one request while the rollback goes on, one more when the history says that it is done.

    :param tracking: what is waited for.
    :return: its outcome as far as this poll shows it, or None while it goes on.
    :raises DeployNotFound: when the history no longer holds the rollback.
    """
    page = yield from platform.deploys(tracking.deployment_id, limit=_ROWS)
    newer: list[Deploy] = []
    rollback = None
    for deploy in page.deploys:
        if deploy.id == tracking.rollback_id:
            rollback = deploy
            break
        newer.append(deploy)
    if rollback is None:
        rollback = yield from platform.deploy(tracking.deployment_id, tracking.rollback_id)
    outcome = progress_outcome(rollback, newer)
    if outcome is None or outcome.status is not RollbackStatus.DONE:
        return outcome
    deployment = yield from platform.deployment(tracking.deployment_id)
    if not platform.capabilities.reports_image:  # its word may be another one for the same image
        deployment = replace(deployment, image_tag=None)
    return deployment_outcome(tracking.rollback_id, deployment, tracking.target, tracking.scope) or outcome
