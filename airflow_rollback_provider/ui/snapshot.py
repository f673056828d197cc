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
    from airflow_rollback_provider.ui.config import DeploymentOption
    from airflow_rollback_provider.ui.page_client import PageClient, Platforms

T = TypeVar("T")

SECONDS_SHARED = 5.0
"""How old the latest deploys may be that somebody is shown."""

SECONDS_SHARED_WHEN_FOLLOWING = 1.0
"""The same for somebody who follows a rollback or asked for news."""

SECONDS_SHARED_FOR_OLDER_DEPLOYS = 60.0
"""How old the rest of the history may be: it hardly changes."""

_PAGES_TO_FIND_WHAT_RUNS = 5


@dataclass(frozen=True)
class Snapshot:
    """A Deployment as it was seen a moment ago.

    :param survey: what the platform told.
    :param capabilities: what the platform can do.
    :param url: page of the deploy history on the platform, where that is known.
    :param deploys: the latest deploys, as far back as it takes to find what runs.
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
        self._ids: dict[DeploymentOption, str] = {}

    def see(self, option: DeploymentOption, max_age: float = SECONDS_SHARED) -> Snapshot:
        """Read a Deployment, what may be done to it, and its latest deploys.

        :param max_age: how old an answer may be that somebody else was given, in seconds.
        :raises RollbackError: when the platform cannot be asked.
        """
        return self._cache.get(("deployment", option), lambda: self._see(option), max_age)

    def older(self, option: DeploymentOption, deployment_id: str, cursor: str) -> Page:
        """Read the deploys that follow a cursor of the platform's.

        :raises RollbackError: when the platform cannot be asked.
        """
        return self._cache.get(
            ("older", option, cursor),
            lambda: self.ask(option, lambda client: client.page(deployment_id, cursor)),
            SECONDS_SHARED_FOR_OLDER_DEPLOYS,
        )

    def id_of(self, option: DeploymentOption) -> str:
        """Return the id of a Deployment, asking only where nobody has asked before.

        :raises RollbackError: when the platform cannot be asked.
        """
        return self._ids.get(option) or self.see(option).survey.deployment.id

    def ask(self, option: DeploymentOption, question: Callable[[PageClient], T]) -> T:
        """Ask the platform something that is not shared.

        :raises RollbackError: when the platform cannot be asked.
        """
        with self._platforms.reach(option.connection) as client:
            return question(client)

    def _see(self, option: DeploymentOption) -> Snapshot:
        def see(client: PageClient) -> Snapshot:
            survey = self._survey(client, option)
            self._ids[option] = survey.deployment.id
            return Snapshot(
                survey,
                client.capabilities,
                client.url_of(survey.deployment),
                self._until_something_runs(option, survey),
            )

        return self.ask(option, see)

    def _survey(self, client: PageClient, option: DeploymentOption) -> Survey:
        """Ask by the id where a release name was looked up before: it saves a request."""
        known = self._ids.get(option)
        if known is not None:
            try:
                return client.survey(known)
            except DeploymentNotFound:  # the connection may lead elsewhere by now
                self._ids.pop(option, None)
        return client.survey(option.deployment)

    def _until_something_runs(self, option: DeploymentOption, survey: Survey) -> tuple[Deploy, ...]:
        page, found = survey.page, list(survey.page.deploys)
        for _ in range(_PAGES_TO_FIND_WHAT_RUNS):
            if page.next_cursor is None or any(deploy.succeeded for deploy in found):
                break
            page = self.older(option, survey.deployment.id, page.next_cursor)
            found += page.deploys
        return tuple(found)
