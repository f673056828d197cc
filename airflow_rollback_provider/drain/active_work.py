# SPDX-License-Identifier: Apache-2.0
"""What goes on in a Deployment, and what a rollback would do to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.compatibility import PlanWarning
from airflow_rollback_provider.domain.deploys import Mechanism

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_rollback_provider.domain.plan import RollbackPlan
    from airflow_rollback_provider.domain.runs import TaskRow

_RUNNING = ("running", "queued", "restarting")
_WAITING = ("deferred", "awaiting_input")
# Since then a waiting task is stored in a form that older schedulers cannot read (apache/airflow#68317).
_NEW_FORM_SINCE = (3, 2)
_MOST_NAMES = 5
_MOST_ROWS = 20


def states_to_ask_for(airflow: tuple[int, ...]) -> tuple[str, ...]:
    """Return the states of task instances that matter, as far as that Airflow knows them.

    :param airflow: its major and minor version.
    """
    waiting = _WAITING if airflow >= (3, 3) else _WAITING[:1]
    return (*_RUNNING, *waiting, "scheduled")


@dataclass(frozen=True)
class ActiveWork:
    """What goes on in a Deployment at one moment.

    :param airflow: the version that it runs, in its own words.
    :param running: task instances that run or are about to.
    :param waiting: task instances that wait outside a process: deferred, for a person's answer, or woken from
        that and not run again yet. Airflow keeps what they need to go on.
    :param files_of_airflow_3: Dag files that Airflow 3 alone can read → the module that they import; None
        when nobody looked.
    :param files_not_read: Dag files that were not looked at.
    """

    airflow: str
    running: tuple[TaskRow, ...] = ()
    waiting: tuple[TaskRow, ...] = ()
    files_of_airflow_3: tuple[tuple[str, str], ...] | None = None
    files_not_read: int = 0

    @property
    def drained(self) -> bool:
        """Whether nothing goes on."""
        return not self.running and not self.waiting

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values: how many, and some of them by name."""
        return {
            "airflow": self.airflow,
            "running": len(self.running),
            "waiting": len(self.waiting),
            "tasks": [_named(task) for task in (*self.waiting, *self.running)[:_MOST_ROWS]],
        }

    def __str__(self) -> str:
        if self.drained:
            return "No task runs or waits."
        told = [f"{len(tasks)} {what} ({_dags(tasks)})" for what, tasks in self._parts() if tasks]
        return f"{' and '.join(told)}."

    def _parts(self) -> tuple[tuple[str, tuple[TaskRow, ...]], ...]:
        return ("task(s) run", self.running), ("task(s) wait", self.waiting)


def sort_tasks(tasks: Sequence[TaskRow]) -> tuple[tuple[TaskRow, ...], tuple[TaskRow, ...]]:
    """Split task instances into those that run and those that wait; the rest has not begun."""
    running = tuple(task for task in tasks if task.state in _RUNNING)
    # One that is scheduled and has begun before was woken, or is tried again.
    waiting = tuple(
        task
        for task in tasks
        if task.state in _WAITING or (task.state == "scheduled" and task.started_at is not None)
    )
    return running, waiting


def work_warnings(work: ActiveWork, plan: RollbackPlan) -> Iterator[PlanWarning]:
    """List what a rollback would do to the work that goes on.

    :param work: what goes on.
    :param plan: the rollback.
    """
    downgrade = plan.downgrade is not False
    if work.running and downgrade:
        message = f"{len(work.running)} task(s) run now and would fail: {_dags(work.running)}."
        yield PlanWarning("TASKS-RUN-NOW", message, severe=True)
    if work.waiting and downgrade:
        yield _of_waiting(work, plan)
    yield from _of_files(work, plan)


def not_read(error: Exception) -> PlanWarning:
    """Warn that nobody knows what goes on."""
    return PlanWarning("WORK-NOT-READ", f"What goes on in the Deployment could not be read: {error}")


def _of_waiting(work: ActiveWork, plan: RollbackPlan) -> PlanWarning:
    what = f"{len(work.waiting)} task(s) wait deferred or for a person: {_dags(work.waiting)}."
    target = plan.target.versions.airflow_series
    if _series(work.airflow) >= _NEW_FORM_SINCE and (target is None or target < _NEW_FORM_SINCE):
        return PlanWarning(
            "DEFERRED-TASKS-STOP-THE-SCHEDULER",
            f"{what} What Airflow {work.airflow} keeps of them stops an older scheduler when it starts "
            "(KeyError '__var', apache/airflow#68317). Let them end first.",
            severe=True,
        )
    return PlanWarning("DEFERRED-TASKS", f"{what} The older Airflow has to take them over.")


def _of_files(work: ActiveWork, plan: RollbackPlan) -> Iterator[PlanWarning]:
    if not plan.needs_acknowledgement or work.files_of_airflow_3 is None:
        return
    # Where Dags are part of the image they go back with it.
    kept = "dags" not in plan.scope.parts and plan.deployment.mechanism is not Mechanism.IMAGE
    if work.files_of_airflow_3:
        names = _names([f"{file} ({module})" for file, module in work.files_of_airflow_3])
        remedy = "They stay, since the Dags are not rolled back." if kept else "The Dags are rolled back too."
        yield PlanWarning(
            "DAG-FILES-OF-AIRFLOW-3",
            f"{len(work.files_of_airflow_3)} Dag file(s) import what Airflow 2 lacks: {names}. {remedy}",
            severe=kept,
        )
    if work.files_not_read:
        yield PlanWarning(
            "DAG-FILES-NOT-READ",
            f"{work.files_not_read} Dag file(s) were not looked at for Airflow 3's imports.",
        )


def _series(airflow: str) -> tuple[int, ...]:
    return tuple(int(part) for part in airflow.split(".")[:2] if part.isdigit())


def _named(task: TaskRow) -> dict[str, Any]:
    return {"dag_id": task.dag_id, "run_id": task.run_id, "task_id": task.task_id, "state": task.state}


def _dags(tasks: Sequence[TaskRow]) -> str:
    counts = Counter(task.dag_id for task in tasks)
    return _names([f"{dag_id} ({count})" if count > 1 else dag_id for dag_id, count in counts.most_common()])


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
