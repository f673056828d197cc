# SPDX-License-Identifier: Apache-2.0
"""The sensor that waits for a deploy."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
    deferral_timeout,
)
from airflow_rollback_provider.deploy_events.poll import Subscription
from airflow_rollback_provider.deploy_events.subscription import (
    Cursor,
    DeployFilter,
    WaitResult,
    WaitStatus,
    cursor_in,
)
from airflow_rollback_provider.domain.arguments import flag, interval, optional, seconds, text
from airflow_rollback_provider.domain.errors import AccessDenied, RollbackError
from airflow_rollback_provider.domain.jsonable import encode
from airflow_rollback_provider.domain.poller import PollBackoff
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.hooks.failures import task_failures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_rollback_provider.compat import Context


class DeploySensor(BaseSensorOperator):
    """Wait until a new deploy has landed, or until a named deploy has come to a state. Return it as JSON.

    Of several new deploys the oldest is returned. If it brings back content that was rolled back from,
    ``rejected`` says when, why, and by which rollback; else it is None. The sensor writes its cursor to XCom
    under the key ``cursor``, as text. A later sensor with that text as ``after`` continues there, and each
    deploy is found once, in any order and also when the platform has deleted deploys. An outage of the
    platform is waited out until the sensor's own ``timeout``.

    Templated: ``astro_conn_id``, ``deployment_id``, ``deploy_id``, ``after``.

    :param deployment_id: id or release name of the Deployment.
    :param deploy_id: wait for this deploy alone, whatever its type. Default: the next that counts.
    :param after: id of a deploy, or a time with its zone: only later deploys count, and older ones that are
        in progress when the sensor begins. Or the cursor of an earlier sensor; the cursor of another
        Deployment is ignored. Default: the time at which the Dag run was started.
    :param statuses: a deploy counts as soon as it has one of these: ``succeeded`` (default), ``failed``,
        ``in progress``.
    :param types: the platform's words for the types that count, such as ``DAG_ONLY``; by default all.
    :param rollbacks: whether rollbacks count. Default False.
    :param astro_conn_id: Airflow connection to the platform.
    :param poke_interval: time between two polls, in seconds or as a timedelta. Default 30.
    :param soft_fail: skip the task instead of failing it, at the time-out and for an error that no retry
        cures; the same whether it pokes, is rescheduled or defers. Default False.
    :param deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
    :raises DeployEndedOtherwise: when the named deploy ended in another state; no retry.
    :raises BadInput: when an argument cannot be used; no retry.
    :raises AccessDenied: when the token stays refused; no retry, unless it was accepted
        before or has expired.
    """

    template_fields: Sequence[str] = ("astro_conn_id", "deployment_id", "deploy_id", "after")
    ui_color = "#e8eef7"

    def __init__(
        self,
        *,
        deployment_id: str,
        deploy_id: str | None = None,
        after: str | datetime | Mapping[str, Any] | None = None,
        statuses: Sequence[str] = ("succeeded",),
        types: Sequence[str] = (),
        rollbacks: bool = False,
        astro_conn_id: str = DeployHistoryHook.default_conn_name,
        poke_interval: float | timedelta = 30.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        if "timeout" in kwargs:
            kwargs["timeout"] = seconds(kwargs["timeout"], "timeout")
        super().__init__(poke_interval=interval(poke_interval, "poke_interval"), **kwargs)
        self.deployment_id = deployment_id
        self.deploy_id = deploy_id
        self.after = after
        self.rollbacks = flag(rollbacks, "rollbacks")
        DeployFilter.parse(statuses, types, rollbacks=self.rollbacks)  # fails when the Dag is parsed
        self.statuses = statuses
        self.types = types
        self.astro_conn_id = astro_conn_id
        self.deferrable = flag(deferrable, "deferrable")
        self._hook: DeployHistoryHook | None = None
        self._cursor: Cursor | None = None
        self._backoff = PollBackoff(60.0, random.random)  # noqa: S311 - it only counts refusals here

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once; then, with ``deferrable``, wait in the triggerer.

        Airflow calls this in all modes, so that ``soft_fail`` and its like mean the same in each.
        """
        wait_result = self._poll(context)
        if wait_result is not None:
            return PokeReturnValue(is_done=True, xcom_value=self._arrived(context, wait_result))
        if self.deferrable:  # what has come already must not be deferred (apache/airflow#46424)
            self._defer(context, time.time() + self.timeout)
        return PokeReturnValue(is_done=False)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after a deferral. Airflow itself skips for ``never_fail`` only what a poke does not raise."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSkipException:
            raise
        except Exception as error:
            if self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Take over from the triggerer: return the deploy, or raise why there is none."""
        return self._arrived(context, WaitResult.from_dict(event))

    def _poll(self, context: Context) -> WaitResult | None:
        with task_failures(after_success=self._cursor is not None):
            subscription = self._subscription(context)
            self._hook = self._hook or DeployHistoryHook(text(self.astro_conn_id, "astro_conn_id"))
            try:
                wait_result, self._cursor = self._hook.wait_for_deploy(subscription, self._cursor)
            except RollbackError as error:
                self._wait_out(error)
                return None
            self._backoff.on_success()
            return wait_result

    def _wait_out(self, error: RollbackError) -> None:
        """Wait an outage out. Refusals are not counted between reschedules, so one is enough there."""
        if not self._backoff.on_failure(error) or (self.reschedule and isinstance(error, AccessDenied)):
            raise error
        if isinstance(error, AccessDenied):
            self._hook = None  # the next poll reads the connection anew
        self.log.warning("Could not poll for a deploy of %s: %s", self.deployment_id, error)

    def _subscription(self, context: Context) -> Subscription:
        start_cursor = cursor_in(self.after)
        after = optional(self.after, "after") if start_cursor is None else None
        return Subscription(
            deployment=text(self.deployment_id, "deployment_id"),
            deploy_filter=DeployFilter.parse(self.statuses, self.types, rollbacks=self.rollbacks),
            after=after or _began(context),
            deploy_id=optional(self.deploy_id, "deploy_id"),
            start_cursor=start_cursor,
        )

    def _arrived(self, context: Context, wait_result: WaitResult) -> dict[str, Any]:
        if wait_result.cursor is not None:
            ti: Any = context["ti"]
            ti.xcom_push(key="cursor", value=wait_result.cursor.to_text())
        if wait_result.status is WaitStatus.TIMED_OUT:
            raise AirflowSensorTimeout(wait_result.message)
        with task_failures():
            deploy = wait_result.require()
        self.log.info("%s", wait_result.message)
        if wait_result.rejection is not None:
            self.log.warning("%s", wait_result.rejection.sentence(deploy.id))
        return {**deploy.to_dict(), "rejected": encode(wait_result.rejection)}

    def _defer(self, context: Context, deadline: float) -> Any:
        from airflow_rollback_provider.triggers.deploys import DeployTrigger

        self.defer(
            trigger=DeployTrigger(
                astro_conn_id=text(self.astro_conn_id, "astro_conn_id"),
                subscription=self._subscription(context).to_dict(),
                cursor=self._cursor.to_dict() if self._cursor is not None else None,
                poll_interval=float(self.poke_interval),
                deadline=deadline,
            ),
            method_name="resume",
            timeout=deferral_timeout(deadline),
        )


def _began(context: Context) -> str:
    """Return when the Dag run was started: all tries and pokes of the sensor agree on that."""
    run: Any = context.get("dag_run")
    known = (getattr(run, name, None) for name in ("queued_at", "start_date"))
    times: list[datetime] = [moment for moment in known if moment is not None]
    return min(times, default=datetime.now(timezone.utc)).isoformat()
