# SPDX-License-Identifier: Apache-2.0
"""Looking into a Deployment before it is rolled back, and quietening it, through its Airflow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import DeploymentNotDrained, PermissionMissing
from airflow_rollback_provider.drain.active_work import ActiveWork, sort_tasks, states_to_ask_for
from airflow_rollback_provider.drain.dag_source import needs_airflow_3
from airflow_rollback_provider.drain.drain import DrainRequest, PausedDags, Steps, next_steps

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow_rollback_provider.airflow_api.client import AirflowApi
    from airflow_rollback_provider.domain.runs import DagRow
    from airflow_rollback_provider.http.messages import Flow

_MOST_FILES = 200

TaskKey = tuple[str, str, str]
"""A task instance, however it is mapped: its Dag, run and task."""


def read_active_work(api: AirflowApi, own: TaskKey | None = None) -> Flow[ActiveWork]:
    """Read what goes on.

    :param own: the task that asks, which does not count where it runs in the same Airflow.
    """
    version = yield from api.version()
    tasks = yield from api.tasks(states_to_ask_for(version.airflow_series))
    others = [task for task in tasks if (task.dag_id, task.run_id, task.task_id) != own]
    running, waiting = sort_tasks(others)
    return ActiveWork(version.airflow, running, waiting)


def read_files_of_airflow_3(api: AirflowApi) -> Flow[tuple[tuple[tuple[str, str], ...], int]]:
    """Read the Dag files, as far as that is allowed.

    :return: the files that Airflow 3 alone can read with what they import, and how many were not read.
    """
    dags = yield from api.dags()
    # One Dag of each file will do.
    files = {dag.file: dag.dag_id for dag in dags if not dag.stale}
    found: list[tuple[str, str]] = []
    for number, (file, dag_id) in enumerate(sorted(files.items())):
        if number == _MOST_FILES:
            return tuple(found), len(files) - _MOST_FILES
        try:
            source = yield from api.source(dag_id)
        except PermissionMissing:  # whoever may not read one may read none
            return tuple(found), len(files) - number
        if (module := needs_airflow_3(source)) is not None:
            found.append((file, module))
    return tuple(found), 0


def inspect_work(api: AirflowApi, *, sources: bool) -> Flow[ActiveWork]:
    """Read what goes on, and the Dag files too.

    :param sources: whether to read the Dag files, which takes a request for each.
    """
    work = yield from read_active_work(api)
    if not sources:
        return work
    found, left = yield from read_files_of_airflow_3(api)
    return replace(work, files_of_airflow_3=found, files_not_read=left)


def pause_idle_dags(
    api: AirflowApi, request: DrainRequest, paused_dags: PausedDags | None
) -> Flow[tuple[ActiveWork, Steps]]:
    """Look once, and pause what can be paused by now.

    :param request: the Dags that may be paused, and the task that asks.
    :param paused_dags: what is remembered a moment before.
    :return: what goes on, and what was done.
    :raises DeploymentNotDrained: as :func:`still_ours`.
    """
    ours = yield from still_ours(api, request, paused_dags)
    work = yield from read_active_work(api, request.own)
    dags = (yield from api.dags()) if ours else ()
    steps = next_steps(dags, work, ours)
    for dag_id in steps.unpause:
        yield from api.set_paused(dag_id, False)
    for dag_id in steps.pause:
        yield from api.set_paused(dag_id, True)
    return work, steps


def pausable(api: AirflowApi, spared: Collection[str]) -> Flow[tuple[str, ...]]:
    """Read which Dags Airflow starts runs of by itself.

    :param spared: Dags that are to run on.
    """
    dags = yield from api.dags()
    return tuple(dag.dag_id for dag in dags if _starts_by_itself(dag) and dag.dag_id not in spared)


def pause_all(api: AirflowApi, request: DrainRequest, paused_dags: PausedDags | None) -> Flow[None]:
    """Pause Dags at once, whatever goes on in them.

    :raises DeploymentNotDrained: as :func:`still_ours`.
    """
    ours = yield from still_ours(api, request, paused_dags)
    dags = (yield from api.dags()) if ours else ()
    for dag in dags:
        if dag.dag_id in ours and not dag.paused:
            yield from api.set_paused(dag.dag_id, True)


def still_ours(
    api: AirflowApi, request: DrainRequest, paused_dags: PausedDags | None
) -> Flow[tuple[str, ...]]:
    """Read which Dags of an order may still be paused: those that are remembered for its run.

    A run that holds none any more may have paused some just now, too late for whoever let them run again.
    So those run again that nobody else holds.

    :param paused_dags: what is remembered now.
    :raises DeploymentNotDrained: when the run holds none any more.
    """
    if request.may_pause(paused_dags):
        return tuple(
            dag_id for dag_id in request.ours if paused_dags is not None and dag_id in paused_dags.dags
        )
    kept = paused_dags.dags if paused_dags is not None and not paused_dags.restoring else ()
    yield from restore(api, [dag_id for dag_id in request.ours if dag_id not in kept])
    now = f"{paused_dags} has taken them over" if kept else "they were let run again meanwhile"
    raise DeploymentNotDrained(
        f"The Dags of the Airflow at {api.address} are not this run's to pause any more: {now}. Nothing more "
        "is paused. Clear this task to prepare the Deployment anew."
    )


def restore(api: AirflowApi, ours: Iterable[str]) -> Flow[tuple[list[str], list[str]]]:
    """Let Dags run again that were paused.

    :param ours: the Dags.
    :return: those that were paused and run again, and those that are gone.
    """
    paused = {dag.dag_id: dag.paused for dag in (yield from api.dags())}
    restored = [dag_id for dag_id in ours if paused.get(dag_id)]
    for dag_id in restored:
        yield from api.set_paused(dag_id, False)
    return restored, [dag_id for dag_id in ours if dag_id not in paused]


def _starts_by_itself(dag: DagRow) -> bool:
    return dag.scheduled and not dag.paused and not dag.stale
