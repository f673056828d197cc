# SPDX-License-Identifier: Apache-2.0
"""The parts of the embedded platform: workspaces, Deployments and the deploys of their history."""

from __future__ import annotations

import hashlib
import re
from bisect import insort
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice

INITIALIZED, DEPLOYED, FAILED = "INITIALIZED", "DEPLOYED", "FAILED"
MECHANISMS = ("image", "volume", "git_sync", "dag_deploy")
SCOPES = ("IMAGE", "DAGS", "IMAGE_AND_DAGS")

_NOT_IN_IDS = re.compile(r"[^a-z0-9]")


def make_id(*parts: object) -> str:
    """Return a 25-character id of the platform's kind, the same for the same parts in every run.

    A short first part stays readable in it, so that a user can distinguish ids in a log.
    """
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()
    return f"c{_readable(str(parts[0]))}{digest}"[:25]


@lru_cache(maxsize=256)
def _readable(text: str) -> str:
    return _NOT_IN_IDS.sub("", text.lower())[:12]


@dataclass(frozen=True)
class Organization:
    """The organization of the platform. Hosted Astro's addresses contain it, Houston's do not."""

    id: str
    name: str


ORGANIZATION = Organization(make_id("organization"), "Sandbox")


@dataclass(frozen=True)
class Author:
    """The author of a deploy: a ``user`` or a ``service_account``."""

    id: str
    username: str
    full_name: str
    kind: str = "user"


@dataclass(frozen=True)
class NamedBundle:
    """A Dag bundle with a path and versions of its own; ``deploy_id`` is the deploy that brought it."""

    mount_path: str
    version: str
    deploy_id: str


@dataclass(frozen=True)
class Content:
    """The content of a Deployment: an image with its Runtime, a Dag bundle, and the Dag deploy mechanism.

    ``named_bundles`` are those beside the main one, which hosted Astro alone has.
    ``runtime`` is the real Runtime of the image; a history row may not show it.
    """

    image_tag: str
    image_repository: str
    runtime: str
    airflow: str
    dag_bundle: str | None
    mechanism: str
    named_bundles: tuple[NamedBundle, ...] = ()


@dataclass(frozen=True)
class Git:
    """The source of a deploy's code."""

    commit: str
    repository: str
    branch: str = "main"


@dataclass
class Deploy:
    """One entry of a Deployment's history.

    Its status is a function of the clock: ``INITIALIZED`` until ``finishes_at``, then ``outcome``.
    ``finishes_at`` is ``None`` for work that never ends. ``applies`` is false for a deploy that says
    ``DEPLOYED`` although the running content did not change. Clients do not get ``purged`` rows.
    """

    id: str
    deployment_id: str
    type: str
    content: Content
    created_at: datetime
    finishes_at: datetime | None
    created_by: Author
    outcome: str = DEPLOYED
    description: str | None = None
    git: Git | None = None
    rollback_from_id: str | None = None
    scope: str | None = None
    failure: str | None = None
    runtime_before: str | None = None
    shows_runtime: bool = True
    applies: bool = True
    purged: bool = False

    def status(self, now: datetime) -> str:
        """Return ``INITIALIZED``, ``DEPLOYED`` or ``FAILED`` at that time."""
        return self.outcome if self.finishes_at is not None and self.finishes_at <= now else INITIALIZED

    def updated_at(self, now: datetime) -> datetime:
        """Return when the row last changed."""
        return (
            self.finishes_at if self.finishes_at is not None and self.finishes_at <= now else self.created_at
        )


class History:
    """The deploys of one Deployment, oldest first; made on first use because some are long.

    :param make: makes the deploys, oldest first.
    """

    def __init__(self, make: Callable[[], list[Deploy]]) -> None:
        self._make = make
        self._rows: list[Deploy] | None = None
        self._positions: dict[str, int] = {}

    @property
    def rows(self) -> list[Deploy]:
        """All deploys ever made, oldest first, the purged ones included."""
        if self._rows is None:
            self._rows = self._make()
            self._index()
        return self._rows

    def _index(self) -> None:
        self._positions = {row.id: position for position, row in enumerate(self._rows or ())}

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, deploy: Deploy) -> None:
        """Insert a deploy by its time."""
        rows = self.rows
        if rows and deploy.created_at < rows[-1].created_at:
            insort(rows, deploy, key=lambda row: row.created_at)
            self._index()
        else:
            rows.append(deploy)
            self._positions[deploy.id] = len(rows) - 1

    def get(self, deploy_id: str) -> Deploy | None:
        """Return the deploy with that id, purged or not."""
        rows = self.rows
        position = self._positions.get(deploy_id)
        return None if position is None else rows[position]

    def latest_first(self, after: str | None = None) -> Iterator[Deploy]:
        """Yield deploys, newest first, beginning behind the one with id ``after``.

        :raises KeyError: if no deploy ever had that id.
        """
        rows = self.rows
        start = len(rows) if after is None else self._positions[after]
        for position in range(start - 1, -1, -1):
            yield rows[position]


@dataclass(frozen=True)
class Workspace:
    """A group of Deployments; a token belongs to some of them."""

    id: str
    key: str
    label: str


@dataclass
class Deployment:
    """One Airflow installation and its history."""

    id: str
    key: str
    label: str
    release_name: str
    workspace: Workspace
    base: Content
    history: History
    created_at: datetime
    rollback_enabled: bool = True
    cluster_id: str = field(default_factory=lambda: make_id("cluster", 1))

    @property
    def namespace(self) -> str:
        """The Kubernetes namespace of the release."""
        return f"astronomer-{self.release_name}"

    @property
    def latest(self) -> Deploy | None:
        """The latest deploy that is not purged, with any outcome."""
        return next((row for row in self.history.latest_first() if not row.purged), None)

    def running(self, now: datetime) -> Content:
        """Return the running content at that time: of the latest deploy that succeeded, or the base image.

        A newer deploy wins over an older one that ends later: the older one is superseded.
        """
        done = (row for row in self.history.latest_first() if row.applies and row.status(now) == DEPLOYED)
        latest = next(done, None)
        return self.base if latest is None else latest.content

    def in_progress(self, now: datetime) -> Deploy | None:
        """Return the latest deploy that has not ended at that time.

        Only the latest hundred rows are checked: older ones have ended long ago.
        """
        latest = islice(self.history.latest_first(), 100)
        return next((row for row in latest if row.status(now) == INITIALIZED), None)
