# SPDX-License-Identifier: Apache-2.0
"""The operators that drain a Deployment before a downgrade, and resume its Dags afterwards."""

from __future__ import annotations

import random
import time
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseOperator, conf, deferral_timeout, states_of
from airflow_rollback_provider.domain.arguments import flag, interval, names, seconds, text
from airflow_rollback_provider.domain.errors import (
    BadInput,
    DeployInProgress,
    DeploymentNotDrained,
    RollbackError,
    RunNotSuccessful,
)
from airflow_rollback_provider.domain.poller import Poller, Wait
from airflow_rollback_provider.domain.summary import paragraph
from airflow_rollback_provider.drain.drain import (
    DrainRequest,
    DrainResult,
    PausedDags,
    PausedDagsStore,
    is_of_others,
    paused_key,
    run_of,
)
from airflow_rollback_provider.drain.poller import drain
from airflow_rollback_provider.drain.survey import (
    pausable,
    pause_all,
    read_active_work,
    resume_dags,
    still_ours,
)
from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook
from airflow_rollback_provider.hooks.failures import task_failures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_rollback_provider.compat import Context

_MOST_NAMES = 20
# Longer than another task needs to write its state, or to end a request.
MOMENT = 5.0

Resumed = tuple[list[str], list[str]]
"""Dags that were resumed, and Dags that are gone."""


class _PausesDags(BaseOperator):
    """Base class: the connection, and the stored list of the Dags that are paused behind it."""

    airflow_conn_id: str
    ui_color = "#e3ddf0"

    @property
    def _conn_id(self) -> str:
        return text(self.airflow_conn_id, "airflow_conn_id")

    def _paused(self) -> PausedDagsStore:
        return PausedDagsStore(self._conn_id)


