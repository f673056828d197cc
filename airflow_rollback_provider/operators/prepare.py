# SPDX-License-Identifier: Apache-2.0
"""The operators that bring a Deployment to rest before a downgrade, and let it run again afterwards."""

from __future__ import annotations

import random
import time
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseOperator, conf
from airflow_rollback_provider.domain.arguments import names
from airflow_rollback_provider.domain.errors import DeployInProgress, DeploymentNotAtRest, RollbackError
from airflow_rollback_provider.domain.poll_backoff import Pace
from airflow_rollback_provider.domain.summary import paragraph
from airflow_rollback_provider.drain.draining import Drain, DrainOrder, Held, Rest, paused_key
from airflow_rollback_provider.drain.paused_dags import PausedDags, is_of_others, run_of
from airflow_rollback_provider.drain.survey import (
    pausable,
    pause_all,
    quieten,
    read_work,
    restore,
    still_ours,
)
from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook
from airflow_rollback_provider.hooks.failures import task_failures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_rollback_provider.compat import Context

# The framework's own time-out of a deferral bypasses this operator: the trigger's deadline has to come first.
_DEFERRAL_MARGIN = timedelta(minutes=5)
_MOST_NAMES = 20
# Longer than it takes another task to write what it remembers, or to end the request that it is sending.
_MOMENT = 5.0

Restored = tuple[list[str], list[str]]
"""Dags that run again, and those that are gone."""


