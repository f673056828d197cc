# SPDX-License-Identifier: Apache-2.0
"""What the page knows of a Deployment, through one shared memory: as few requests as the readers allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from airflow_rollback_provider.domain.errors import DeploymentNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.domain.deploys import Capabilities, Deploy
    from airflow_rollback_provider.platforms.base import Page, Survey
    from airflow_rollback_provider.ui.cache import Cache
    from airflow_rollback_provider.ui.config import Place
    from airflow_rollback_provider.ui.upstream import Platforms, Upstream

T = TypeVar("T")

SECONDS_SHARED = 5.0
"""How old the newest deploys may be that somebody is shown."""

SECONDS_SHARED_WHEN_FOLLOWING = 1.0
"""The same for somebody who follows a rollback or asked for news."""

SECONDS_SHARED_FOR_OLDER_DEPLOYS = 60.0
"""How old the rest of the history may be: it hardly changes."""

_PAGES_TO_FIND_WHAT_RUNS = 5


@dataclass(frozen=True)
class Seen:
    """A Deployment as it was seen a moment ago.

    :param survey: what the platform told.
    :param capabilities: what the platform can do.
    :param url: page of the deploy history on the platform, where that is known.
    :param deploys: the newest deploys, as far back as it takes to find what runs.
    """

    survey: Survey
    capabilities: Capabilities
    url: str | None
    deploys: tuple[Deploy, ...]


class Reader:
    """Reads Deployments for everybody who looks. For many threads at a time.

    :param platforms: reaches the platforms.
    :param cache: the shared memory.
    """

    def __init__(self, platforms: Platforms, cache: Cache) -> None:
        self._platforms = platforms
        self._cache = cache
        self._ids: dict[Place, str] = {}

    def see(self, place: Place, max_age: float = SECONDS_SHARED) -> Seen:
        """Read a Deployment, what may be done to it, and its newest deploys.

        :param max_age: how old an answer may be that somebody else was given, in seconds.
        :raises RollbackError: when the platform cannot be asked.
        """
        return self._cache.get(("deployment", place), lambda: self._see(place), max_age)

    def older(self, place: Place, deployment_id: str, cursor: str) -> Page:
        """Read the deploys that follow a cursor of the platform's.

        :raises RollbackError: when the platform cannot be asked.
        """
        return self._cache.get(
            ("older", place, cursor),
            lambda: self.ask(place, lambda upstream: upstream.page(deployment_id, cursor)),
            SECONDS_SHARED_FOR_OLDER_DEPLOYS,
        )

    def id_of(self, place: Place) -> str:
        """Return the id of a Deployment, asking only where nobody has asked before.

        :raises RollbackError: when the platform cannot be asked.
        """
        return self._ids.get(place) or self.see(place).survey.deployment.id

    def ask(self, place: Place, question: Callable[[Upstream], T]) -> T:
        """Ask the platform something that is not shared.

        :raises RollbackError: when the platform cannot be asked.
        """
        with self._platforms.reach(place.connection) as upstream:
            return question(upstream)

    def _see(self, place: Place) -> Seen:
        def see(upstream: Upstream) -> Seen:
            survey = self._survey(upstream, place)
            self._ids[place] = survey.deployment.id
            return Seen(
                survey,
                upstream.capabilities,
                upstream.url_of(survey.deployment),
                self._until_something_runs(place, survey),
            )

        return self.ask(place, see)

    def _survey(self, upstream: Upstream, place: Place) -> Survey:
        """Ask by the id where a release name was looked up before: it saves a request."""
        known = self._ids.get(place)
        if known is not None:
            try:
                return upstream.survey(known)
            except DeploymentNotFound:  # the connection may lead elsewhere by now
                self._ids.pop(place, None)
        return upstream.survey(place.deployment)

    def _until_something_runs(self, place: Place, survey: Survey) -> tuple[Deploy, ...]:
        page, found = survey.page, list(survey.page.deploys)
        for _ in range(_PAGES_TO_FIND_WHAT_RUNS):
            if page.next_cursor is None or any(deploy.succeeded for deploy in found):
                break
            page = self.older(place, survey.deployment.id, page.next_cursor)
            found += page.deploys
        return tuple(found)
