# SPDX-License-Identifier: Apache-2.0
"""Reads the data of an evaluated Deployment from its Airflow: one flow for tasks and the triggerer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.runs import last_starts
from airflow_rollback_provider.health.evaluate import Observation, count_before, evaluate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_rollback_provider.airflow_api.client import AirflowApi
    from airflow_rollback_provider.domain.runs import DagRun, ImportProblem, Tally, TaskRow
    from airflow_rollback_provider.health.case import HealthCase
    from airflow_rollback_provider.health.rule import HealthRule
    from airflow_rollback_provider.health.verdict import Evaluation
    from airflow_rollback_provider.http.messages import Flow


class Observer:
    """Polls and evaluates one deploy. Data that cannot change any more is read once.

    :param api: client of the Deployment's Airflow.
    :param case: the deploy to evaluate.
    """

    def __init__(self, api: AirflowApi, case: HealthCase) -> None:
        self._api = api
        self._case = case
        self._before: Tally | None = None
        self._last_runs: dict[str, datetime] = {}  # of each Dag before the deploy
        # Failed run with the time of its end → whether only tasks before its own caused the failure.
        self._causes: dict[tuple[str, str, datetime | None], bool] = {}

    def poll(self, now: datetime) -> Flow[Evaluation]:
        """Read the data once and evaluate it.

        :param now: the time.
        """
        if self._before is None:
            period = self._case.before
            runs = yield from self._runs(period.begin, period.end)
            self._before = count_before(self._case, runs)
            self._last_runs = last_starts(run for run in runs if period.has(run.started_at))
        observation = yield from self._observe(now)
        return evaluate(self._case, self._before, observation)

    def _observe(self, now: datetime) -> Flow[Observation]:
        runs = yield from self._runs(self._case.landed_at, min(now, self._case.windows[-1].end))
        if self._case.superseded_at is not None:  # another deploy causes the present state
            return Observation(now, runs)
        problems = yield from self._import_errors()
        components = yield from self._api.components()
        return Observation(now, runs, problems, components)

    def _runs(self, since: datetime, until: datetime) -> Flow[tuple[DagRun, ...]]:
        runs = yield from self._api.runs(since, until)
        rule = self._case.rule
        unclear = [
            run for run in runs if run.failed and run.run_type in rule.run_types and not self._known(run)
        ]
        tasks = yield from self._api.failed_tasks(unclear)
        self._causes.update(zip(map(_key, unclear), _upstream(unclear, tasks, rule), strict=True))
        return tuple(replace(run, upstream=self._causes.get(_key(run), False)) for run in runs)

    def _known(self, run: DagRun) -> bool:
        return _key(run) in self._causes

    def _import_errors(self) -> Flow[tuple[ImportProblem, ...]]:
        problems = yield from self._api.import_errors()
        if not problems or self._case.known_import_errors is not None:
            return problems
        files: dict[str, datetime] = {}
        for dag in (yield from self._api.dags()):
            last_run = self._last_runs.get(dag.dag_id)
            if last_run is not None:
                files[dag.file] = max(last_run, files.get(dag.file, last_run))
        return tuple(replace(problem, last_run=files.get(problem.file)) for problem in problems)


def _key(run: DagRun) -> tuple[str, str, datetime | None]:
    return run.dag_id, run.run_id, run.ended_at


def _upstream(runs: Iterable[DagRun], tasks: Iterable[TaskRow], rule: HealthRule) -> list[bool]:
    """Return for each failed run whether only tasks that wait for another Dag failed in it."""
    by_run: defaultdict[tuple[str, str], list[TaskRow]] = defaultdict(list)
    for task in tasks:
        by_run[task.dag_id, task.run_id].append(task)
    return [
        bool(failed) and all(_only_waited(task, rule) for task in failed)
        for failed in (by_run[run.dag_id, run.run_id] for run in runs)
    ]


def _only_waited(task: TaskRow, rule: HealthRule) -> bool:
    return task.state == "upstream_failed" or task.operator in rule.waiting_operators