class PrepareDeploymentOperator(BaseOperator):
    """Bring a Deployment to rest before it is downgraded, so that nothing is lost and nothing stops it.

    A downgrade fails the tasks that run. What Airflow 3.2 and later keep of deferred tasks stops an older
    scheduler. So Airflow's own schedule is paused, Dag by Dag, and the task waits until nothing runs and
    nothing waits. A Dag with a deferred task runs on until that has ended: in a paused Dag it never would.

    Put :class:`RestoreDeploymentOperator` at the end of the Dag: it lets exactly those Dags run again that
    this task paused, also when a task in between was killed.

    Run it from another Deployment than the one that it prepares.

    Templated: ``airflow_conn_id``, ``keep_running``.

    :param airflow_conn_id: Airflow connection to the Airflow of the Deployment.
    :param pause: pause the Dags that Airflow starts by itself. False only waits. Default True.
    :param keep_running: Dags that are not paused.
    :param timeout: how long to wait for the Deployment to come to rest, in seconds or as a timedelta; 0 does
        not wait: whatever is going on goes on. Default 30 minutes.
    :param must_rest: let the task fail when the time is up, with all Dags running again. False goes on.
        Default True.
    :param poll_interval: longest time between two looks, in seconds. Default 15.
    :param deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
    :raises DeploymentNotAtRest: when the time is up, or the Dags were let run again meanwhile; the task's
        retries apply.
    :raises DeployInProgress: when another run has Dags of this Airflow paused; the task's retries apply.
    :raises BadInput: when an argument or the connection cannot be used; no retry.
    :raises AccessDenied: when Airflow refuses the login or lets it not pause Dags; no retry.
    :raises PlatformError: when Airflow does not answer; the task's retries apply.
    :raises StateUnavailable: when this Airflow cannot keep which Dags are paused; the task's retries apply.
    """

    template_fields: Sequence[str] = ("airflow_conn_id", "keep_running")
    ui_color = "#e3ddf0"

    def __init__(
        self,
        *,
        airflow_conn_id: str = AirflowApiHook.default_conn_name,
        pause: bool = True,
        keep_running: Sequence[str] | str = (),
        timeout: float | timedelta = timedelta(minutes=30),
        must_rest: bool = True,
        poll_interval: float = 15.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.airflow_conn_id = airflow_conn_id
        self.pause = pause
        self.keep_running = keep_running
        self.timeout = timeout
        self.must_rest = must_rest
        self.poll_interval = poll_interval
        self.deferrable = deferrable

    def execute(self, context: Context) -> dict[str, Any]:
        """Pause and wait; return what was paused and what was going on."""
        with task_failures(), closing(AirflowApiHook(self.airflow_conn_id)) as hook:
            order = self._order(context, hook)
            if not _seconds(self.timeout):
                return self._without_waiting(hook, order)
            drain = Drain(order, random.random)  # noqa: S311 - spreads load, hides nothing
            rest = self._look(hook, order, drain) if self.deferrable else self._wait(hook, order, drain)
            return self._finish(hook, order, rest) if rest is not None else self._defer(order)

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Take over from the triggerer."""
        with task_failures(), closing(AirflowApiHook(self.airflow_conn_id)) as hook:
            return self._finish(hook, DrainOrder.from_dict(event["order"]), Rest(**event["rest"]))

    def on_kill(self) -> None:
        """Say what a killed task leaves behind."""
        self.log.warning(
            "Killed while Dags may be paused. Which ones is remembered: the next try of this task goes on "
            "with them, and RestoreDeploymentOperator lets them run again."
        )

    def _paused(self) -> PausedDags:
        return PausedDags(self.airflow_conn_id)

    def _order(self, context: Context, hook: AirflowApiHook) -> DrainOrder:
        ti = context["ti"]
        return DrainOrder(
            ours=self._to_pause(context, hook) if self.pause else (),
            own=(ti.dag_id, ti.run_id, ti.task_id),
            deadline=time.time() + _seconds(self.timeout),
            poll_interval=self.poll_interval,
        )

    def _to_pause(self, context: Context, hook: AirflowApiHook) -> tuple[str, ...]:
        """Choose the Dags and remember them, before any of them is paused."""
        # This very Dag must run on, or nothing would ever be restored where it is in the same Airflow.
        spared = {context["ti"].dag_id, *(names(self.keep_running, "keep_running") or ())}
        held = self._claim(context)
        found = hook.run(pausable(hook.api, spared))
        self._must_hold(held)
        held = replace(held, dags=tuple(dict.fromkeys((*held.dags, *found))))
        self._paused().set(held)
        ours = tuple(dag_id for dag_id in held.dags if dag_id not in spared)
        self.log.info("Pausing %d Dag(s): %s", len(ours), ", ".join(ours) or "none")
        return ours

    def _claim(self, context: Context) -> Held:
        """Have this Airflow to this run alone, with what earlier tries and runs left paused in it."""
        earlier = self._held()
        if earlier is not None and is_of_others(earlier, context):
            raise DeployInProgress(_in_use(self.airflow_conn_id, earlier))
        held = Held(run_of(context), earlier.dags if earlier is not None else ())
        self._paused().set(held)
        if earlier is None or earlier.run != held.run:
            # Whoever found it free at the same time has written as well by then; the last one has it.
            time.sleep(_MOMENT)
            self._must_hold(held)
        return held

    def _must_hold(self, held: Held) -> None:
        if (now := self._held()) != held:
            raise DeployInProgress(_in_use(self.airflow_conn_id, now))

    def _held(self) -> Held | None:
        return self._paused().get()

    def _without_waiting(self, hook: AirflowApiHook, order: DrainOrder) -> dict[str, Any]:
        self._pause_all(hook, order)
        work = hook.run(read_work(hook.api, order.own))
        self.log.info("%s", work)
        return _result(order.ours, Rest(work.drained, str(work), work.to_dict()))

    def _wait(self, hook: AirflowApiHook, order: DrainOrder, drain: Drain) -> Rest:
        while True:
            rest = self._look(hook, order, drain)
            if rest is not None:
                return rest
            time.sleep(drain.delay(time.time()))

    def _look(self, hook: AirflowApiHook, order: DrainOrder, drain: Drain) -> Rest | None:
        try:
            work, steps = hook.run(quieten(hook.api, order, self._held()))
        except RollbackError as error:
            self.log.warning("Could not look at the Deployment: %s", error)
            return drain.failed(error, time.time())
        self.log.info("%s", work)
        return drain.saw(work, steps, time.time())

    def _defer(self, order: DrainOrder) -> dict[str, Any]:
        from airflow_rollback_provider.triggers.prepare import RestTrigger

        remaining = timedelta(seconds=max(0.0, order.deadline - time.time()))
        self.defer(
            trigger=RestTrigger(self.airflow_conn_id, order.to_dict()),
            method_name="resume",
            timeout=remaining + _DEFERRAL_MARGIN,
        )

    def _finish(self, hook: AirflowApiHook, order: DrainOrder, rest: Rest) -> dict[str, Any]:
        self.log.info("%s", rest.message)
        if not rest.drained and self.must_rest:
            self._give_up(hook, order)
            raise DeploymentNotAtRest(f"{rest.message} What was paused runs again as before.")
        self._pause_all(hook, order)  # those with a task that waits were running on
        return _result(order.ours, rest)

    def _give_up(self, hook: AirflowApiHook, order: DrainOrder) -> None:
        held = self._held()
        hook.run(still_ours(hook.api, order, held))
        if self.pause and held is not None and held.run == order.own[:2]:
            _let_run(self._paused(), held, lambda: hook.run(restore(hook.api, held.dags)))

    def _pause_all(self, hook: AirflowApiHook, order: DrainOrder) -> None:
        hook.run(pause_all(hook.api, order, self._held()))
        hook.run(still_ours(hook.api, order, self._held()))  # nobody let them run again meanwhile


class RestoreDeploymentOperator(BaseOperator):
    """Let the Dags of a Deployment run again that :class:`PrepareDeploymentOperator` paused, and no others.

    It is a teardown: it runs whatever became of the tasks before it, and the run of the Dag ends as they did.
    Its own failure does not fail the run: give it an ``on_failure_callback``. After a rollback it waits until
    Airflow answers again. Dags that are gone are named and left alone.

    Templated: ``airflow_conn_id``.

    :param airflow_conn_id: Airflow connection to the Airflow of the Deployment, as for the preparation.
    :param timeout: how long to wait for Airflow to answer, in seconds or as a timedelta. Default 30 minutes.
    :param poll_interval: longest time between two tries, in seconds. Default 15.
    :raises PlatformError: when Airflow does not answer in time; the task's retries apply. What was paused
        stays remembered.
    """

    template_fields: Sequence[str] = ("airflow_conn_id",)
    ui_color = "#e3ddf0"

    def __init__(
        self,
        *,
        airflow_conn_id: str = AirflowApiHook.default_conn_name,
        timeout: float | timedelta = timedelta(minutes=30),
        poll_interval: float = 15.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.airflow_conn_id = airflow_conn_id
        self.timeout = timeout
        self.poll_interval = poll_interval
        # Without a setup of its own, so that it runs even if the preparation was killed half-way. Were its
        # own failure to count for the run (on_failure_fail_dagrun), its success would hide the rollback's.
        self.as_teardown()

    def execute(self, context: Context) -> dict[str, Any]:
        """Let the Dags run again; return which they are."""
        paused = self._paused()
        held = paused.get()
        if held is None or is_of_others(held, context):
            self.log.info("No Dag was paused by this run.%s", f" {held} has some paused." if held else "")
            return {"restored": [], "gone": [], "count": 0}
        with task_failures(), closing(AirflowApiHook(self.airflow_conn_id)) as hook:
            restored, gone = _let_run(paused, held, lambda: self._restore(hook, held.dags))
        self.log.info("%d Dag(s) run again: %s", len(restored), ", ".join(restored) or "none")
        if gone:
            self.log.warning("%d Dag(s) that were paused are gone: %s", len(gone), ", ".join(gone))
        return {"restored": restored[:_MOST_NAMES], "gone": gone[:_MOST_NAMES], "count": len(restored)}

    def _paused(self) -> PausedDags:
        return PausedDags(self.airflow_conn_id)

    def _restore(self, hook: AirflowApiHook, ours: tuple[str, ...]) -> Restored:
        deadline = time.monotonic() + _seconds(self.timeout)
        pace = Pace(self.poll_interval, random.random)  # noqa: S311 - spreads load, hides nothing
        while True:
            try:
                return hook.run(restore(hook.api, ours))
            except RollbackError as error:
                if not pace.failed(error) or time.monotonic() >= deadline:
                    raise
                self.log.warning("Could not let the Dags run again yet: %s", error)
            time.sleep(max(0.0, min(pace.delay(), deadline - time.monotonic())))


def _let_run(paused: PausedDags, held: Held, look: Callable[[], Restored]) -> Restored:
    """Let Dags run again, and then remember them no more.

    A preparation that was not told to stop yet may be pausing at this very moment. It stops at its next look,
    for that is told in what is remembered; what it paused until then is found by a second look here.

    :param look: lets those of the Dags run again that are paused.
    """
    ending = replace(held, restoring=True)
    paused.set(ending)
    restored, gone = look() if held.dags else ([], [])
    if held.dags:
        time.sleep(_MOMENT)
        late, gone = look()
        restored = list(dict.fromkeys([*restored, *late]))
    if paused.get() == ending:  # another run may have taken them over
        paused.delete()
    return restored, gone


def _in_use(airflow: str, held: Held | None) -> str:
    who = f"{held}, which has not ended" if held is not None else "a task that restored at the same time"
    return (
        f"The Airflow of the connection {airflow!r} is being prepared for a rollback by {who}. Nothing was "
        "paused. Wait until that run has ended, or mark it as failed: its RestoreDeploymentOperator lets the "
        "Dags run again, and where it has none the next preparation goes on with them. Which they are is in "
        f"the Variable {paused_key(airflow)}."
    )


def _result(ours: tuple[str, ...], rest: Rest) -> dict[str, Any]:
    return {
        "at_rest": rest.drained,
        "paused": list(ours[:_MOST_NAMES]),
        "paused_count": len(ours),
        **(rest.work or {}),
        "summary": paragraph(rest.message),
    }


def _seconds(timeout: float | timedelta) -> float:
    return timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
