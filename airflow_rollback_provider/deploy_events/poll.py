# SPDX-License-Identifier: Apache-2.0
"""Looking out for deploys: one flow for tasks and the triggerer, on every platform."""

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

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.http.messages import Flow
    from airflow_rollback_provider.platforms.base import Platform

# More deploys than this rarely land between two looks.
_ROWS = 20
# What has not ended and is not on the pages read is asked for by itself, and some deploys never end.
_MOST_ASKED_FOR = 5
_ASKED_FOR_UNTIL = timedelta(days=1)


@dataclass(frozen=True)
class Subscription(JsonDataclass):
    """What to look out for.

    :param deployment: id or release name of the Deployment.
    :param deploy_filter: which deploys count.
    :param after: id of a deploy, or a time with its zone: what came later is news. None begins with the first
        look.
    :param deploy_id: the one deploy to wait for, whatever its type; None waits for the next that counts.
    :param left_off: where an earlier wait left off, in the place of ``after``. That of another Deployment
        counts for nothing.
    """

    deployment: str
    deploy_filter: DeployFilter
    after: str | None = None
    deploy_id: str | None = None
    left_off: Cursor | None = None


def poll_deploys(
    platform: Platform, subscription: Subscription, cursor: Cursor | None = None, *, only_first: bool = False
) -> Flow[PollResult]:
    """Look once. As a rule it takes one request, and one or two more without a cursor.

    :param cursor: where the look before this one stopped; None begins where ``subscription`` says.
    :param only_first: stop behind the first deploy that counts.
    :raises DeploymentNotFound: when there is no such Deployment.
    :raises DeployNotFound: when the history does not hold the deploy that is named to begin with.
    """
    begins = cursor is None
    if cursor is None:
        cursor = yield from _begin(platform, subscription)
        if subscription.after is None and subscription.left_off is None:
            return PollResult((), cursor)
    seen, newer = yield from _read_up_to(platform, cursor)
    if begins and cursor.latest is not None and cursor != subscription.left_off:
        below = [deploy for deploy in list(seen.values())[len(newer) :] if deploy.id != cursor.latest]
        cursor = replace(cursor, open=on_their_way(below, subscription.deploy_filter))
    reread, waiting = yield from _reread(platform, cursor, seen)
    return sort_out(cursor, newer, reread, subscription.deploy_filter, waiting=waiting, only_first=only_first)


def wait_for_deploy(
    platform: Platform, subscription: Subscription, cursor: Cursor | None = None
) -> Flow[tuple[WaitResult | None, Cursor]]:
    """Look once for the next deploy that counts, or for the one that ``subscription`` names.

    :return: how waiting ended, None while it goes on, and where the next look goes on.
    """
    if subscription.deploy_id is None:
        poll_result = yield from poll_deploys(platform, subscription, cursor, only_first=True)
        return _first_of(poll_result), poll_result.cursor
    if cursor is None:
        cursor = Cursor((yield from platform.deployment(subscription.deployment)).id)
    deploy = yield from platform.deploy(cursor.deployment_id, subscription.deploy_id)
    return wait_result_of(deploy, subscription.deploy_filter.statuses), cursor


def _first_of(poll_result: PollResult) -> WaitResult | None:
    if not poll_result.news:
        return None
    found = poll_result.news[0]
    return WaitResult(WaitStatus.ARRIVED, f"Deploy {found.id} has come.", found, poll_result.cursor)


def _begin(platform: Platform, subscription: Subscription) -> Flow[Cursor]:
    found = yield from platform.deployment(subscription.deployment)
    if subscription.left_off is not None and subscription.left_off.deployment_id == found.id:
        return subscription.left_off
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
            f"{error} Where the platform has deleted it by now, begin after a time instead."
        ) from error
    return Cursor(found.id, first.id, first.created_at)


def _read_up_to(platform: Platform, cursor: Cursor) -> Flow[tuple[dict[str, Deploy], tuple[Deploy, ...]]]:
    """Read pages down to the cursor; return everything that was on them, and what is newer."""
    seen: dict[str, Deploy] = {}
    page = yield from platform.deploys(cursor.deployment_id, limit=_ROWS)
    while True:
        before = len(seen)
        seen.update({deploy.id: deploy for deploy in page.deploys if deploy.id not in seen})
        newer = tuple(unread(seen.values(), cursor))
        complete = len(newer) < len(seen) or page.next_cursor is None or len(seen) == before
        if complete:
            return seen, newer
        page = yield from platform.deploys(cursor.deployment_id, page.next_cursor)


def _reread(
    platform: Platform, cursor: Cursor, seen: dict[str, Deploy]
) -> Flow[tuple[tuple[Deploy, ...], tuple[str, ...]]]:
    """Read what may still come to count, as it is now; return that, and what has to wait for its turn.

    What the history no longer holds is forgotten, and so is what is not on the pages read and has not ended
    within a day.
    """
    found = [seen[deploy_id] for deploy_id in cursor.open if deploy_id in seen]
    away = [deploy_id for deploy_id in cursor.open if deploy_id not in seen]
    for deploy_id in away[-_MOST_ASKED_FOR:]:
        try:
            deploy = yield from platform.deploy(cursor.deployment_id, deploy_id)
        except DeployNotFound:
            continue
        age = datetime.now(timezone.utc) - deploy.created_at
        if deploy.status.settled or age < _ASKED_FOR_UNTIL:
            found.append(deploy)
    return tuple(found), tuple(away[:-_MOST_ASKED_FOR])
