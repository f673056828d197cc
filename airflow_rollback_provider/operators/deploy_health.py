# SPDX-License-Identifier: Apache-2.0
"""The operator that evaluates whether a deploy broke its Deployment."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseOperator, conf, deferral_timeout
from airflow_rollback_provider.domain.arguments import flag, interval, moment, names, optional, seconds, text
from airflow_rollback_provider.domain.deploys import DeployStatus
from airflow_rollback_provider.domain.errors import (
    BadInput,
    DeployInProgress,
    DeploymentNotHealthy,
    DeployNotFound,
)
from airflow_rollback_provider.domain.summary import describe_deploy
from airflow_rollback_provider.health.case import HealthCase, case_of
from airflow_rollback_provider.health.evaluate import rejected_release
from airflow_rollback_provider.health.poller import HealthCheck, check_health
from airflow_rollback_provider.health.rule import HealthRule
from airflow_rollback_provider.health.verdict import Health, Reason, explain, overruled
from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.hooks.failures import task_failures
from airflow_rollback_provider.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_rollback_provider.compat import Context
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.hooks.deploy_history import Reading

_TIMEOUT = 30 * 60.0
_REJECTED_RELEASES = ("regressed", "report", "ignore")


class DeployHealthOperator(BaseOperator):
    """Evaluate whether a deploy broke its Deployment, from the Deployment's own Airflow.

    Each Dag's runs since the deploy are compared with its runs before it, at each poll. The
    verdict is ``healthy``, ``regressed`` or ``inconclusive``; all three let the task succeed and are returned
    with their evidence. An Airflow that does not answer is no failure of the Deployment: the verdict is
    inconclusive.

    The task ends as soon as the evidence allows a verdict, at the latest after the rule's horizon. For a
    rollback it compares with the time when the rollback's target ran, not with the bad deploy.

    Templated: ``airflow_conn_id``, ``astro_conn_id``, ``deployment_id``, ``deploy_id``, ``since``,
    ``baseline_until``, ``critical_dags``, ``ignored_dags``, ``known_import_errors``, ``require_healthy``,
    ``accepted_releases``.

    :param airflow_conn_id: Airflow connection to the Airflow of the Deployment.
    :param deployment_id: id or release name of the Deployment; its deploy history has the time of the deploy.
    :param deploy_id: the deploy to evaluate. Default: the one that runs now.
    :param astro_conn_id: Airflow connection to the platform, used with ``deployment_id``.
    :param since: when the deploy had landed, in the place of ``deployment_id``: a datetime or an ISO text,
        with a zone.
    :param baseline_until: runs before this time are compared with. Default: when the deploy began.
    :param critical_dags: Dags whose failure counts by itself.
    :param ignored_dags: Dags that do not count.
    :param known_import_errors: files that could not be read before the deploy, as ``import_error_files`` of
        an earlier result names them. Default None: an error is new if a Dag of the file ran just before the
        deploy, and else of unknown age, which is inconclusive.
    :param rule: the parameters, as a :class:`HealthRule` or a mapping of what differs from its defaults.
    :param require_healthy: let the task fail unless the verdict is ``healthy``. Default False.
    :param rejected_releases: what to do about a deploy that brings back content that was rolled back from.
        ``report`` (default) names it in the result and the log; ``regressed`` gives this verdict at once,
        with the reason ``REJECTED-RELEASE``; ``ignore`` does not find out.
    :param rejected_for: how long a rollback rejects content, in seconds or as a timedelta. Default: the
        platform's retention.
    :param accepted_releases: image tags, Dag bundles or git commits that are accepted although they were
        rolled back from.
    :param wait_for_completion: wait for a verdict; False evaluates the runs so far. Default True.
    :param poll_interval: time between two polls, in seconds or as a timedelta. Default 60.
    :param timeout: how long to go on trying after the horizon, while Airflow's API does not answer; in
        seconds or as a timedelta. Default 30 minutes.
    :param deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
    :raises DeploymentNotHealthy: with ``require_healthy``, for any other verdict; no retry.
    :raises BadInput: when an argument or a connection cannot be used; no retry.
    :raises DeployInProgress: when the deploy has not ended; the task's retries apply.
    :raises PlatformError: when the platform's deploy history cannot be read; the task's retries apply.
    """

    template_fields: Sequence[str] = (
        "airflow_conn_id",
        "astro_conn_id",
        "deployment_id",
        "deploy_id",
        "since",
        "baseline_until",
        "critical_dags",
        "ignored_dags",
        "known_import_errors",
        "require_healthy",
        "accepted_releases",
    )
    ui_color = "#d6e4f0"

    def __init__(
        self,
        *,
        airflow_conn_id: str = AirflowApiHook.default_conn_name,
        deployment_id: str | None = None,
        deploy_id: str | None = None,
        astro_conn_id: str = DeployHistoryHook.default_conn_name,
        since: datetime | str | None = None,
        baseline_until: datetime | str | None = None,
        critical_dags: Sequence[str] | str = (),
        ignored_dags: Sequence[str] | str = (),
        known_import_errors: Sequence[str] | str | None = None,
        rule: HealthRule | Mapping[str, Any] | None = None,
        require_healthy: bool | str = False,
        rejected_releases: str = "report",
        rejected_for: float | timedelta | None = None,
        accepted_releases: Sequence[str] | str = (),
        wait_for_completion: bool = True,
        poll_interval: float | timedelta = 60.0,
        timeout: float | timedelta | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.airflow_conn_id = airflow_conn_id
        self.deployment_id = deployment_id
        self.deploy_id = deploy_id
        self.astro_conn_id = astro_conn_id
        self.since = since
        self.baseline_until = baseline_until
        self.critical_dags = critical_dags
        self.ignored_dags = ignored_dags
        self.known_import_errors = known_import_errors
        self.rule = HealthRule.read(rule)
        self.require_healthy = require_healthy
        if rejected_releases not in _REJECTED_RELEASES:
            raise BadInput(
                f"rejected_releases is {rejected_releases!r}. Use one of: {', '.join(_REJECTED_RELEASES)}."
            )
        self.rejected_releases = rejected_releases
        self.rejected_for = None if rejected_for is None else seconds(rejected_for, "rejected_for")
        self.accepted_releases = accepted_releases
        self.wait_for_completion = flag(wait_for_completion, "wait_for_completion", default=True)
        self.poll_interval = interval(poll_interval)
        self.timeout = None if timeout is None else seconds(timeout, "timeout")
        self.deferrable = flag(deferrable, "deferrable")

    def execute(self, context: Context) -> dict[str, Any]:
        """Wait for a verdict and return the evaluation."""
        with task_failures(), Metrics(context, self.log) as metrics:
            case = self._case()
            superseded = case.superseded_at is not None  # no further evidence will come
            if case.rejection is not None and self.rejected_releases == "regressed" and not superseded:
                rejected = rejected_release(case, case.rejection, datetime.now(timezone.utc))
                self.log.warning("%s", rejected.summary)
                return self._finish(metrics, rejected.to_dict())
            self.log.info(
                "Evaluating the deploy of %s: the runs in %s are compared with those of %s.",
                case.landed_at,
                case.since,
                case.before,
            )
            start = max(case.since.end.timestamp(), time.time())
            deadline = start + (_TIMEOUT if self.timeout is None else self.timeout)
            health_check = HealthCheck(case, deadline, self.poll_interval)
            with closing(AirflowApiHook(text(self.airflow_conn_id, "airflow_conn_id"))) as hook:
                waits = self.wait_for_completion and not superseded
                wait = check_health(hook, health_check, self.log, waits=waits)
                # A verdict that is there already must not be deferred (apache/airflow#46424).
                with metrics.polls_failed("health.polls_failed", wait.poller):
                    evaluation = hook.run(wait.once() if self.deferrable else wait.until_done())
            if evaluation is None:
                return self._defer(health_check)
            self.log.info("%s", explain(evaluation))
            result = evaluation.to_dict()
            return self._finish(metrics, result if superseded else self._unless_superseded(result))

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Take over from the triggerer: return the evaluation."""
        with task_failures(after_success=True), Metrics(context, self.log) as metrics:
            self.log.info("%s", event["words"])
            metrics.count("health.polls_failed", event.get("polls_failed", 0))
            return self._finish(metrics, self._unless_superseded(event["evaluation"]))

    def _case(self, evaluated_id: str | None = None) -> HealthCase:
        """Read the rendered arguments, and the deploy that they mean from the history.

        :param evaluated_id: the deploy that was evaluated just now. It was found out already whether it is
            rejected.
        :raises BadInput: when an argument cannot be used.
        :raises DeployNotFound: when the Deployment has no such deploy, or none that runs.
        :raises DeployInProgress: when the deploy has not ended.
        """
        deployment_id, since = optional(self.deployment_id, "deployment_id"), moment(self.since, "since")
        deploy_id = evaluated_id or optional(self.deploy_id, "deploy_id")
        baseline_until = moment(self.baseline_until, "baseline_until")
        named: dict[str, Any] = {
            "critical": names(self.critical_dags, "critical_dags") or (),
            "ignored": names(self.ignored_dags, "ignored_dags") or (),
            "known_import_errors": names(self.known_import_errors, "known_import_errors"),
        }
        accepted = names(self.accepted_releases, "accepted_releases") or ()
        if (deployment_id is None) == (since is None):
            raise BadInput(
                "Name the deploy to evaluate in one of two ways: by deployment_id, which reads the deploy "
                "history, or by since, the time of the deploy."
            )
        if since is not None:
            case = HealthCase(since, since, self.rule)
        else:
            hook = DeployHistoryHook(text(self.astro_conn_id, "astro_conn_id"))
            reading = hook.read(text(deployment_id, "deployment_id"))
            deploy = _deploy_in(reading, deploy_id)
            case = case_of(deploy, reading.history, self.rule)
            if self.rejected_releases != "ignore" and evaluated_id is None:
                days = timedelta(days=hook.capabilities.retention_days)
                lasts = days if self.rejected_for is None else timedelta(seconds=self.rejected_for)
                rejection = reading.history.rejection_on_landing(deploy, lasts, accepted)
                case = replace(case, rejection=rejection)
        if baseline_until is not None:
            case = replace(case, before_until=baseline_until, trusted_from=None)
        return replace(case, **named)

    def _defer(self, health_check: HealthCheck) -> dict[str, Any]:
        from airflow_rollback_provider.triggers.deploy_health import DeployHealthTrigger

        self.defer(
            trigger=DeployHealthTrigger(
                text(self.airflow_conn_id, "airflow_conn_id"), health_check.to_dict()
            ),
            method_name="resume",
            timeout=deferral_timeout(health_check.deadline),
        )

    def _finish(self, metrics: Metrics, result: dict[str, Any]) -> dict[str, Any]:
        took = datetime.fromisoformat(result["evaluated_at"]) - datetime.fromisoformat(result["since"])
        metrics.count("health.verdicts", value=result["verdict"])
        metrics.time("health.time_to_verdict", took.total_seconds(), result["verdict"])
        if flag(self.require_healthy, "require_healthy") and result["verdict"] != Health.HEALTHY.value:
            raise DeploymentNotHealthy(result["summary"])
        return result

    def _unless_superseded(self, result: dict[str, Any]) -> dict[str, Any]:
        """Another deploy may have landed in the meantime: it caused part of the evidence."""
        if result["deploy_id"] is None or result["verdict"] == Health.INCONCLUSIVE.value:
            return result
        superseded_at = self._case(result["deploy_id"]).superseded_at
        if superseded_at is None or superseded_at > datetime.fromisoformat(result["evaluated_at"]):
            return result
        reason = Reason(
            "ANOTHER-DEPLOY",
            f"Another deploy followed at {superseded_at:%Y-%m-%d %H:%M} UTC, before the verdict on this one.",
        )
        self.log.warning("%s", reason)
        return overruled(result, Health.INCONCLUSIVE, reason)


def _deploy_in(reading: Reading, deploy_id: str | None) -> Deploy:
    """Return a deploy that has landed; without an id the one that runs."""
    deploy = reading.history.find(deploy_id) if deploy_id else reading.history.running
    if deploy is None:
        which = f"no deploy {deploy_id!r}" if deploy_id else "no deploy that succeeded"
        raise DeployNotFound(f"The deploy history of {reading.deployment} has {which}. Nothing is evaluated.")
    if deploy.status is DeployStatus.FAILED:
        raise BadInput(
            f"{describe_deploy(deploy)} failed, as the platform reports. An earlier deploy runs now: leave "
            "deploy_id out to evaluate that one."
        )
    if not deploy.succeeded:
        raise DeployInProgress(
            f"{describe_deploy(deploy)} has not ended, so it cannot be evaluated. Wait for it."
        )
    return deploy
