# SPDX-License-Identifier: Apache-2.0
"""The embedded platform: one state machine under an injected clock, without HTTP, GraphQL or threads.

The APIs (Houston's GraphQL, hosted Astro's REST) call it and translate its results. The rules that
differ between the two platforms are a ``rules.RollbackRules``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice, takewhile
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.sandbox import progress, rules
from airflow_rollback_provider.sandbox.errors import no_release, not_found
from airflow_rollback_provider.sandbox.model import (
    DEPLOYED,
    INITIALIZED,
    ORGANIZATION,
    Content,
    Deploy,
    Deployment,
    Workspace,
    make_id,
)
from airflow_rollback_provider.sandbox.rules import PRIVATE_CLOUD, RollbackRules
from airflow_rollback_provider.sandbox.settings import Settings
from airflow_rollback_provider.sandbox.tokens import BY_VALUE, Token
from airflow_rollback_provider.sandbox.versions import crosses_down

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_rollback_provider.sandbox.clock import Clock

_ROLLBACK_TYPES = {"IMAGE": "IMAGE_ONLY", "DAGS": "DAG_ONLY", "IMAGE_AND_DAGS": "IMAGE_AND_DAG"}
_MOST_LOG_LINES = 500
_LOGS_KEPT = timedelta(days=7)


@dataclass(frozen=True)
class RuntimeRelease:
    """A Runtime that the installation offers."""

    version: str
    airflow: str
    migrations: bool


@dataclass(frozen=True)
class RollbackRequest:
    """The rollback request of a client."""

    deployment_id: str
    deploy_id: str
    scope: str
    description: str | None


class World:
    """All workspaces, Deployments and histories, and the operations on them.

    :param clock: the clock.
    :param deployments: the initial Deployments.
    :param releases: the Runtimes that the installation offers.
    """

    def __init__(
        self, clock: Clock, deployments: Iterable[Deployment] = (), releases: Iterable[RuntimeRelease] = ()
    ) -> None:
        self.clock = clock
        self.organization = ORGANIZATION
        self.settings = Settings()
        self.deployments: dict[str, Deployment] = {item.id: item for item in deployments}
        self.releases = tuple(releases)
        self.mutations = 0
        self._numbers = count(1)

    @property
    def workspaces(self) -> list[Workspace]:
        """The workspaces that have a Deployment."""
        return list(dict.fromkeys(item.workspace for item in self.deployments.values()))

    def token(self, value: str | None) -> Token | None:
        """Return the token with that value, if the platform issued it."""
        return BY_VALUE.get(value or "")

    def is_expired(self, token: Token) -> bool:
        """Return whether a token counts as expired."""
        return token.name in self.settings.expired_tokens

    def deployment(self, deployment_id: str) -> Deployment:
        """Return a Deployment by its id.

        :raises Refused: if there is none.
        """
        if deployment_id not in self.deployments:
            raise not_found("Deployment", deployment_id)
        return self.deployments[deployment_id]

    def by_release(self, release_name: str) -> Deployment:
        """Return a Deployment by its release name.

        :raises Refused: if there is none.
        """
        for deployment in self.deployments.values():
            if deployment.release_name == release_name:
                return deployment
        raise no_release(release_name)

    def listed(
        self, deployment: Deployment, after: str | None = None, platform: RollbackRules = PRIVATE_CLOUD
    ) -> Iterator[Deploy]:
        """Yield the deploys that a client can see, newest first, beginning behind ``after``.

        The position of ``after`` is known even if that row itself is gone.

        :raises Refused: if no deploy ever had that id.
        """
        if after is not None and deployment.history.get(after) is None:
            raise not_found("Deploy revision", after)
        gone = self._gone(deployment, platform)
        return (row for row in deployment.history.latest_first(after) if not gone(row))

    def page(
        self,
        deployment: Deployment,
        take: int | None,
        cursor: str | None,
        page_number: int | None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Deploy]:
        """Return a page of the history between two times of creation.

        ``cursor`` wins over the page number, which counts from 1.
        """
        most = self.settings.max_take
        size = most if take is None else max(0, min(take, most))
        skipped = 0 if cursor is not None or page_number is None else max(0, page_number - 1) * size
        rows = (
            row
            for row in self.listed(deployment, cursor)
            if (since is None or row.created_at >= since) and (until is None or row.created_at <= until)
        )
        return list(islice(rows, skipped, skipped + size))

    def deploy(
        self, deployment: Deployment, deploy_id: str, platform: RollbackRules = PRIVATE_CLOUD
    ) -> Deploy:
        """Return a deploy that a client can see.

        :raises Refused: if the Deployment has no such deploy, or no longer.
        """
        row = self._find(deployment, deploy_id, platform)
        if row is None:
            raise not_found("Deploy revision", deploy_id)
        return row

    def _find(self, deployment: Deployment, deploy_id: str, platform: RollbackRules) -> Deploy | None:
        row = deployment.history.get(deploy_id)
        return None if row is None or self._gone(deployment, platform)(row) else row

    def _gone(self, deployment: Deployment, platform: RollbackRules) -> Callable[[Deploy], bool]:
        """Return a function that checks whether a row of that Deployment is gone for clients."""
        settings = self.settings
        oldest = self.clock.now() - timedelta(days=settings.retention_days)
        kept = deployment.latest if platform.keeps_latest else None
        cleans = settings.nightly_job
        return lambda row: row.purged or (cleans and row.created_at < oldest and row is not kept)

    def roll_back(
        self, token: Token, request: RollbackRequest, platform: RollbackRules = PRIVATE_CLOUD
    ) -> Deploy:
        """Start a rollback: check everything, append one row, leave the rest to the clock.

        :raises Refused: if the platform does not allow it; nothing has changed then.
        """
        deployment = self.deployment(request.deployment_id)
        target = self._target(token, deployment, request, platform)
        row = self._rollback_row(token, deployment, target, request)
        deployment.history.add(row)
        return row

    def _target(
        self, token: Token, deployment: Deployment, request: RollbackRequest, platform: RollbackRules
    ) -> Deploy:
        attempt = rules.RollbackAttempt(
            settings=self.settings,
            token=token,
            deployment=deployment,
            target=self._find(deployment, request.deploy_id, platform),
            target_id=request.deploy_id,
            scope=request.scope,
            description=request.description,
            now=self.clock.now(),
        )
        return rules.check(attempt, platform)

    def _rollback_row(
        self, token: Token, deployment: Deployment, target: Deploy, request: RollbackRequest
    ) -> Deploy:
        now = self.clock.now()
        running = deployment.running(now)
        content = rules.result(running, target.content, request.scope)
        script = self._script(deployment, content)
        seconds = script["seconds"]
        return Deploy(
            id=self.new_id(deployment),
            deployment_id=deployment.id,
            type=_ROLLBACK_TYPES[request.scope],
            content=content,
            created_at=now,
            finishes_at=None if seconds is None else now + timedelta(seconds=float(seconds)),
            created_by=token.author,
            outcome=str(script["outcome"]),
            description=request.description,
            git=target.git,
            rollback_from_id=target.id,
            scope=request.scope,
            failure=script["reason"],
            runtime_before=running.runtime,
            shows_runtime=target.shows_runtime or request.scope == "DAGS",
            applies=bool(script["applies"]),
        )

    def _script(self, deployment: Deployment, content: Content) -> dict[str, Any]:
        settings = self.settings
        across = crosses_down(deployment.running(self.clock.now()).runtime, content.runtime)
        default = {
            "outcome": DEPLOYED,
            "seconds": settings.cross_major_seconds if across else settings.rollback_seconds,
            "reason": None,
            "applies": True,
        }
        script = default | self._take_script(deployment)
        if script["outcome"] != DEPLOYED and not script["reason"]:
            script["reason"] = "helm upgrade failed: timed out waiting for the condition"
        return script

    def _take_script(self, deployment: Deployment) -> dict[str, Any]:
        scripts = self.settings.next_rollbacks
        for number, script in enumerate(scripts):
            if script.get("deployment") in (None, deployment.id, deployment.key):
                return scripts.pop(number)
        return {}

    def new_id(self, deployment: Deployment) -> str:
        """Return an id for a new row of a Deployment: the same sequence after every reset."""
        return make_id("new", deployment.key, next(self._numbers))

    def status(self, deployment: Deployment) -> str:
        """Return a Deployment's health in one word."""
        now = self.clock.now()
        if deployment.in_progress(now):
            return "DEPLOYING"
        latest = next(deployment.history.latest_first(), None)
        failed = latest is not None and latest.status(now) not in (DEPLOYED, INITIALIZED)
        return "UNHEALTHY" if failed else "HEALTHY"

    def log_lines(
        self,
        deployment: Deployment,
        component: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        search: str | None = None,
    ) -> list[progress.LogLine]:
        """Return the log lines between two times, oldest first, at most 500."""
        now = self.clock.now()
        rows = deployment.history.latest_first()
        recent = takewhile(lambda row: now - row.created_at <= _LOGS_KEPT, rows)
        found = [line for row in islice(recent, 50) for line in progress.lines(deployment, row, now)]
        lines = [
            line
            for line in found
            if (component in (None, "", line.component))
            and (since is None or line.timestamp >= since)
            and (until is None or line.timestamp <= until)
            and (search or "").lower() in line.message.lower()
        ]
        return sorted(lines, key=lambda line: line.timestamp)[:_MOST_LOG_LINES]
