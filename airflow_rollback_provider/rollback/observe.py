# SPDX-License-Identifier: Apache-2.0
"""One look at a rollback that goes on: one conversation for tasks and the triggerer, on every platform."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_rollback_provider.rollback.outcome import Ending, Outcome, judge_deployment, judge_progress

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.http.messages import Conversation
    from airflow_rollback_provider.platforms.base import Platform
    from airflow_rollback_provider.rollback.waiter import Watch

# More deploys than this rarely land on a Deployment while a rollback goes on.
_ROWS = 20


def observe(platform: Platform, watch: Watch) -> Conversation[Outcome | None]:
    """Look once: one request while the rollback goes on, one more when the history says that it is done.

    :param watch: what is waited for.
    :return: how it ended as far as this look tells, or None while it goes on.
    :raises DeployNotFound: when the history no longer holds the rollback.
    """
    page = yield from platform.deploys(watch.deployment_id, limit=_ROWS)
    newer: list[Deploy] = []
    rollback = None
    for deploy in page.deploys:
        if deploy.id == watch.rollback_id:
            rollback = deploy
            break
        newer.append(deploy)
    if rollback is None:
        rollback = yield from platform.deploy(watch.deployment_id, watch.rollback_id)
    outcome = judge_progress(rollback, newer)
    if outcome is None or outcome.ending is not Ending.DONE:
        return outcome
    deployment = yield from platform.deployment(watch.deployment_id)
    if not platform.capabilities.tells_image:  # its word may be another one for the same image
        deployment = replace(deployment, image_tag=None)
    return judge_deployment(watch.rollback_id, deployment, watch.target, watch.scope) or outcome
