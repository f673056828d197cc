# SPDX-License-Identifier: Apache-2.0
"""Looking out for deploys: one conversation for tasks and the triggerer, on every platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from airflow_rollback_provider.domain.errors import DeployNotFound
from airflow_rollback_provider.domain.jsonable import decode, encode
from airflow_rollback_provider.domain.landing import (
    Arrival,
    Bookmark,
    Ending,
    Sighting,
    Wanted,
    arrival_of,
    baseline,
    sort_out,
    time_in,
    unread,
)

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.platforms.base import Conversation, Platform

# More deploys than this rarely land between two looks.
_ROWS = 20


@dataclass(frozen=True)
class Lookout:
    """What to look out for.

    :param deployment: id or release name of the Deployment.
    :param wanted: which deploys count.
    :param after: id of a deploy, or a time with its zone: what came later is news. None begins with the first
        look.
    :param deploy_id: the one deploy to wait for, whatever its type; None waits for the next that counts.
    """

    deployment: str
    wanted: Wanted
    after: str | None = None
    deploy_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; :meth:`from_dict` reads them back."""
        return cast("dict[str, Any]", encode(self))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Lookout:
        """Read what :meth:`to_dict` wrote."""
        return decode(cls, values)


def look_out(
    platform: Platform, lookout: Lookout, bookmark: Bookmark | None = None
) -> Conversation[Sighting]:
    """Look once. As a rule it takes one request, and one or two more without a bookmark.

    :param bookmark: where the look before this one stopped; None begins where ``lookout`` says.
    :raises DeploymentNotFound: when there is no such Deployment.
    :raises DeployNotFound: when the history does not hold the deploy that is named to begin with.
    """
    if bookmark is None:
        bookmark = yield from _begin(platform, lookout)
        if lookout.after is None:
            return Sighting((), bookmark)
    seen, newer = yield from _read_up_to(platform, bookmark)
    reread = yield from _reread(platform, bookmark, seen)
    return sort_out(bookmark, newer, reread, lookout.wanted)


def wait_for_deploy(
    platform: Platform, lookout: Lookout, bookmark: Bookmark | None = None
) -> Conversation[tuple[Arrival | None, Bookmark]]:
    """Look once for the next deploy that counts, or for the one that ``lookout`` names.

    :return: how waiting ended, None while it goes on, and where the next look goes on.
    """
    if lookout.deploy_id is None:
        sighting = yield from look_out(platform, lookout, bookmark)
        found = sighting.news[0] if sighting.news else None
        arrival = Arrival(Ending.ARRIVED, f"Deploy {found.id} has come.", found) if found else None
        return arrival, sighting.bookmark
    if bookmark is None:
        bookmark = Bookmark((yield from platform.deployment(lookout.deployment)).id)
    deploy = yield from platform.deploy(bookmark.deployment_id, lookout.deploy_id)
    return arrival_of(deploy, lookout.wanted.statuses), bookmark


def _begin(platform: Platform, lookout: Lookout) -> Conversation[Bookmark]:
    found = yield from platform.deployment(lookout.deployment)
    if lookout.after is None:
        page = yield from platform.deploys(found.id, limit=_ROWS)
        return baseline(found.id, page.deploys, lookout.wanted)
    moment = time_in(lookout.after)
    if moment is not None:
        return Bookmark(found.id, None, moment)
    first = yield from platform.deploy(found.id, lookout.after)
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
) -> Conversation[tuple[Deploy, ...]]:
    """Read what may still come to count, as it is now; what the history no longer holds is left out."""
    found = []
    for deploy_id in bookmark.open:
        try:
            deploy = seen.get(deploy_id) or (yield from platform.deploy(bookmark.deployment_id, deploy_id))
        except DeployNotFound:
            continue
        found.append(deploy)
    return tuple(found)
