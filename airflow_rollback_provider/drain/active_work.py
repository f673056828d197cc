# SPDX-License-Identifier: Apache-2.0
"""The active work of a Deployment, and the effects of a rollback on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.compatibility import PlanWarning
from airflow_rollback_provider.domain.deploys import Mechanism
from airflow_rollback_provider.domain.summary import some_of
from airflow_rollback_provider.domain.versions import series_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_rollback_provider.domain.plan import RollbackPlan
    from airflow_rollback_provider.domain.runs import TaskRow

_RUNNING = ("running", "queued", "restarting")
_WAITING = ("deferred", "awaiting_input")
# From Airflow 3.2 on, older schedulers cannot read the stored form of a waiting task (apache/airflow#68317).
_NEW_FORM_SINCE = (3, 2)
_MOST_ROWS = 20


def active_states(airflow: tuple[int, ...]) -> tuple[str, ...]:
    """Return the states of active task instances that this Airflow version supports.

    :param airflow: major and minor version of Airflow.
    """
    waiting = _WAITING if airflow >= (3, 3) else _WAITING[:1]
    return (*_RUNNING, *waiting, "scheduled")


@dataclass(frozen=True)
class ActiveWork:
    """The active work of a Deployment at one moment.

    :param airflow: the Airflow version, as the Deployment reports it.
    :param running: task instances that run or are about to run.
    :param waiting: task instances that wait without a process: deferred, waiting for a user's input, or woken
        up and not running again yet. Airflow stores the data that they need to continue.
    :param files_of_airflow_3: Dag files that only Airflow 3 can import, each with the module that it imports;
        None if the files were not read.
    :param files_not_read: number of Dag files that were not read.
    """

    airflow: str
    running: tuple[TaskRow, ...] = ()
    waiting: tuple[TaskRow, ...] = ()
    files_of_airflow_3: tuple[tuple[str, str], ...] | None = None
    files_not_read: int = 0

    @property
    def drained(self) -> bool:
        """Whether no task runs or waits."""
        return not self.running and not self.waiting

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values: the numbers of tasks, and some of the tasks by name."""
        return {
            "airflow": self.airflow,
            "running": len(self.running),
            "waiting": len(self.waiting),
            "tasks": [_named(task) for task in (*self.waiting, *self.running)[:_MOST_ROWS]],
        }

    def __str__(self) -> str:
        if self.drained:
            return "No task runs or waits."
        parts = ("task(s) run", self.running), ("task(s) wait", self.waiting)
        return f"{' and '.join(f'{len(tasks)} {what} ({_dags(tasks)})' for what, tasks in parts if tasks)}."


def sort_tasks(tasks: Sequence[TaskRow]) -> tuple[tuple[TaskRow, ...], tuple[TaskRow, ...]]:
    """Split task instances into those that run and those that wait; the rest have not started."""
    running = tuple(task for task in tasks if task.state in _RUNNING)
    # A scheduled task instance that has started before was woken up or is retried.
    waiting = tuple(
        task
        for task in tasks
        if task.state in _WAITING or (task.state == "scheduled" and task.started_at is not None)
    )
    return running, waiting


def work_warnings(work: ActiveWork, plan: RollbackPlan) -> Iterator[PlanWarning]:
    """Yield the effects of a rollback on the active work."""
    downgrade = plan.downgrade is not False
    if work.running and downgrade:
        message = f"{len(work.running)} task(s) run now and would fail: {_dags(work.running)}."
        yield PlanWarning("TASKS-RUN-NOW", message, severe=True)
    if work.waiting and downgrade:
        yield _of_waiting(work, plan)
    yield from _of_files(work, plan)


def not_read(error: Exception) -> PlanWarning:
    """Return the warning that the active work is not known."""
    return PlanWarning("WORK-NOT-READ", f"The active work of the Deployment could not be read: {error}")


def _of_waiting(work: ActiveWork, plan: RollbackPlan) -> PlanWarning:
    what = f"{len(work.waiting)} task(s) are deferred or wait for a user: {_dags(work.waiting)}."
    target = plan.target.versions.airflow_series
    if series_of(work.airflow) >= _NEW_FORM_SINCE and (target is None or target < _NEW_FORM_SINCE):
        return PlanWarning(
            "DEFERRED-TASKS-STOP-THE-SCHEDULER",
            f"{what} An older scheduler stops at its start when it reads what Airflow {work.airflow} "
            "stores of them (KeyError '__var', apache/airflow#68317). Let them end first.",
            severe=True,
        )
    return PlanWarning("DEFERRED-TASKS", f"{what} The older Airflow must take them over.")


def _of_files(work: ActiveWork, plan: RollbackPlan) -> Iterator[PlanWarning]:
    if not plan.needs_acknowledgement or work.files_of_airflow_3 is None:
        return
    # Dags that are part of the image are rolled back with it.
    kept = "dags" not in plan.scope.parts and plan.deployment.mechanism is not Mechanism.IMAGE
    if work.files_of_airflow_3:
        names = some_of([f"{file} ({module})" for file, module in work.files_of_airflow_3])
        remedy = "They stay: the Dags are not rolled back." if kept else "The Dags are rolled back too."
        yield PlanWarning(
            "DAG-FILES-OF-AIRFLOW-3",
            f"{len(work.files_of_airflow_3)} Dag file(s) import what Airflow 2 lacks: {names}. {remedy}",
            severe=kept,
        )
    if work.files_not_read:
        yield PlanWarning(
            "DAG-FILES-NOT-READ",
            f"{work.files_not_read} Dag file(s) were not checked for Airflow 3's imports.",
        )


def _named(task: TaskRow) -> dict[str, Any]:
    return {"dag_id": task.dag_id, "run_id": task.run_id, "task_id": task.task_id, "state": task.state}


def _dags(tasks: Sequence[TaskRow]) -> str:
    counts = Counter(task.dag_id for task in tasks)
    return some_of([f"{dag_id} ({count})" if count > 1 else dag_id for dag_id, count in counts.most_common()])
