# SPDX-License-Identifier: Apache-2.0
"""Looking out for deploys: one conversation for tasks and the triggerer, on every platform."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast

from airflow_rollback_provider.deploy_events.subscription import (
    Arrival,
    Bookmark,
    Ending,
    Sighting,
    Wanted,
    arrival_of,
    baseline,
    on_their_way,
    sort_out,
    time_in,
    unread,
)
from airflow_rollback_provider.domain.errors import DeployNotFound
from airflow_rollback_provider.domain.jsonable import decode, encode

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.http.messages import Conversation
    from airflow_rollback_provider.platforms.base import Platform

# More deploys than this rarely land between two looks.
_ROWS = 20
# What has not ended and is not on the pages read is asked for by itself, and some deploys never end.
_MOST_ASKED_FOR = 5
_ASKED_FOR_UNTIL = timedelta(days=1)


@dataclass(frozen=True)
class Lookout:
    """What to look out for.

    :param deployment: id or release name of the Deployment.
    :param wanted: which deploys count.
    :param after: id of a deploy, or a time with its zone: what came later is news. None begins with the first
        look.
    :param deploy_id: the one deploy to wait for, whatever its type; None waits for the next that counts.
    :param left_off: where an earlier wait left off, in the place of ``after``. That of another Deployment
        counts for nothing.
    """

    deployment: str
    wanted: Wanted
    after: str | None = None
    deploy_id: str | None = None
    left_off: Bookmark | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; :meth:`from_dict` reads them back."""
        return cast("dict[str, Any]", encode(self))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Lookout:
        """Read what :meth:`to_dict` wrote."""
        return decode(cls, values)


def look_out(
    platform: Platform, lookout: Lookout, bookmark: Bookmark | None = None, *, only_first: bool = False
) -> Conversation[Sighting]:
    """Look once. As a rule it takes one request, and one or two more without a bookmark.

    :param bookmark: where the look before this one stopped; None begins where ``lookout`` says.
    :param only_first: stop behind the first deploy that counts.
    :raises DeploymentNotFound: when there is no such Deployment.
    :raises DeployNotFound: when the history does not hold the deploy that is named to begin with.
    """
    begins = bookmark is None
    if bookmark is None:
        bookmark = yield from _begin(platform, lookout)
        if lookout.after is None and lookout.left_off is None:
            return Sighting((), bookmark)
    seen, newer = yield from _read_up_to(platform, bookmark)
    if begins and bookmark.head is not None and bookmark != lookout.left_off:
        below = [deploy for deploy in list(seen.values())[len(newer) :] if deploy.id != bookmark.head]
        bookmark = replace(bookmark, open=on_their_way(below, lookout.wanted))
    reread, waiting = yield from _reread(platform, bookmark, seen)
    return sort_out(bookmark, newer, reread, lookout.wanted, waiting=waiting, only_first=only_first)


def wait_for_deploy(
    platform: Platform, lookout: Lookout, bookmark: Bookmark | None = None
) -> Conversation[tuple[Arrival | None, Bookmark]]:
    """Look once for the next deploy that counts, or for the one that ``lookout`` names.

    :return: how waiting ended, None while it goes on, and where the next look goes on.
    """
    if lookout.deploy_id is None:
        sighting = yield from look_out(platform, lookout, bookmark, only_first=True)
        return _first_of(sighting), sighting.bookmark
    if bookmark is None:
        bookmark = Bookmark((yield from platform.deployment(lookout.deployment)).id)
    deploy = yield from platform.deploy(bookmark.deployment_id, lookout.deploy_id)
    return arrival_of(deploy, lookout.wanted.statuses), bookmark


def _first_of(sighting: Sighting) -> Arrival | None:
    if not sighting.news:
        return None
    found = sighting.news[0]
    return Arrival(Ending.ARRIVED, f"Deploy {found.id} has come.", found, sighting.bookmark)


def _begin(platform: Platform, lookout: Lookout) -> Conversation[Bookmark]:
    found = yield from platform.deployment(lookout.deployment)
    if lookout.left_off is not None and lookout.left_off.deployment_id == found.id:
        return lookout.left_off
    if lookout.after is None:
        page = yield from platform.deploys(found.id, limit=_ROWS)
        return baseline(found.id, page.deploys, lookout.wanted)
    moment = time_in(lookout.after)
    if moment is not None:
        return Bookmark(found.id, None, moment)
    try:
        first = yield from platform.deploy(found.id, lookout.after)
    except DeployNotFound as error:
        raise DeployNotFound(
            f"{error} Where the platform has deleted it by now, begin after a time instead."
        ) from error
    return Bookmark(found.id, first.id, first.created_at)


def _read_up_to(
    platform: Platform, bookmark: Bookmark
) -> Conversation[tuple[dict[str, Deploy], tuple[Deploy, ...]]]:
    """Read pages down to the bookmark; return everything that was on them, and what is newer."""
    seen: dict[str, Deploy] = {}
    page = yield from platform.deploys(bookmark.deployment_id, limit=_ROWS)
    while True:
        before = len(seen)
        seen.update({deploy.id: deploy for deploy in page.deploys if deploy.id not in seen})
        newer = tuple(unread(seen.values(), bookmark))
        complete = len(newer) < len(seen) or page.next_cursor is None or len(seen) == before
        if complete:
            return seen, newer
        page = yield from platform.deploys(bookmark.deployment_id, page.next_cursor)


def _reread(
    platform: Platform, bookmark: Bookmark, seen: dict[str, Deploy]
) -> Conversation[tuple[tuple[Deploy, ...], tuple[str, ...]]]:
    """Read what may still come to count, as it is now; return that, and what has to wait for its turn.

    What the history no longer holds is forgotten, and so is what is not on the pages read and has not ended
    within a day.
    """
    found = [seen[deploy_id] for deploy_id in bookmark.open if deploy_id in seen]
    away = [deploy_id for deploy_id in bookmark.open if deploy_id not in seen]
    for deploy_id in away[-_MOST_ASKED_FOR:]:
        try:
            deploy = yield from platform.deploy(bookmark.deployment_id, deploy_id)
        except DeployNotFound:
            continue
        age = datetime.now(timezone.utc) - deploy.created_at
        if deploy.status.settled or age < _ASKED_FOR_UNTIL:
            found.append(deploy)
    return tuple(found), tuple(away[:-_MOST_ASKED_FOR])
