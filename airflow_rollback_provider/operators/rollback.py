# SPDX-License-Identifier: Apache-2.0
"""The operator that rolls a Deployment back.

Importing it loads little: every parse of a Dag imports it, and only a task that runs needs the rest.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseOperator, conf, deferral_timeout, states_of
from airflow_rollback_provider.domain import summary
from airflow_rollback_provider.domain.arguments import count, flag, interval, optional, seconds, text
from airflow_rollback_provider.domain.errors import BadInput, RollbackError
from airflow_rollback_provider.hooks.failures import task_failures
from airflow_rollback_provider.links.deploy_history import DeployHistoryLink
from airflow_rollback_provider.platforms.connection_types import PRIVATE_CLOUD
from airflow_rollback_provider.rollback.callbacks import CallbackArgument, RollbackReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_rollback_provider.compat import Context
    from airflow_rollback_provider.domain.compatibility import PlanWarning
    from airflow_rollback_provider.domain.guard_rails import GuardRails
    from airflow_rollback_provider.domain.idempotency import Origin
    from airflow_rollback_provider.domain.plan import RollbackPlan
    from airflow_rollback_provider.domain.poller import Wait
    from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
    from airflow_rollback_provider.metrics import Metrics
    from airflow_rollback_provider.rollback.guards import PreSubmitGuards
    from airflow_rollback_provider.rollback.outcome import Outcome
    from airflow_rollback_provider.rollback.poller import Tracking
    from airflow_rollback_provider.rollback.submit import RollbackRequest, Submitted
    from airflow_rollback_provider.state import StateStore

# With no time to show, a request that is under way would be taken for lost, and sent again.
_SHORTEST_GRACE_PERIOD = 0.1


class RollbackOperator(BaseOperator):
    """Roll a Deployment back to an earlier deploy, once, and wait until it runs.

    The task makes a plan, logs and checks it, submits one rollback and tracks it to its end. Retries share
    one idempotency key, which is in a tag at the end of the description. A later try finds the rollback of
    an earlier one in the deploy history by this tag, and tracks it instead of submitting another. A new run
    of the Dag has a new key.

    Airflow's own callbacks (``on_success_callback``, ``on_failure_callback``, ``on_retry_callback``,
    ``on_skipped_callback``) find ``context["rollback"]``:

    * ``deployment_id``: the Deployment as the task names it.
    * ``stage``: ``done``, ``submitted`` (with ``wait_for_completion=False``), ``planned`` (with
      ``plan_only``), ``failed`` or ``skipped``.
    * ``summary``: one paragraph for a chat.
    * ``result``, ``plan`` or ``failure`` (``error``, ``message``, and ``rollback_id`` once it is known).

    That holds after a deferral, a time-out of Airflow and a failed try too, and after a kill in which Airflow
    lets the task's process end by itself. When the process is lost, Airflow runs the callback in the Dag
    processor. There the context is a new one without ``rollback``. It is missing too where a template of the
    task cannot be rendered.

    Templated: ``astro_conn_id``, ``deployment_id``, ``target``, ``scope``, ``description``, ``plan_only``,
    ``acknowledge_airflow_3_to_2``, ``expected_current_deploy_id``, ``airflow_conn_id``, ``add_origin``.

    :param deployment_id: id or release name of the Deployment to roll back.
    :param description: why; required, written to the deploy history.
    :param target: the deploy to go back to: ``previous`` (default), a deploy's id, or a selector such as
        ``tag:2026-11-01``, ``commit:1f2e3d4``, ``runtime:12``, ``airflow:2.11``,
        ``before:2026-11-01T00:00:00+00:00``.
    :param scope: ``image``, ``dags`` or ``image_and_dags``. Default: what the Deployment's Dag deploy
        mechanism carries.
    :param astro_conn_id: Airflow connection to the platform. Default ``astro_private_cloud_default``.
    :param add_origin: write behind the description who asked, the Dag and the run: the user who started the
        run (Airflow 3.1 and later), or else ``asked_by`` of the run's ``conf``. Of an e-mail address only the
        part before the @ is written. Default True.
    :param plan_only: stop at the plan and return it; nothing is changed. Default False.
    :param acknowledge_airflow_3_to_2: accept what is lost when a rollback goes from Airflow 3 to 2. Default
        False.
    :param expected_current_deploy_id: id of the deploy that must be running. With another one running the
        task fails and submits nothing. Default None: not checked.
    :param in_progress_timeout: how long to wait for another deploy of the Deployment to end before the plan
        is made, in seconds or as a timedelta. Default 0: a deploy in progress fails the task, and its retries
        apply.
    :param submission_grace_period: how long a request whose answer was lost may take to show in the deploy
        history, in seconds or as a timedelta. A later try waits that long before it takes the request for
        lost. Default 120.
    :param wait_for_completion: track the rollback to its end; False submits it and ends. Default True.
    :param poll_interval: longest time between two polls of the platform, in seconds or as a timedelta.
        Default 15.
    :param timeout: how long to wait for the end, in seconds or as a timedelta. Default 30 minutes, from
        Airflow 3 to 2 two hours. A rollback cannot be recalled: after the time-out it may still be going on.
    :param deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
    :param airflow_conn_id: Airflow connection to the Airflow of the Deployment. With it, the plan warns of
        the tasks that run and wait there, and from Airflow 3 to 2 of Dag files that only Airflow 3 can read.
        Default None: that Airflow is not read.
    :param guards: guard rails, checked before the rollback is submitted. Default None: not checked.
    :param approval_task_id: id of the task of this Dag that asks a user to approve, an ``ApprovalOperator``.
        Without its answer *Approve* the rollback is not submitted, whatever state that task has. Default
        None: no approval is needed.
    :param stop_after_failures: of a mapped task: once so many others of the same run have failed, begin
        nothing; the task is skipped. Default None.
    :param on_planned_callback: a notifier, a function of the context, or several, called when the plan is
        about to be carried out, or was made with ``plan_only``. They find ``plan`` in
        ``context["rollback"]``. One that fails is logged and changes nothing.
    :param on_submitted_callback: the same, when this try submitted the rollback; with ``result``.
    :raises RollbackRefused: when a rule, a guard rail, a check, a missing approval or acknowledgement
        forbids it; no retry, except for a deploy in progress.
    :raises AccessDenied: when the token is refused or lacks a permission; no retry, unless it has expired.
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
        "add_origin",
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
        astro_conn_id: str = PRIVATE_CLOUD.default_conn_id,
        plan_only: bool | str = False,
        acknowledge_airflow_3_to_2: bool | str = False,
        expected_current_deploy_id: str | None = None,
        in_progress_timeout: float | timedelta = 0.0,
        submission_grace_period: float | timedelta = 120.0,
        wait_for_completion: bool = True,
        poll_interval: float | timedelta = 15.0,
        timeout: float | timedelta | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        airflow_conn_id: str | None = None,
        add_origin: bool | str = True,
        guards: GuardRails | None = None,
        approval_task_id: str | None = None,
        stop_after_failures: int | None = None,
        on_planned_callback: CallbackArgument = None,
        on_submitted_callback: CallbackArgument = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deployment_id = deployment_id
        self.description = description
        self.target = target
        self.scope = scope
        self.astro_conn_id = astro_conn_id
        self.plan_only = plan_only
        self.acknowledge_airflow_3_to_2 = acknowledge_airflow_3_to_2
        self.expected_current_deploy_id = expected_current_deploy_id
        self.in_progress_timeout = seconds(in_progress_timeout, "in_progress_timeout")
        self.submission_grace_period = seconds(
            submission_grace_period, "submission_grace_period", least=_SHORTEST_GRACE_PERIOD
        )
        self.wait_for_completion = flag(wait_for_completion, "wait_for_completion", default=True)
        self.poll_interval = interval(poll_interval)
        self.timeout = None if timeout is None else seconds(timeout, "timeout")
        self.deferrable = flag(deferrable, "deferrable")
        self.airflow_conn_id = airflow_conn_id
        self.add_origin = add_origin
        self.guards = guards
        self.approval_task_id = approval_task_id
        if stop_after_failures is not None:
            count(stop_after_failures, "stop_after_failures")
        self.stop_after_failures = stop_after_failures
        self.on_planned_callback = on_planned_callback
        self.on_submitted_callback = on_submitted_callback
        self._rollback: str | None = None
        self._report: RollbackReport | None = None
        self._metrics: Metrics  # of the try that runs
        self._killed = False

    def pre_execute(self, context: Any) -> None:
        """Fill ``context["rollback"]`` before Airflow can end the task.

        When ``execution_timeout`` runs out during a deferral, Airflow 2 ends the task after this method and
        calls neither ``execute`` nor ``resume_execution``.
        """
        super().pre_execute(context)
        self._start_report(context, resumed=bool(getattr(context["ti"], "next_method", None)))

    def execute(self, context: Context) -> dict[str, Any]:
        """Plan, submit once and wait; return the result, or with ``plan_only`` the plan."""
        from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
        from airflow_rollback_provider.rollback.submit import Submitted, submit_rollback

        report = self._start_report(context)
        with report.failures(self._left_behind), self._metrics.ends(), task_failures():
            request = self.request(context)
            hook = DeployHistoryHook(text(self.astro_conn_id, "astro_conn_id"))
            # Stored before a request can fail: users need the link of a task that failed.
            DeployHistoryLink.store(context, hook.history_url(request.deployment_id))
            try:
                done = submit_rollback(
                    request,
                    hook,
                    self.state_store(context),
                    self.log,
                    guards=self._pre_submit_guards(context),
                    planned=partial(self._planned, report),
                    inspect=self._inspect,
                    killed=lambda: self._killed,
                )
            except RollbackError:
                # The Deployment may have been read by now, and show an address that its id alone does not.
                DeployHistoryLink.store(context, hook.history_url(request.deployment_id))
                raise
            if isinstance(done, Submitted):
                self._metrics.count("resumed" if done.resumed else "submitted")
                return self._wait(context, report, hook, done)
            self._planned(report, done)
            return {**done.to_dict(), "summary": summary.of_plan(done)}

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after a deferral, also where Airflow ends it and calls no method of this class."""
        report = self._start_report(context, resumed=True)
        with report.failures(self._left_behind), self._metrics.ends(), task_failures(after_success=True):
            return super().resume_execution(next_method, next_kwargs, context)

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the result of the rollback that the trigger tracked, or raise its error."""
        from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
        from airflow_rollback_provider.rollback.outcome import Outcome, RollbackStatus
        from airflow_rollback_provider.rollback.poller import Tracking
        from airflow_rollback_provider.rollback.tracking import track

        tracking, outcome = Tracking.from_dict(event["tracking"]), Outcome.from_dict(event["outcome"])
        report = self._start_report(context, resumed=True)
        self._submitted(report, tracking, resumed=True)
        self._metrics.count("polls_failed", event.get("polls_failed", 0))
        if outcome.status is RollbackStatus.DONE and time.time() - event["at"] > tracking.poll_interval:
            # The event waited for a worker: another deploy may have landed since. An outage now does not
            # change what the platform reported before.
            hook = DeployHistoryHook(text(self.astro_conn_id, "astro_conn_id"))
            outcome = self._poll(hook, track(hook, tracking, self.log), once=True) or outcome
        return self._finish(report, tracking, outcome, event["at"])

    def on_kill(self) -> None:
        """Log what a killed task leaves behind. Nothing is cancelled: no platform can recall a rollback.

        The process may run on for some seconds: it submits nothing any more.
        """
        self._killed = True
        moment = "Killed while waiting." if self._rollback else "Killed."
        self.log.warning("%s %s", moment, self._left_behind())
        if self._report is not None and self._report.stage != "failed":
            self._report.failed(TaskStopped("Airflow stopped the task"), self._left_behind())

    def _left_behind(self) -> str:
        if self._rollback is None:
            return (
                "No rollback is known to be submitted. The next try of this task searches the deploy history "
                f"of Deployment {self.deployment_id} for one before it submits."
            )
        return (
            f"{self._rollback} cannot be recalled and may still be going on: look at the Deployment's deploy "
            "history. The next try of this task finds it there and waits for it."
        )

    def _start_report(self, context: Context, *, resumed: bool = False) -> RollbackReport:
        from airflow_rollback_provider.metrics import Metrics

        report = self._report = RollbackReport(context, self.log, str(self.deployment_id))
        self._metrics = Metrics(context, self.log)
        if resumed and self._rollback is None:  # a task defers only after it submitted
            self._rollback = f"The rollback of Deployment {self.deployment_id}"
        report.enter("started", summary=f"Rolling back Deployment {self.deployment_id}.")
        return report

    def request(self, context: Context) -> RollbackRequest:
        """Read the rendered arguments.

        :raises BadInput: when one of them cannot be used.
        """
        from airflow_rollback_provider.domain.selector import DeploySelector
        from airflow_rollback_provider.rollback.submit import RollbackRequest

        ti: Any = context["ti"]
        return RollbackRequest(
            deployment_id=text(self.deployment_id, "deployment_id"),
            description=optional(self.description, "description") or "",
            target=DeploySelector.parse(self.target),
            scope=optional(self.scope, "scope"),
            # Mapped instances differ by their Deployments, not by their places in a list that may change.
            identity=(ti.dag_id, ti.run_id, ti.task_id),
            mapped=getattr(ti, "map_index", -1) >= 0,
            first_try=_first_try(context),
            expected_current_deploy_id=optional(
                self.expected_current_deploy_id, "expected_current_deploy_id"
            ),
            acknowledge_airflow_3_to_2=flag(self.acknowledge_airflow_3_to_2, "acknowledge_airflow_3_to_2"),
            plan_only=flag(self.plan_only, "plan_only"),
            wait_for_completion=self.wait_for_completion,
            in_progress_timeout=self.in_progress_timeout,
            submission_grace_period=self.submission_grace_period,
            origin=_origin(context) if flag(self.add_origin, "add_origin", default=True) else None,
        )

    def state_store(self, context: Context) -> StateStore:
        """Return the store of the pending submission; it outlives a try.

        :param context: the task's context.
        """
        from airflow_rollback_provider.rollback.pending import DESCRIPTION
        from airflow_rollback_provider.state import task_store

        return task_store(context, DESCRIPTION)

    def _pre_submit_guards(self, context: Context) -> PreSubmitGuards:
        from airflow_rollback_provider.rollback.guards import PreSubmitGuards

        def failures() -> int:
            states = states_of(context, self.task_id)
            own = getattr(context["ti"], "map_index", -1)
            return sum(state == "failed" for index, state in states.items() if index != own)

        def answer() -> Any:
            ti: Any = context["ti"]
            return ti.xcom_pull(task_ids=self.approval_task_id)

        return PreSubmitGuards(self.guards, self.stop_after_failures, failures, self.approval_task_id, answer)

    def _inspect(self, plan: RollbackPlan) -> tuple[PlanWarning, ...]:
        """Return what the Deployment's own Airflow adds to a plan.

        An Airflow that does not answer is a warning too: users roll back Deployments that are down.

        :raises BadInput: when the connection cannot be used.
        """
        airflow_conn_id = optional(self.airflow_conn_id, "airflow_conn_id")
        if airflow_conn_id is None:
            return ()
        from airflow_rollback_provider.drain.active_work import not_read, work_warnings
        from airflow_rollback_provider.drain.survey import inspect_work
        from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook

        try:
            with closing(AirflowApiHook(airflow_conn_id)) as hook:
                work = hook.run(inspect_work(hook.api, sources=plan.needs_acknowledgement))
        except BadInput:
            raise
        except RollbackError as error:
            return (not_read(error),)
        return tuple(work_warnings(work, plan))

    def _planned(self, report: RollbackReport, plan: RollbackPlan) -> None:
        self._metrics.count("planned")
        report.enter("planned", self.on_planned_callback, summary=summary.of_plan(plan), plan=plan.to_dict())

    def _submitted(self, report: RollbackReport, tracking: Tracking, *, resumed: bool) -> dict[str, Any]:
        from airflow_rollback_provider.rollback.tracking import result_of

        self._rollback = f"The rollback {tracking.rollback_id} of Deployment {self.deployment_id}"
        result = result_of(tracking, None)
        callbacks = None if resumed else self.on_submitted_callback
        report.enter("submitted", callbacks, summary=result["summary"], result=result)
        return result

    def _wait(
        self, context: Context, report: RollbackReport, hook: DeployHistoryHook, submitted: Submitted
    ) -> dict[str, Any]:
        from airflow_rollback_provider.rollback.tracking import new_tracking, track

        url = hook.history_url(submitted.reading.deployment)
        DeployHistoryLink.store(context, url)
        where = url or f"the deploy history of {submitted.reading.deployment}"
        tracking = new_tracking(
            submitted, timeout=self.timeout, poll_interval=self.poll_interval, where=where
        )
        result = self._submitted(report, tracking, resumed=submitted.resumed)
        if not self.wait_for_completion:
            return result
        wait = track(hook, tracking, self.log)
        # A rollback that has ended already must not be deferred (apache/airflow#46424).
        outcome = self._poll(hook, wait, once=self.deferrable)
        if outcome is None:
            return self._defer(tracking)
        return self._finish(report, tracking, outcome, time.time())

    def _poll(
        self, hook: DeployHistoryHook, wait: Wait[Outcome | None, Outcome], *, once: bool
    ) -> Outcome | None:
        with self._metrics.polls_failed("polls_failed", wait.poller):
            return hook.run(wait.once() if once else wait.until_done())

    def _defer(self, tracking: Tracking) -> dict[str, Any]:
        from airflow_rollback_provider.triggers.rollback import RollbackTrigger

        self.defer(
            trigger=RollbackTrigger(
                astro_conn_id=text(self.astro_conn_id, "astro_conn_id"), tracking=tracking.to_dict()
            ),
            method_name="resume",
            timeout=deferral_timeout(tracking.deadline),
        )

    def _finish(
        self, report: RollbackReport, tracking: Tracking, outcome: Outcome, ended_at: float
    ) -> dict[str, Any]:
        from airflow_rollback_provider.rollback.tracking import result_of

        self.log.info("%s", outcome.message)
        outcome.require_done()
        result = result_of(tracking, outcome)
        self._metrics.count("done")
        if not result["resumed"]:  # it may have ended long before a later try found it
            self._metrics.time("duration", ended_at - (tracking.submitted_at or tracking.started_at))
        report.enter("done", summary=result["summary"], result=result)
        return result


class TaskStopped(Exception):
    """Airflow called ``on_kill``: a kill or a time-out. It names the failure and is never raised."""


def _origin(context: Context) -> Origin:
    """Return who asked and from where; the same for all tries of a run."""
    from airflow_rollback_provider.domain.idempotency import Origin

    ti: Any = context["ti"]
    run = context.get("dag_run")
    conf: Any = getattr(run, "conf", None)
    given = conf.get("asked_by") if isinstance(conf, Mapping) else None
    return Origin.of(ti.dag_id, ti.run_id, getattr(run, "triggering_user_name", None) or given)


def _first_try(context: Context) -> datetime | None:
    """Return a time before which no try of this task instance can have submitted anything.

    A run that is cleared gets a new start, so the earliest of its times counts. One day is subtracted, for
    clocks that disagree.
    """
    run = context.get("dag_run")
    names = ("logical_date", "run_after", "queued_at", "start_date")
    times = [moment for name in names if (moment := getattr(run, name, None)) is not None]
    return min(times) - timedelta(days=1) if times else None
