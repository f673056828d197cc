# SPDX-License-Identifier: Apache-2.0
"""A health check as a task requests it: which deploy its arguments mean, and until when to wait."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.deploys import DeployStatus
from airflow_rollback_provider.domain.errors import BadInput, DeployInProgress, DeployNotFound
from airflow_rollback_provider.domain.summary import describe_deploy
from airflow_rollback_provider.health.case import HealthCase, case_of
from airflow_rollback_provider.health.poller import HealthCheck

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.health.rule import HealthRule
    from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook

_TIMEOUT = 30 * 60.0


@dataclass(frozen=True)
class HealthCheckRequest:
    """The arguments of a health check, with their templates rendered.

    :param rule: the parameters.
    :param deployment: id or release name of the Deployment; None if ``since`` names the deploy.
    :param deploy_id: the deploy; None means the one that runs now.
    :param since: time of the deploy, if no deploy history is read.
    :param baseline_until: runs before this are compared with; None leaves it to the deploy.
    :param critical: Dags whose failure counts by itself.
    :param ignored: Dags that do not count.
    :param known_import_errors: files that could not be read before; None if unknown.
    :param finds_rejections: whether to find out if the deploy brings rejected content back.
    :param rejected_for: how long a rejection lasts; None takes the platform's retention.
    :param accepted: image tags, Dag bundles and git commits that are accepted.
    """

    rule: HealthRule
    deployment: str | None
    deploy_id: str | None
    since: datetime | None
    baseline_until: datetime | None
    critical: tuple[str, ...]
    ignored: tuple[str, ...]
    known_import_errors: tuple[str, ...] | None
    finds_rejections: bool = False
    rejected_for: timedelta | None = None
    accepted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.deployment is None) == (self.since is None):
            raise BadInput(
                "Name the deploy to evaluate in one of two ways: by deployment_id, which reads the deploy "
                "history, or by since, the time of the deploy."
            )

    def case(self, history: DeployHistoryHook | None) -> HealthCase:
        """Return what is evaluated.

        :param history: the hook that reads deploys; None if ``since`` names the deploy.
        :raises DeployNotFound: when the Deployment has no such deploy, or none that runs.
        :raises DeployInProgress: when the deploy has not ended.
        """
        case = self._of_time() if history is None else self._of_history(history)
        if self.baseline_until is not None:
            case = replace(case, before_until=self.baseline_until, trusted_from=None)
        return replace(
            case,
            critical=self.critical,
            ignored=self.ignored,
            known_import_errors=self.known_import_errors,
        )

    def _of_time(self) -> HealthCase:
        assert self.since is not None  # noqa: S101 - see __post_init__
        return HealthCase(self.since, self.since, self.rule)

    def _of_history(self, hook: DeployHistoryHook) -> HealthCase:
        assert self.deployment is not None  # noqa: S101 - see __post_init__
        reading = hook.read(self.deployment)
        history = reading.history
        deploy = history.find(self.deploy_id) if self.deploy_id else history.running
        if deploy is None:
            which = f"no deploy {self.deploy_id!r}" if self.deploy_id else "no deploy that succeeded"
            raise DeployNotFound(
                f"The deploy history of {reading.deployment} has {which}. Nothing is evaluated."
            )
        _require_landed(deploy)
        case = case_of(deploy, history, self.rule)
        if not self.finds_rejections:
            return case
        retention = timedelta(days=hook.capabilities.retention_days)
        lasts = retention if self.rejected_for is None else self.rejected_for
        return replace(case, rejection=history.rejection_on_landing(deploy, lasts, self.accepted))


def _require_landed(deploy: Deploy) -> None:
    if deploy.succeeded:
        return
    if deploy.status is DeployStatus.FAILED:
        raise BadInput(
            f"{describe_deploy(deploy)} failed, as the platform reports. An earlier deploy runs now: leave "
            "deploy_id out to evaluate that one."
        )
    raise DeployInProgress(
        f"{describe_deploy(deploy)} has not ended, so it cannot be evaluated. Wait for it."
    )


def new_health_check(case: HealthCase, *, poll_interval: float, timeout: float | None) -> HealthCheck:
    """Return the health check with its deadline.

    :param poll_interval: time between two polls, in seconds.
    :param timeout: how long to go on trying after the horizon, while Airflow's API does not answer;
        in seconds. None takes half an hour.
    """
    start = max(case.since.end.timestamp(), time.time())
    return HealthCheck(case, start + (_TIMEOUT if timeout is None else timeout), poll_interval)
