# SPDX-License-Identifier: Apache-2.0
"""Tracking a rollback that was submitted: what to wait for, how long, and the wait itself."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain import summary
from airflow_rollback_provider.domain.checks import default_scope
from airflow_rollback_provider.domain.compatibility import crosses_airflow_major
from airflow_rollback_provider.domain.deploys import Deployment
from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.domain.idempotency import without_tag
from airflow_rollback_provider.domain.poller import Connector, Wait
from airflow_rollback_provider.domain.redaction import printable, redact
from airflow_rollback_provider.domain.rejections import what_undoes
from airflow_rollback_provider.rollback.outcome import (
    Outcome,
    RollbackStatus,
    deployment_outcome,
    progress_outcome,
)
from airflow_rollback_provider.rollback.poller import RollbackPoller, Tracking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_rollback_provider.domain.deploys import Deploy, Scope
    from airflow_rollback_provider.domain.log import Log
    from airflow_rollback_provider.http.messages import Flow
    from airflow_rollback_provider.platforms.base import LogLine, Platform
    from airflow_rollback_provider.rollback.submit import Submitted

_TIMEOUT = 30 * 60.0
_TIMEOUT_ACROSS_MAJORS = 2 * 60 * 60.0
# More deploys than this rarely land on a Deployment while a rollback goes on.
_ROWS = 20
_MOST_LINES = 500
_LONGEST_LINE = 1000
# Lines of several components reach the platform's index out of order; reading the last ones once more finds
# late lines.
_LATE = timedelta(seconds=30)


def new_tracking(
    submitted: Submitted, *, timeout: float | None, poll_interval: float, where: str
) -> Tracking:
    """Say what to wait for.

    :param timeout: how long, in seconds; None takes 30 minutes, from Airflow 3 to 2 two
        hours.
    :param poll_interval: longest time between two polls, in seconds.
    :param where: where a user finds the deploy history.
    """
    deployment, rollback = submitted.reading.deployment, submitted.rollback
    now = time.time()
    if timeout is None:
        across = crosses_airflow_major(deployment.versions, submitted.target.versions)
        timeout = _TIMEOUT_ACROSS_MAJORS if across else _TIMEOUT
    return Tracking(
        deployment_id=deployment.id,
        rollback_id=rollback.id,
        target=submitted.target,
        scope=_scope_of(submitted),
        started_at=now,
        deadline=now + timeout,
        poll_interval=poll_interval,
        where=where,
        facts=_facts(submitted),
        submitted_at=rollback.created_at.timestamp(),
    )


def track(hook: Connector[Platform], tracking: Tracking, log: Log) -> Wait[Outcome | None, Outcome]:
    """Return the wait for the end of a rollback. It logs the platform's log lines on the way."""
    return Wait(
        RollbackPoller(tracking, random.random),  # noqa: S311 - spreads load
        _reader(hook, tracking, log),
        clock=time.time,
        report=lambda error: log.warning("Could not poll the rollback %s: %s", tracking.rollback_id, error),
        reconnect=hook.reconnect,
    )


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


def _reader(hook: Connector[Platform], tracking: Tracking, log: Log) -> Callable[[], Flow[Outcome | None]]:
    since = datetime.fromtimestamp(tracking.submitted_at or tracking.started_at, timezone.utc)
    feed = LogFeed(since)

    def read() -> Flow[Outcome | None]:
        platform = hook.get_conn()
        outcome = yield from observe(platform, tracking)
        if platform.capabilities.logs and not feed.full:
            yield from _log_lines(platform, tracking, feed, log)
        return outcome

    return read


def _log_lines(platform: Platform, tracking: Tracking, feed: LogFeed, log: Log) -> Flow[None]:
    deployment = Deployment(tracking.deployment_id, tracking.deployment_id, tracking.deployment_id)
    try:
        lines = yield from platform.logs(deployment, feed.since)
    except RollbackError as error:
        if feed.complain_once():
            log.warning("The platform's log of the rollback is not available: %s", error)
        return
    for line in feed.new(lines):
        log.info("platform: %s", line)


def result_of(tracking: Tracking, outcome: Outcome | None) -> dict[str, Any]:
    """Return what a task leaves in XCom: small and JSON.

    :param outcome: how it ended; None without waiting.
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
        "submitted_at": submitted.rollback.created_at.isoformat(),
        "to": str(submitted.target.versions),
        "description": without_tag(submitted.rollback.description) or None,
        "undone_by": _undone_by(submitted),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _undone_by(submitted: Submitted) -> str | None:
    """Return what will undo the rollback; None where the page read does not show what it replaced."""
    rows = submitted.reading.survey.page.deploys
    at = next((at + 1 for at, deploy in enumerate(rows) if deploy.id == submitted.rollback.id), 0)
    replaced = next((deploy for deploy in rows[at:] if deploy.succeeded), None)
    return what_undoes(replaced, _scope_of(submitted)) if replaced is not None else None


def _scope_of(submitted: Submitted) -> Scope:
    return submitted.rollback.scope or default_scope(submitted.reading.deployment.mechanism)


def _image_of(submitted: Submitted) -> str | None:
    """Return the image that the target brings, None where it is not known or stays as it was."""
    target = submitted.target
    if "image" not in _scope_of(submitted).parts or not target.image_tag:
        return None
    return f"{target.image_repository}:{target.image_tag}" if target.image_repository else target.image_tag


class LogFeed:
    """Yields the new lines of what a platform logged so far.

    :param since: when the rollback was submitted; older lines do not belong to it. The attribute moves on
        with the lines, and is the time from which to read the next time.
    """

    def __init__(self, since: datetime) -> None:
        self.since = since
        self._seen: set[str] = set()
        self._complained = False

    @property
    def full(self) -> bool:
        """Whether the limit of lines for a task log is reached."""
        return len(self._seen) >= _MOST_LINES

    def new(self, lines: Iterable[LogLine]) -> Iterator[str]:
        """Yield the lines that were not yielded before, shortened and limited in number."""
        for line in lines:
            if line.id in self._seen or self.full:
                continue
            self._seen.add(line.id)
            self.since = max(self.since, line.at - _LATE)
            yield _shown(line)
            if self.full:
                yield f"({_MOST_LINES} lines of the platform shown; the rest is in the platform's own log.)"

    def complain_once(self) -> bool:
        """Return True the first time, when unavailable logs are to be mentioned, and False afterwards."""
        first, self._complained = not self._complained, True
        return first


def _shown(line: LogLine) -> str:
    text = printable(redact(line.message.rstrip()))
    return text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…"
