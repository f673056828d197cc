# SPDX-License-Identifier: Apache-2.0
"""The page's data about a Deployment, through the shared cache, with as few requests as possible."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from airflow_rollback_provider.domain.errors import DeploymentNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.domain.deploys import Capabilities, Deploy, Deployment
    from airflow_rollback_provider.platforms.base import Page, Survey
    from airflow_rollback_provider.ui.cache import Cache
    from airflow_rollback_provider.ui.config import DeploymentOption
    from airflow_rollback_provider.ui.page_client import PageClient, Platforms

T = TypeVar("T")

SECONDS_SHARED = 5.0
"""The greatest age of the latest deploys on the page, in seconds."""

SECONDS_SHARED_WHEN_TRACKING = 1.0
"""The same while the page tracks a rollback or polls."""

SECONDS_SHARED_FOR_OLDER_DEPLOYS = 60.0
"""The same for the rest of the history, which hardly changes."""

SECONDS_SHARED_FOR_THE_LIST = 60.0
"""The same for the list of all Deployments."""

_PAGES_TO_FIND_THE_RUNNING_DEPLOY = 5


@dataclass(frozen=True)
class Snapshot:
    """A Deployment at one moment.

    :param survey: the platform's data about it.
    :param url: address of the deploy history on the platform, None if it is unknown.
    :param deploys: the latest deploys, back to the running one.
    """

    survey: Survey
    capabilities: Capabilities
    url: str | None
    deploys: tuple[Deploy, ...]


class Reader:
    """Reads Deployments for all users of the page. Thread-safe.

    A method raises the error of a request to the platform that fails.
    """

    def __init__(self, platforms: Platforms, cache: Cache) -> None:
        self._platforms = platforms
        self._cache = cache
        self._ids: dict[DeploymentOption, str] = {}

    def read(self, option: DeploymentOption, max_age: float = SECONDS_SHARED) -> Snapshot:
        """Read a Deployment, the token's permissions on it, and its latest deploys.

        :param max_age: the greatest age of a cached snapshot, in seconds.
        """
        return self._cache.get(("deployment", option), lambda: self._read(option), max_age)

    def list_deployments(self, connection: str) -> tuple[Deployment, ...]:
        """Return all Deployments that the token of a connection may read, by name."""

        def load() -> tuple[Deployment, ...]:
            with self._platforms.open_client(connection) as client:
                found = client.run(client.platform.list_deployments())
            return tuple(sorted(found, key=lambda one: (one.name.casefold(), one.id)))

        return self._cache.get(("all", connection), load, SECONDS_SHARED_FOR_THE_LIST)

    def read_older(self, option: DeploymentOption, deployment_id: str, cursor: str) -> Page:
        """Read the deploys after a cursor of the platform."""
        return self._cache.get(
            ("older", option, cursor),
            lambda: self.call(option, lambda client: client.page(deployment_id, cursor)),
            SECONDS_SHARED_FOR_OLDER_DEPLOYS,
        )

    def id_of(self, option: DeploymentOption) -> str:
        """Return the id of a Deployment. Only the first call sends a request."""
        return self._ids.get(option) or self.read(option).survey.deployment.id

    def call(self, option: DeploymentOption, request: Callable[[PageClient], T]) -> T:
        """Send a request whose response is not cached."""
        with self._platforms.open_client(option.connection) as client:
            return request(client)

    def _read(self, option: DeploymentOption) -> Snapshot:
        def read(client: PageClient) -> Snapshot:
            survey = self._survey(client, option)
            survey = replace(survey, access=client.prove(survey.access))
            self._ids[option] = survey.deployment.id
            return Snapshot(
                survey,
                client.capabilities,
                client.history_url(survey.deployment),
                self._deploys_up_to_the_running_one(option, survey),
            )

        return self.call(option, read)

    def _survey(self, client: PageClient, option: DeploymentOption) -> Survey:
        """Use the id if a release name was resolved before: this saves a request."""
        deployment_id = self._ids.get(option)
        if deployment_id is not None:
            try:
                return client.survey(deployment_id)
            except DeploymentNotFound:  # the connection may now lead to another platform
                self._ids.pop(option, None)
        return client.survey(option.deployment)

    def _deploys_up_to_the_running_one(self, option: DeploymentOption, survey: Survey) -> tuple[Deploy, ...]:
        page, found = survey.page, list(survey.page.deploys)
        for _ in range(_PAGES_TO_FIND_THE_RUNNING_DEPLOY):
            if page.next_cursor is None or any(deploy.succeeded for deploy in found):
                break
            page = self.read_older(option, survey.deployment.id, page.next_cursor)
            found += page.deploys
        return tuple(found)
