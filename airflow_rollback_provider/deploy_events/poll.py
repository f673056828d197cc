# SPDX-License-Identifier: Apache-2.0
"""Polls a deploy history for new deploys: one flow for tasks and the triggerer, on every platform."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_rollback_provider.deploy_events.subscription import (
    Cursor,
    DeployFilter,
    PollResult,
    WaitResult,
    WaitStatus,
    baseline,
    on_their_way,
    sort_out,
    time_in,
    unread,
    wait_result_of,
)
from airflow_rollback_provider.domain.errors import DeployNotFound
from airflow_rollback_provider.domain.jsonable import JsonDataclass
from airflow_rollback_provider.domain.rejections import MOST_DEPLOYS, Rejections

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.rejections import Rejection
    from airflow_rollback_provider.http.messages import Flow
    from airflow_rollback_provider.platforms.base import Platform

# More deploys than this rarely land between two polls.
_ROWS = 20
# An unfinished deploy that is not on the pages read takes a request of its own, and some deploys never end.
_MOST_SINGLE_READS = 5
_LONGEST_DEPLOY = timedelta(days=1)


@dataclass(frozen=True)
class Subscription(JsonDataclass):
    """The deploys to wait for.

    :param deployment: id or release name of the Deployment.
    :param after: id of a deploy, or a time with its zone: later deploys are new. None starts with the first
        poll.
    :param deploy_id: the one deploy to wait for, whatever its type; None waits for the next that counts.
    :param start_cursor: cursor of an earlier wait, instead of ``after``. The cursor of another Deployment is
        ignored.
    """

    deployment: str
    deploy_filter: DeployFilter
    after: str | None = None
    deploy_id: str | None = None
    start_cursor: Cursor | None = None


def poll_deploys(
    platform: Platform, subscription: Subscription, cursor: Cursor | None = None, *, only_first: bool = False
) -> Flow[PollResult]:
    """Poll once. It usually takes one request, and one or two more without a cursor.

    :param cursor: the cursor of the poll before this one; None starts where ``subscription`` says.
    :param only_first: stop after the first deploy that counts.
    :raises DeploymentNotFound: when there is no such Deployment.
    :raises DeployNotFound: when the history lacks the deploy to start after.
    """
    first_poll = cursor is None
    if cursor is None:
        cursor = yield from _start(platform, subscription)
        if subscription.after is None and subscription.start_cursor is None:
            return PollResult((), cursor)
    rows, newer = yield from _read_up_to(platform, cursor)
    if first_poll and cursor.latest is not None and cursor != subscription.start_cursor:
        below = [deploy for deploy in list(rows.values())[len(newer) :] if deploy.id != cursor.latest]
        cursor = replace(cursor, open=on_their_way(below, subscription.deploy_filter))
    reread, waiting = yield from _reread(platform, cursor, rows)
    found = sort_out(
        cursor, newer, reread, subscription.deploy_filter, waiting=waiting, only_first=only_first
    )
    return replace(found, rejections=(yield from _rejections(platform, cursor.deployment_id, found.news)))


def wait_for_deploy(
    platform: Platform, subscription: Subscription, cursor: Cursor | None = None
) -> Flow[tuple[WaitResult | None, Cursor]]:
    """Poll once for the next deploy that counts, or for the one that ``subscription`` names.

    :return: the result of the wait, None while it goes on; and the cursor for the next poll.
    """
    if subscription.deploy_id is None:
        poll_result = yield from poll_deploys(platform, subscription, cursor, only_first=True)
        return _first_of(poll_result), poll_result.cursor
    if cursor is None:
        cursor = Cursor((yield from platform.deployment(subscription.deployment)).id)
    deploy = yield from platform.deploy(cursor.deployment_id, subscription.deploy_id)
    result = wait_result_of(deploy, subscription.deploy_filter.statuses)
    if result is not None and result.deploy is not None:
        rejections = yield from _rejections(platform, cursor.deployment_id, (deploy,))
        result = replace(result, rejection=rejections.get(deploy.id))
    return result, cursor


def _first_of(poll_result: PollResult) -> WaitResult | None:
    if not poll_result.news:
        return None
    found = poll_result.news[0]
    return WaitResult(
        WaitStatus.ARRIVED,
        f"Deploy {found.id} has landed.",
        found,
        poll_result.cursor,
        rejection=poll_result.rejections.get(found.id),
    )


def _rejections(
    platform: Platform, deployment_id: str, landed: tuple[Deploy, ...]
) -> Flow[dict[str, Rejection]]:
    """Return by id the rejections of deploys that have landed. Without such deploys it sends no request."""
    rows: dict[str, Deploy] = {}
    cursor: str | None = None
    while landed and len(rows) < MOST_DEPLOYS:
        before, page = len(rows), (yield from platform.deploys(deployment_id, cursor))
        rows.update({deploy.id: deploy for deploy in page.deploys if deploy.id not in rows})
        cursor = page.next_cursor
        if cursor is None or len(rows) == before:
            break
    lasts = timedelta(days=platform.capabilities.retention_days)
    rejections = Rejections(tuple(rows.values()), lasts)
    return {deploy.id: found for deploy in landed if (found := rejections.on_landing(deploy)) is not None}


def _start(platform: Platform, subscription: Subscription) -> Flow[Cursor]:
    found = yield from platform.deployment(subscription.deployment)
    if subscription.start_cursor is not None and subscription.start_cursor.deployment_id == found.id:
        return subscription.start_cursor
    if subscription.after is None:
        page = yield from platform.deploys(found.id, limit=_ROWS)
        return baseline(found.id, page.deploys, subscription.deploy_filter)
    moment = time_in(subscription.after)
    if moment is not None:
        return Cursor(found.id, None, moment)
    try:
        first = yield from platform.deploy(found.id, subscription.after)
    except DeployNotFound as error:
        raise DeployNotFound(
            f"{error} If the platform has deleted it, start after a time instead."
        ) from error
    return Cursor(found.id, first.id, first.created_at)


def _read_up_to(platform: Platform, cursor: Cursor) -> Flow[tuple[dict[str, Deploy], tuple[Deploy, ...]]]:
    """Read pages down to the cursor; return all their deploys, and those that are newer than the cursor."""
    rows: dict[str, Deploy] = {}
    page = yield from platform.deploys(cursor.deployment_id, limit=_ROWS)
    while True:
        before = len(rows)
        rows.update({deploy.id: deploy for deploy in page.deploys if deploy.id not in rows})
        newer = tuple(unread(rows.values(), cursor))
        complete = len(newer) < len(rows) or page.next_cursor is None or len(rows) == before
        if complete:
            return rows, newer
        page = yield from platform.deploys(cursor.deployment_id, page.next_cursor)


def _reread(
    platform: Platform, cursor: Cursor, rows: dict[str, Deploy]
) -> Flow[tuple[tuple[Deploy, ...], tuple[str, ...]]]:
    """Read the open deploys of the cursor again; return them, and those that must wait for a later poll.

    A deploy that the history no longer contains is dropped. So is one that is not on the pages read and has
    not ended within a day.
    """
    found = [rows[deploy_id] for deploy_id in cursor.open if deploy_id in rows]
    others = [deploy_id for deploy_id in cursor.open if deploy_id not in rows]
    for deploy_id in others[-_MOST_SINGLE_READS:]:
        try:
            deploy = yield from platform.deploy(cursor.deployment_id, deploy_id)
        except DeployNotFound:
            continue
        age = datetime.now(timezone.utc) - deploy.created_at
        if deploy.status.settled or age < _LONGEST_DEPLOY:
            found.append(deploy)
    return tuple(found), tuple(others[:-_MOST_SINGLE_READS])