class DrainDeploymentOperator(_PausesDags):
    """Drain a Deployment before it is downgraded, so that no task is lost and nothing stops the downgrade.

    A downgrade fails the tasks that run, and the rows that Airflow 3.2 and later write for deferred tasks
    stop an older scheduler. So this task pauses Dag by Dag, and waits until no task runs or waits. A Dag with
    a deferred task is paused after that task has ended: in a paused Dag it would never end.

    Put :class:`ResumeDeploymentOperator` at the end of the Dag: it resumes exactly the Dags that this task
    paused, also when a task in between was killed.

    Run it from another Deployment than the one that it drains.

    Templated: ``airflow_conn_id``, ``exclude_dags``.

    :param airflow_conn_id: Airflow connection to the Airflow of the Deployment.
    :param pause: pause the Dags that have a schedule. False only waits. Default True.
    :param exclude_dags: Dags that are not paused.
    :param timeout: how long to wait until the Deployment is drained, in seconds or as a timedelta; 0 pauses
        and does not wait. Default 30 minutes.
    :param fail_on_timeout: resume all Dags and fail when the time is up. False succeeds all the same.
        Default True.
    :param poll_interval: longest time between two polls, in seconds or as a timedelta. Default 15.
    :param deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
    :raises DeploymentNotDrained: when the time is up, or the Dags were resumed meanwhile; the task's retries
        apply.
    :raises DeployInProgress: when another run has Dags of this Airflow paused; the task's retries apply.
    :raises BadInput: when an argument or the connection cannot be used; no retry.
    :raises AccessDenied: when Airflow refuses the login or the permission to pause Dags; no retry, unless the
        login was accepted before or the token has expired.
    :raises PlatformError: when Airflow does not answer; the task's retries apply.
    :raises StateUnavailable: when the list of paused Dags cannot be read or written; the task's retries
        apply.
    """

    template_fields: Sequence[str] = ("airflow_conn_id", "exclude_dags")

    def __init__(
        self,
        *,
        airflow_conn_id: str = AirflowApiHook.default_conn_name,
        pause: bool = True,
        exclude_dags: Sequence[str] | str = (),
        timeout: float | timedelta = timedelta(minutes=30),
        fail_on_timeout: bool = True,
        poll_interval: float | timedelta = 15.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.airflow_conn_id = airflow_conn_id
        self.pause = flag(pause, "pause", default=True)
        self.exclude_dags = exclude_dags
        self.timeout = seconds(timeout, "timeout")
        self.fail_on_timeout = flag(fail_on_timeout, "fail_on_timeout", default=True)
        self.poll_interval = interval(poll_interval)
        self.deferrable = flag(deferrable, "deferrable")

    def execute(self, context: Context) -> dict[str, Any]:
        """Pause and wait; return what was paused and what was going on."""
        with task_failures(), closing(AirflowApiHook(self._conn_id)) as hook:
            return self._drain(hook, self._request(context, hook))

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Take over from the triggerer."""
        with task_failures(after_success=True), closing(AirflowApiHook(self._conn_id)) as hook:
            return self._finish(
                hook, DrainRequest.from_dict(event["request"]), DrainResult.from_dict(event["drained"])
            )

    def on_kill(self) -> None:
        """Say what a killed task leaves behind."""
        self.log.warning(
            "Killed while Dags may be paused. Their list is stored: the next try of this task goes on with "
            "them, and ResumeDeploymentOperator resumes them."
        )

    def _request(self, context: Context, hook: AirflowApiHook) -> DrainRequest:
        ti = context["ti"]
        return DrainRequest(
            ours=self._to_pause(context, hook) if self.pause else (),
            own=(ti.dag_id, ti.run_id, ti.task_id),
            deadline=time.time() + self.timeout,
            poll_interval=self.poll_interval,
        )

    def _to_pause(self, context: Context, hook: AirflowApiHook) -> tuple[str, ...]:
        """Choose the Dags and store their list, before any of them is paused."""
        # This Dag must stay unpaused: in the same Airflow, no task could resume the Dags otherwise.
        excluded = {context["ti"].dag_id, *(names(self.exclude_dags, "exclude_dags") or ())}
        paused_dags = self._claim(context)
        found = hook.run(pausable(hook.api, excluded))
        self._require_claim(paused_dags)
        paused_dags = replace(paused_dags, dags=tuple(dict.fromkeys((*paused_dags.dags, *found))))
        self._paused().set(paused_dags)
        ours = tuple(dag_id for dag_id in paused_dags.dags if dag_id not in excluded)
        self.log.info("Pausing %d Dag(s): %s", len(ours), ", ".join(ours) or "none")
        return ours

    def _claim(self, context: Context) -> PausedDags:
        """Claim this Airflow for this run, with the Dags that earlier tries and runs left paused."""
        earlier = self._paused().get()
        if earlier is not None and is_of_others(earlier, context):
            raise DeployInProgress(_in_use(self._conn_id, earlier))
        paused_dags = PausedDags(run_of(context), earlier.dags if earlier is not None else ())
        self._paused().set(paused_dags)
        if earlier is None or earlier.run != paused_dags.run:
            # Another run that claims it at the same time has written by then; the last one has the claim.
            time.sleep(MOMENT)
            self._require_claim(paused_dags)
        return paused_dags

    def _require_claim(self, paused_dags: PausedDags) -> None:
        if (now := self._paused().get()) != paused_dags:
            raise DeployInProgress(_in_use(self._conn_id, now))

    @task_failures(after_success=True)
    def _drain(self, hook: AirflowApiHook, request: DrainRequest) -> dict[str, Any]:
        if not self.timeout:
            return self._without_waiting(hook, request)
        wait = drain(hook, request, self._paused(), self.log)
        drained = hook.run(wait.once() if self.deferrable else wait.until_done())
        return self._finish(hook, request, drained) if drained is not None else self._defer(request)

    def _without_waiting(self, hook: AirflowApiHook, request: DrainRequest) -> dict[str, Any]:
        self._pause_all(hook, request)
        work = hook.run(read_active_work(hook.api, request.own))
        self.log.info("%s", work)
        return _result(request.ours, DrainResult(work.drained, str(work), work.to_dict()))

    def _defer(self, request: DrainRequest) -> dict[str, Any]:
        from airflow_rollback_provider.triggers.drain import DrainTrigger

        self.defer(
            trigger=DrainTrigger(self._conn_id, request.to_dict()),
            method_name="resume",
            timeout=deferral_timeout(request.deadline),
        )

    def _finish(self, hook: AirflowApiHook, request: DrainRequest, drained: DrainResult) -> dict[str, Any]:
        self.log.info("%s", drained.message)
        if not drained.drained and self.fail_on_timeout:
            self._give_up(hook, request)
            raise DeploymentNotDrained(f"{drained.message} The paused Dags were resumed.")
        self._pause_all(hook, request)  # the Dags with a waiting task were not paused until now
        return _result(request.ours, drained)

    def _give_up(self, hook: AirflowApiHook, request: DrainRequest) -> None:
        paused_dags = self._paused().get()
        hook.run(still_ours(hook.api, request, paused_dags))
        if self.pause and paused_dags is not None and paused_dags.run == request.own[:2]:
            _resume_all(
                self._paused(), paused_dags, lambda: hook.run(resume_dags(hook.api, paused_dags.dags))
            )

    def _pause_all(self, hook: AirflowApiHook, request: DrainRequest) -> None:
        hook.run(pause_all(hook.api, request, self._paused().get()))
        hook.run(still_ours(hook.api, request, self._paused().get()))  # fails if they were resumed meanwhile


class ResumeDeploymentOperator(_PausesDags):
    """Resume the Dags of a Deployment that :class:`DrainDeploymentOperator` paused, and no others.

    It is a teardown: it runs after success and failure. Its state decides the state of the Dag run, because a
    run that leaves Dags paused is no success. So it fails too when a task directly before it failed, after it
    has resumed the Dags. After a rollback it waits until Airflow answers again. Dags that are gone are listed
    and skipped.

    Templated: ``airflow_conn_id``.

    :param airflow_conn_id: Airflow connection to the Airflow of the Deployment, as for the drain.
    :param timeout: how long to wait for Airflow to answer, in seconds or as a timedelta. Default 30 minutes.
    :param poll_interval: longest time between two tries, in seconds or as a timedelta. Default 15.
    :raises PlatformError: when Airflow does not answer in time; the task's retries apply. The list of
        paused Dags stays stored.
    :raises AccessDenied: when Airflow refuses the login or the token, which may have expired; the task's
        retries apply, and read the connection anew. The list of paused Dags stays stored.
    :raises BadInput: when it has another connection than the drain before it, and so finds no paused Dag; no
        retry.
    :raises RunNotSuccessful: when the Dags were resumed and a task directly before this one failed; no retry.
    """

    template_fields: Sequence[str] = ("airflow_conn_id",)

    def __init__(
        self,
        *,
        airflow_conn_id: str = AirflowApiHook.default_conn_name,
        timeout: float | timedelta = timedelta(minutes=30),
        poll_interval: float | timedelta = 15.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.airflow_conn_id = airflow_conn_id
        self.timeout = seconds(timeout, "timeout")
        self.poll_interval = interval(poll_interval)
        # Without a setup of its own, so that it runs even if the drain was killed half-way. With
        # on_failure_fail_dagrun its success hides the failures before it, hence _require_success.
        self.as_teardown(on_failure_fail_dagrun=True)

    def execute(self, context: Context) -> dict[str, Any]:
        """Resume the Dags; return their ids."""
        with task_failures(after_success=True):
            result = self._resume_paused(context)
            self._require_success(context, result)
        return result

    def _resume_paused(self, context: Context) -> dict[str, Any]:
        paused = self._paused()
        paused_dags = paused.get()
        if paused_dags is None or is_of_others(paused_dags, context):
            self._require_drain_of_same_airflow(context)
            self.log.info(
                "No Dag was paused by this run.%s", f" {paused_dags} has some paused." if paused_dags else ""
            )
            return {"resumed": [], "gone": [], "count": 0}
        try:
            with closing(AirflowApiHook(self._conn_id)) as hook:
                resumed, gone = _resume_all(paused, paused_dags, lambda: self._resume(hook, paused_dags.dags))
        except RollbackError as error:
            error.args = (f"{error} {_left_paused(self._conn_id, paused_dags)}",)
            raise
        self.log.info("Resumed %d Dag(s): %s", len(resumed), ", ".join(resumed) or "none")
        if gone:
            self.log.warning("%d Dag(s) that were paused are gone: %s", len(gone), ", ".join(gone))
        return {"resumed": resumed[:_MOST_NAMES], "gone": gone[:_MOST_NAMES], "count": len(resumed)}

    def _require_drain_of_same_airflow(self, context: Context) -> None:
        """Fail when the drains before this task all have another connection: this task resumes nothing then.

        :raises BadInput: when they do.
        """
        before = self.get_flat_relatives(upstream=True)
        drains = [task for task in before if isinstance(task, DrainDeploymentOperator) and task.pause]
        rendered = (self.render_template(task.airflow_conn_id, context) for task in drains)
        conn_ids = {text(conn_id, "airflow_conn_id") for conn_id in rendered}
        if conn_ids and self._conn_id not in conn_ids:
            raise BadInput(
                f"No Dag was resumed: this task has the connection {self._conn_id!r}, and the drain before "
                f"it has {' and '.join(map(repr, sorted(conn_ids)))}, whose Dags may still be paused. Give "
                "both tasks the same airflow_conn_id, and clear this task."
            )

    def _require_success(self, context: Context, result: dict[str, Any]) -> None:
        """Fail when a task directly before this one failed."""
        failed = [
            task_id
            for task_id in sorted(self.upstream_task_ids)
            if not {"failed", "upstream_failed"}.isdisjoint(states_of(context, task_id).values())
        ]
        if failed:
            context["ti"].xcom_push(key="return_value", value=result)
            raise RunNotSuccessful(
                f"No Dag is left paused by this run ({result['count']} resumed now). This task fails because "
                f"{', '.join(failed)} failed: otherwise Airflow would show the run as a success."
            )

    def _resume(self, hook: AirflowApiHook, ours: tuple[str, ...]) -> Resumed:
        deadline = time.time() + self.timeout
        poller = UntilAirflowAnswers(deadline, self.poll_interval, random.random)  # noqa: S311 - spreads load

        def report(error: RollbackError) -> None:
            self.log.warning("Could not resume the Dags yet: %s", error)

        wait = Wait(poller, lambda: resume_dags(hook.api, ours), time.time, report, hook.reconnect)
        return hook.run(wait.until_done())


class UntilAirflowAnswers(Poller[Resumed, Resumed]):
    """Takes the first answer; an outage is waited out until the deadline."""

    def evaluate(self, result: Resumed, now: float) -> Resumed:
        """Return the result."""
        return result


def _resume_all(paused: PausedDagsStore, paused_dags: PausedDags, resume: Callable[[], Resumed]) -> Resumed:
    """Resume Dags, and then delete their list.

    A drain that still runs may pause a Dag at this moment. It reads the list at its next poll, and stops. A
    second pass resumes what it paused until then.

    :param resume: resumes those of the Dags that are paused.
    """
    ending = replace(paused_dags, resuming=True)
    paused.set(ending)
    resumed, gone = resume() if paused_dags.dags else ([], [])
    if paused_dags.dags:
        time.sleep(MOMENT)
        late, gone = resume()
        resumed = list(dict.fromkeys([*resumed, *late]))
    if paused.get() == ending:  # another run may have taken them over
        paused.delete()
    return resumed, gone


def _left_paused(airflow: str, paused_dags: PausedDags) -> str:
    dags = paused_dags.dags
    shown = ", ".join((*dags[:_MOST_NAMES], *("…" for _ in dags[_MOST_NAMES : _MOST_NAMES + 1])))
    return (
        f"{len(dags)} Dag(s) may still be paused: {shown}. Their list is in the Variable "
        f"{paused_key(airflow)}. Clear this task, or unpause them by hand and delete the Variable."
    )


def _in_use(airflow: str, paused_dags: PausedDags | None) -> str:
    who = (
        f"{paused_dags}, which has not ended"
        if paused_dags is not None
        else "a task that resumes its Dags at the same time"
    )
    return (
        f"The Airflow of the connection {airflow!r} is drained by {who}. Nothing was paused. Wait until "
        "that run has ended, or mark it as failed: its ResumeDeploymentOperator resumes the Dags. If it has "
        "none, the next drain takes them over. Their list is in "
        f"the Variable {paused_key(airflow)}."
    )


def _result(ours: tuple[str, ...], drained: DrainResult) -> dict[str, Any]:
    return {
        "drained": drained.drained,
        "paused": list(ours[:_MOST_NAMES]),
        "paused_count": len(ours),
        **(drained.work or {}),
        "summary": paragraph(drained.message),
    }
