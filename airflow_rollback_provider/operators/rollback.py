# SPDX-License-Identifier: Apache-2.0
"""The operator that rolls a Deployment back."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseOperator, conf, deferral_timeout, states_of
from airflow_rollback_provider.domain import summary
from airflow_rollback_provider.domain.arguments import optional
from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.domain.plan import RollbackPlan
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.hooks.failures import task_failures
from airflow_rollback_provider.links.deploy_history import DeployHistoryLink
from airflow_rollback_provider.operators.rendered import request_of
from airflow_rollback_provider.rollback.callbacks import CallbackArgument, Callbacks
from airflow_rollback_provider.rollback.failure_report import report_failure
from airflow_rollback_provider.rollback.guards import PreSubmitGuards
from airflow_rollback_provider.rollback.outcome import Outcome, RollbackStatus
from airflow_rollback_provider.rollback.pending import DESCRIPTION
from airflow_rollback_provider.rollback.poller import Tracking
from airflow_rollback_provider.rollback.submit import RollbackAttempt, Submitted
from airflow_rollback_provider.rollback.tracking import new_tracking, result_of, track, track_once
from airflow_rollback_provider.state import StateStore, task_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from airflow_rollback_provider.compat import Context
    from airflow_rollback_provider.domain.compatibility import PlanWarning
    from airflow_rollback_provider.domain.guard_rails import GuardRails


class RollbackOperator(BaseOperator):
    """Roll a Deployment back to an earlier deploy, once, and wait until it runs.

    The task plans, logs the plan, checks it, submits one rollback and follows it to its end. Every try of one
    task instance is the same wish: a later try finds the rollback of an earlier one in the deploy history, by
    a mark at the end of the description, and follows that instead of submitting another. A new run of the Dag
    is a new wish.

    Templated: ``astro_conn_id``, ``deployment_id``, ``target``, ``scope``, ``description``, ``plan_only``,
    ``acknowledge_airflow_3_to_2``, ``expected_current_deploy_id``, ``airflow_conn_id``.

    :param deployment_id: id or release name of the Deployment to roll back.
    :param description: why; required, written to the deploy history.
    :param target: which deploy to go back to: ``previous`` (default), a deploy's id, or a selector such as
        ``tag:2026-11-01``, ``commit:1f2e3d4``, ``runtime:12``, ``airflow:2.11``,
        ``before:2026-11-01T00:00:00+00:00``.
    :param scope: ``image``, ``dags`` or ``image_and_dags``; by default what the Deployment's Dag deploy
        mechanism carries.
    :param astro_conn_id: Airflow connection to the platform.
    :param plan_only: stop at the plan and return it; nothing is changed. Default False.
    :param acknowledge_airflow_3_to_2: accept what is lost when a rollback goes from Airflow 3 to 2. Default
        False.
    :param expected_current_deploy_id: id of the deploy that must be running; with another one running the
        task fails
        and submits nothing. Default None: not checked.
    :param in_progress_timeout: how long to wait for another deploy of the Deployment to end before the plan
        is made,
        in seconds or as a timedelta. Default 0: a deploy in progress fails the task, and its retries apply.
    :param submission_grace_period: how long a request whose answer was lost may take to show in the deploy
        history, in
        seconds or as a timedelta. A later try waits that long before it takes the request for lost. Default
        120.
    :param wait_for_completion: follow the rollback to its end; False submits and leaves. Default True.
    :param poll_interval: longest time between two looks at the platform, in seconds. Default 15.
    :param timeout: how long to wait for the end, in seconds or as a timedelta. Default 30 minutes, from
        Airflow 3 to 2 two hours. A rollback cannot be recalled: when the time is up, it may still be going
        on.
    :param deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
    :param airflow_conn_id: Airflow connection to the Airflow of the Deployment. With it, the plan warns of
        the tasks that run and wait there, and from Airflow 3 to 2 of Dag files that Airflow 3 alone can read.
        Default None: nobody looks.
    :param guards: guard rails that must hold when the rollback is submitted. Default None: who starts the
        task has decided.
    :param stop_after_failures: of a mapped task: once so many others of the same run have failed, begin
        nothing; the task is skipped. Default None.
    :param on_planned_callback: a notifier, a function of the context, or several, called when the plan is
        about to be
        carried out (or made, in a dry run). They find ``context["rollback"]`` with ``stage``, ``summary`` and
        ``plan``. One that fails is logged and changes nothing.
    :param on_submitted_callback: the same, when this try submitted the rollback; with ``result``.
    :param on_done: the same, when the Deployment runs the target; with ``result``.
    :param on_failed: the same, when the task fails and no retry is left; with ``failure``.
    :raises RollbackRefused: when a rule, a guard rail, a check or a missing acknowledgement
        speaks against it; no retry, but for a deploy in progress.
    :raises AccessDenied: when the token is refused or lacks a permission; no retry.
    :raises BadInput: when an argument cannot be used; no retry.
    :raises PlatformError: when the platform cannot be used; the task's retries apply.
    :raises RollbackNotDone: when it was submitted and did not end well; only a time-out is retried, and the
        retry goes on waiting for the same rollback.
    """

    template_fields: Sequence[str] = (
        "astro_conn_id",
        "deployment_id",
        "target",
        "scope",
        "description",
        "plan_only",
        "acknowledge_airflow_3_to_2",
        "expected_current_deploy_id",
        "airflow_conn_id",
    )
    operator_extra_links = (DeployHistoryLink(),)
    ui_color = "#f4e3c1"

    def __init__(
        self,
        *,
        deployment_id: str,
        description: str,
        target: str = "previous",
        scope: str | None = None,
        astro_conn_id: str = DeployHistoryHook.default_conn_name,
        plan_only: bool | str = False,
        acknowledge_airflow_3_to_2: bool | str = False,
        expected_current_deploy_id: str | None = None,
        in_progress_timeout: float | timedelta = 0.0,
        submission_grace_period: float | timedelta = 120.0,
        wait_for_completion: bool = True,
        poll_interval: float = 15.0,
        timeout: float | timedelta | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        airflow_conn_id: str | None = None,
        guards: GuardRails | None = None,
        stop_after_failures: int | None = None,
        on_planned_callback: CallbackArgument = None,
        on_submitted_callback: CallbackArgument = None,
        on_done: CallbackArgument = None,
        on_failed: CallbackArgument = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deployment_id = deployment_id
        self.description = description
        self.target = target
        self.scope = scope
        self.astro_conn_id = astro_conn_id
        # Airflow's operators have a method named plan_only, which must stay callable.
        self.plan_only = plan_only
        self.acknowledge_airflow_3_to_2 = acknowledge_airflow_3_to_2
        self.expected_current_deploy_id = expected_current_deploy_id
        self.in_progress_timeout = in_progress_timeout
        self.submission_grace_period = submission_grace_period
        self.wait_for_completion = wait_for_completion
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.deferrable = deferrable
        self.airflow_conn_id = airflow_conn_id
        self.guards = guards
        self.stop_after_failures = stop_after_failures
        self.on_planned_callback = on_planned_callback
        self.on_submitted_callback = on_submitted_callback
        self.on_done = on_done
        self.on_failed = on_failed
        self._submitted: str | None = None
        self._killed = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Plan, submit once and wait; return the result, or the plan of a dry run."""
        with self._failing(context), task_failures():
            hook = DeployHistoryHook(self.astro_conn_id)
            # Stored before anything can fail: a task that failed is the one whose link people need.
            DeployHistoryLink.store(context, hook.history_url(self.deployment_id))
            request = request_of(self, context)
            callbacks = self._callbacks(context)
            attempt = RollbackAttempt(
                hook,
                self._store(context),
                self.log,
                pre_submit_guards=self._pre_submit_guards(context),
                planned=callbacks.planned,
                inspect=self._inspect,
                killed=lambda: self._killed,
            )
            try:
                done = attempt.run(request)
            except RollbackError:
                # What was read by now may tell the address where the id alone did not.
                DeployHistoryLink.store(context, hook.history_url(self.deployment_id))
                raise
            if isinstance(done, RollbackPlan):
                callbacks.planned(done)
                return {**done.to_dict(), "summary": summary.of_plan(done)}
            return self._wait(context, hook, done)

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Take over from the triggerer: return the result or raise what the rollback ended with."""
        with self._failing(context), task_failures():
            tracking, outcome = Tracking.from_dict(event["tracking"]), Outcome.from_dict(event["outcome"])
            self._submitted = tracking.rollback_id
            if outcome.status is RollbackStatus.DONE and time.time() - event["at"] > tracking.poll_interval:
                # The event waited for a worker: another deploy may have landed since. An outage now does not
                # change what the platform said before.
                hook = DeployHistoryHook(self.astro_conn_id)
                outcome = hook.run(track_once(hook.platform, tracking, self.log)) or outcome
            return self._finish(context, tracking, outcome)

    def on_kill(self) -> None:
        """Say what a killed task leaves behind. Nothing is cancelled: no platform can recall a rollback.

        The process may run on for some seconds: it submits nothing any more.
        """
        self._killed = True
        if self._submitted is None:
            self.log.warning(
                "Killed before a rollback was known to be submitted. The next try of this task looks for one "
                "in the deploy history of Deployment %s before it submits.",
                self.deployment_id,
            )
            return
        self.log.warning(
            "Killed while waiting. The rollback %s of Deployment %s cannot be recalled and may still be "
            "going on: look at the Deployment's deploy history. The next try of this task finds it there and "
            "waits for it.",
            self._submitted,
            self.deployment_id,
        )

    def _store(self, context: Context) -> StateStore:
        return task_store(context, DESCRIPTION)

    def _wait(self, context: Context, hook: DeployHistoryHook, submitted: Submitted) -> dict[str, Any]:
        self._submitted = submitted.rollback.id
        url = hook.history_url(submitted.reading.deployment)
        DeployHistoryLink.store(context, url)
        where = url or f"the deploy history of {submitted.reading.deployment}"
        tracking = new_tracking(
            submitted, timeout=self.timeout, poll_interval=self.poll_interval, where=where
        )
        if not submitted.resumed:
            self._callbacks(context).submitted(result_of(tracking, None))
        if not self.wait_for_completion:
            return result_of(tracking, None)
        if self.deferrable:  # what has ended already must not be deferred (apache/airflow#46424)
            outcome = hook.run(track_once(hook.platform, tracking, self.log))
        else:
            outcome = hook.run(track(hook.platform, tracking, self.log))
        return self._finish(context, tracking, outcome) if outcome is not None else self._defer(tracking)

    def _defer(self, tracking: Tracking) -> dict[str, Any]:
        from airflow_rollback_provider.triggers.rollback import RollbackTrigger

        self.defer(
            trigger=RollbackTrigger(astro_conn_id=self.astro_conn_id, tracking=tracking.to_dict()),
            method_name="resume",
            timeout=deferral_timeout(tracking.deadline),
        )

    def _finish(self, context: Context, tracking: Tracking, outcome: Outcome) -> dict[str, Any]:
        self.log.info("%s", outcome.message)
        outcome.require_done()
        result = result_of(tracking, outcome)
        self._callbacks(context).done(result)
        return result

    def _inspect(self, plan: RollbackPlan) -> tuple[PlanWarning, ...]:
        airflow_conn_id = optional(self.airflow_conn_id)
        if airflow_conn_id is None:
            return ()
        from airflow_rollback_provider.operators.inspection import inspect

        return inspect(airflow_conn_id, plan)

    def _pre_submit_guards(self, context: Context) -> PreSubmitGuards:
        def failures() -> int:
            states = states_of(context, self.task_id)
            own = getattr(context["ti"], "map_index", -1)
            return sum(state == "failed" for index, state in states.items() if index != own)

        return PreSubmitGuards(self.guards, self.stop_after_failures, failures)

    def _failing(self, context: Context) -> AbstractContextManager[None]:
        return report_failure(context, str(self.deployment_id), self._callbacks(context), self.log)

    def _callbacks(self, context: Context) -> Callbacks:
        stages = {
            "planned": self.on_planned_callback,
            "submitted": self.on_submitted_callback,
            "done": self.on_done,
            "failed": self.on_failed,
        }
        return Callbacks(stages, context, self.log)
