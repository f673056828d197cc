# SPDX-License-Identifier: Apache-2.0
"""Following a rollback that was submitted: what to wait for, how long, and the waiting itself."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain import summary
from airflow_rollback_provider.domain.checks import default_scope
from airflow_rollback_provider.domain.compatibility import crosses_airflow_major
from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.domain.idempotency import without_tag
from airflow_rollback_provider.rollback.log_feed import feed_for
from airflow_rollback_provider.rollback.poller import RollbackPoller, Tracking, broken_off

if TYPE_CHECKING:
    from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
    from airflow_rollback_provider.rollback.log import Log
    from airflow_rollback_provider.rollback.outcome import Outcome
    from airflow_rollback_provider.rollback.submit import Submitted

_PATIENCE = 30 * 60.0
_PATIENCE_ACROSS_MAJORS = 2 * 60 * 60.0


def new_tracking(
    submitted: Submitted, *, timeout: float | timedelta | None, poll_interval: float, where: str
) -> Tracking:
    """Say what to wait for.

    :param timeout: how long, in seconds or as a timedelta; None takes 30 minutes, from Airflow 3 to 2 two
        hours.
    :param poll_interval: longest time between two looks, in seconds.
    :param where: where a person can look.
    """
    deployment, rollback = submitted.reading.deployment, submitted.rollback
    now = time.time()
    across = crosses_airflow_major(deployment.versions, submitted.target.versions)
    return Tracking(
        deployment_id=deployment.id,
        rollback_id=rollback.id,
        target=submitted.target,
        scope=rollback.scope or default_scope(deployment.mechanism),
        started_at=now,
        deadline=now + _seconds(timeout, _PATIENCE_ACROSS_MAJORS if across else _PATIENCE),
        poll_interval=poll_interval,
        where=where,
        facts=_facts(submitted),
        submitted_at=rollback.created_at.timestamp(),
    )


class RollbackTracker:
    """Follows a rollback in this process, showing the platform's log lines on the way.

    :param hook: the platform.
    :param tracking: what is waited for.
    :param log: the task's log.
    """

    def __init__(self, hook: DeployHistoryHook, tracking: Tracking, log: Log) -> None:
        self._hook = hook
        self._tracking = tracking
        self._log = log
        self._waiter = RollbackPoller(tracking, random.random)  # noqa: S311 - spreads load, hides nothing
        self._feed = feed_for(tracking)

    def follow(self) -> Outcome:
        """Look at the platform until the rollback has ended."""
        while True:
            outcome = self.look()
            self._show_logs()
            if outcome is not None:
                return outcome
            time.sleep(self._waiter.delay(time.time()))

    def look(self) -> Outcome | None:
        """Look once; an outage of the platform is logged and waited out."""
        try:
            seen = self._hook.observe(self._tracking)
        except RollbackError as error:
            self._log.warning("Could not look at the rollback %s: %s", self._tracking.rollback_id, error)
            return self._failed(error)
        return self._waiter.on_result(seen, time.time())

    def _failed(self, error: RollbackError) -> Outcome | None:
        try:
            return self._waiter.failed(error, time.time())
        except RollbackError:  # it cannot be waited out; the triggerer ends in the same way
            return broken_off(self._tracking, error)

    def _show_logs(self) -> None:
        if not self._hook.capabilities.logs or self._feed.full:
            return
        try:
            lines = self._hook.logs(self._tracking.deployment_id, self._feed.since)
        except RollbackError as error:
            if self._feed.complain_once():
                self._log.warning("The platform's log of the rollback is not available: %s", error)
            return
        for line in self._feed.new(lines):
            self._log.info("platform: %s", line)


def result_of(tracking: Tracking, outcome: Outcome | None) -> dict[str, Any]:
    """Return what a task leaves in XCom: small and JSON.

    :param outcome: how it ended; None when nobody waited.
    """
    result = {
        "deployment_id": tracking.deployment_id,
        "rollback_id": tracking.rollback_id,
        "target_id": tracking.target.id,
        "scope": tracking.scope.value,
        "status": outcome.status.value if outcome is not None else "not waited for",
        "history": tracking.where,
        **tracking.facts,
    }
    done = outcome is not None
    return {**result, "summary": summary.of_done(result) if done else summary.of_submitted(result)}


def _facts(submitted: Submitted) -> dict[str, Any]:
    """Return what the result says besides, as far as it is known."""
    deployment = submitted.reading.deployment
    facts = {
        "deployment": deployment.name,
        "release_name": deployment.release_name or None,
        "namespace": deployment.namespace,
        "image": _image_of(submitted),
        "resumed": submitted.resumed,
        "to": str(submitted.target.versions),
        "description": without_tag(submitted.rollback.description) or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _image_of(submitted: Submitted) -> str | None:
    """Return the image that the target brings, None where it is not known or stays as it was."""
    scope = submitted.rollback.scope or default_scope(submitted.reading.deployment.mechanism)
    target = submitted.target
    if "image" not in scope.parts or not target.image_tag:
        return None
    return f"{target.image_repository}:{target.image_tag}" if target.image_repository else target.image_tag


def _seconds(timeout: float | timedelta | None, default: float) -> float:
    if isinstance(timeout, timedelta):
        return timeout.total_seconds()
    return default if timeout is None else float(timeout)
