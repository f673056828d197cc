# SPDX-License-Identifier: Apache-2.0
"""Reads the active work of a Deployment, and pauses and resumes its Dags, through its Airflow's API."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import DeploymentNotDrained, PermissionMissing
from airflow_rollback_provider.drain.active_work import ActiveWork, active_states, sort_tasks
from airflow_rollback_provider.drain.drain import DrainRequest, PausedDags, Steps, next_steps

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from airflow_rollback_provider.airflow_api.client import AirflowApi
    from airflow_rollback_provider.http.messages import Flow

_MOST_FILES = 200
# Modules that Airflow 2 lacks. Providers are left out: they may be installed on either.
_ONLY_IN_AIRFLOW_3 = (
    "airflow.sdk",
    "airflow.assets",
    "airflow.api_fastapi",
    "airflow.dag_processing.bundles",
)
# The code in these does not run at import, or only under a condition.
_NOT_FOR_SURE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.If, ast.Try)

TaskKey = tuple[str, str, str]
"""Dag, run and task of a task instance, without its map index."""


def read_active_work(api: AirflowApi, own: TaskKey | None = None) -> Flow[ActiveWork]:
    """Read the active work.

    :param own: the calling task, which does not count if it runs in the same Airflow.
    """
    version = yield from api.version()
    tasks = yield from api.tasks(active_states(version.airflow_series))
    others = [task for task in tasks if (task.dag_id, task.run_id, task.task_id) != own]
    running, waiting = sort_tasks(others)
    return ActiveWork(version.airflow, running, waiting)


def read_files_of_airflow_3(api: AirflowApi) -> Flow[tuple[tuple[tuple[str, str], ...], int]]:
    """Read the Dag files, as far as the user may.

    :return: the files that only Airflow 3 can import, each with the module that it imports, and the number of
        files that were not read.
    """
    dags = yield from api.dags()
    # One Dag of each file is enough.
    files = {dag.file: dag.dag_id for dag in dags if not dag.stale}
    found: list[tuple[str, str]] = []
    for number, (file, dag_id) in enumerate(sorted(files.items())):
        if number == _MOST_FILES:
            return tuple(found), len(files) - _MOST_FILES
        try:
            source = yield from api.source(dag_id)
        except PermissionMissing:  # a user who may not read one file may read none
            return tuple(found), len(files) - number
        if (module := needs_airflow_3(source)) is not None:
            found.append((file, module))
    return tuple(found), 0


def inspect_work(api: AirflowApi, *, sources: bool) -> Flow[ActiveWork]:
    """Read the active work, and the Dag files too if required.

    :param sources: whether to read the Dag files, which takes one request for each.
    """
    work = yield from read_active_work(api)
    if not sources:
        return work
    found, left = yield from read_files_of_airflow_3(api)
    return replace(work, files_of_airflow_3=found, files_not_read=left)


def pause_idle_dags(
    api: AirflowApi, request: DrainRequest, paused_dags: PausedDags | None
) -> Flow[tuple[ActiveWork, Steps]]:
    """Read the active work once, and pause each Dag that can be paused now.

    :param request: the Dags that may be paused, and the calling task.
    :param paused_dags: the stored paused Dags, read just before.
    :return: the active work, and the Dags that were paused and unpaused.
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
    """Read the Dags that Airflow schedules itself.

    :param spared: Dags that must keep running.
    """
    dags = yield from api.dags()
    scheduled = [dag.dag_id for dag in dags if dag.scheduled and not dag.paused and not dag.stale]
    return tuple(dag_id for dag_id in scheduled if dag_id not in spared)


def pause_all(api: AirflowApi, request: DrainRequest, paused_dags: PausedDags | None) -> Flow[None]:
    """Pause Dags at once, with or without active work in them.

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
    """Return the Dags that a request may still pause: those that are stored for its run.

    If the store no longer belongs to the run, the run may have paused Dags after another task resumed them.
    So this function resumes the Dags of the request that no other run has stored.

    :param paused_dags: the stored paused Dags.
    :raises DeploymentNotDrained: when the store no longer belongs to the run.
    """
    if request.may_pause(paused_dags):
        return tuple(
            dag_id for dag_id in request.ours if paused_dags is not None and dag_id in paused_dags.dags
        )
    kept = paused_dags.dags if paused_dags is not None and not paused_dags.resuming else ()
    yield from resume_dags(api, [dag_id for dag_id in request.ours if dag_id not in kept])
    now = f"{paused_dags} has taken them over" if kept else "they were resumed meanwhile"
    raise DeploymentNotDrained(
        f"This run may no longer pause the Dags of the Airflow at {api.address}: {now}. It pauses no more "
        "Dags. Clear this task to drain the Deployment again."
    )


def resume_dags(api: AirflowApi, ours: Iterable[str]) -> Flow[tuple[list[str], list[str]]]:
    """Resume paused Dags.

    :return: the Dags that were resumed, and those that no longer exist.
    """
    paused = {dag.dag_id: dag.paused for dag in (yield from api.dags())}
    resumed = [dag_id for dag_id in ours if paused.get(dag_id)]
    for dag_id in resumed:
        yield from api.set_paused(dag_id, False)
    return resumed, [dag_id for dag_id in ours if dag_id not in paused]


def needs_airflow_3(source: str) -> str | None:
    """Return a module that the file certainly imports and that Airflow 2 lacks; None if there is none.

    Imports inside ``try``, behind a condition and inside a function do not count, because Airflow 2 may still
    import the file. A file that cannot be parsed returns None too.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return next((name for name in _imports(tree) if _is_new(name)), None)


def _imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            yield child.module
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif not isinstance(child, _NOT_FOR_SURE):
            yield from _imports(child)


def _is_new(name: str) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in _ONLY_IN_AIRFLOW_3)
