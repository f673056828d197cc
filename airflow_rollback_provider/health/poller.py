# SPDX-License-Identifier: Apache-2.0
"""Waiting for a verdict: what is read, when to read again, what an outage means, when to stop."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import AccessDenied, BadInput, PlatformError, RollbackError
from airflow_rollback_provider.domain.jsonable import JsonDataclass
from airflow_rollback_provider.domain.poller import Connector, Poller, Wait
from airflow_rollback_provider.domain.runs import last_starts
from airflow_rollback_provider.health.case import HealthCase  # noqa: TC001 - decode() reads it
from airflow_rollback_provider.health.evaluate import Observation, evaluate, without_evidence
from airflow_rollback_provider.health.evidence import Evidence, count_before
from airflow_rollback_provider.health.verdict import Evaluation, Health

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.airflow_api.client import AirflowApi
    from airflow_rollback_provider.domain.log import Log
    from airflow_rollback_provider.domain.runs import DagRun, ImportProblem, TaskRow
    from airflow_rollback_provider.health.rule import HealthRule
    from airflow_rollback_provider.http.messages import Flow

# Airflow commits an update some time after the moment that it notes for it.
_LATEST_COMMIT = timedelta(minutes=2)


class Observer:
    """Polls and evaluates one deploy. A poll reads only runs that began, ended or changed since the last."""

    _api: AirflowApi

    def __init__(self, case: HealthCase) -> None:
        self._case = case
        self._evidence: Evidence | None = None
        self._updated_since: datetime | None = None
        self._last_runs: dict[str, datetime] = {}  # of each Dag before the deploy
        # Failed run with the time of its end → the tasks that failed in it.
        self._causes: dict[tuple[str, str, datetime | None], tuple[TaskRow, ...]] = {}

    def poll(self, api: AirflowApi, now: datetime) -> Flow[Evaluation]:
        """Read the data once and evaluate it.

        :param api: client of the Deployment's Airflow.
        """
        self._api = api
        if self._evidence is None:
            self._evidence = yield from self._read_baseline()
        yield from self._read_runs(self._evidence)
        observation = yield from self._observe(now)
        return evaluate(self._evidence, observation)

    def _read_baseline(self) -> Flow[Evidence]:
        period = self._case.before
        runs, since = yield from self._api.latest_runs(period.begin, period.end)
        runs = yield from self._with_causes(runs)
        self._last_runs = last_starts(run for run in runs if period.has(run.started_at))
        return Evidence(self._case, count_before(self._case, runs, since))

    def _read_runs(self, evidence: Evidence) -> Flow[None]:
        since = self._case.since
        runs = yield from self._api.runs(since.begin, since.end, updated_since=self._updated_since)
        evidence.add((yield from self._with_causes(runs)))
        times = [moment for run in runs for moment in (run.started_at, run.ended_at) if moment is not None]
        if times:  # by the clock of that Airflow
            self._updated_since = max(times) - _LATEST_COMMIT

    def _observe(self, now: datetime) -> Flow[Observation]:
        if self._case.superseded_at is not None:  # another deploy causes the present state
            return Observation(now)
        problems = yield from self._import_errors()
        components = yield from self._api.components()
        return Observation(now, problems, components)

    def _with_causes(self, runs: tuple[DagRun, ...]) -> Flow[tuple[DagRun, ...]]:
        """Return the runs, with what the failed tasks show about their failure."""
        rule = self._case.rule
        unclear = [
            run
            for run in runs
            if run.failed and run.run_type in rule.run_types and _key(run) not in self._causes
        ]
        tasks = yield from self._api.failed_tasks(unclear)
        by_run: defaultdict[tuple[str, str], list[TaskRow]] = defaultdict(list)
        for task in tasks:
            by_run[task.dag_id, task.run_id].append(task)
        for run in unclear:
            self._causes[_key(run)] = tuple(by_run[run.dag_id, run.run_id])
        return tuple(_with_cause(run, self._causes.get(_key(run), ()), rule) for run in runs)

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


def _with_cause(run: DagRun, failed: tuple[TaskRow, ...], rule: HealthRule) -> DagRun:
    waiting = rule.waiting_operators
    if not failed or not all(task.state == "upstream_failed" or task.operator in waiting for task in failed):
        return run
    waited_for = {task.waits_for for task in failed if task.operator in waiting}
    return replace(run, upstream=True, waited_for=tuple(sorted(waited_for - {""})))


@dataclass(frozen=True)
class HealthCheck(JsonDataclass):
    """The health check of a deploy, in JSON-ready values; without a token.

    :param deadline: when to stop at the latest, in seconds since the epoch.
    :param poll_interval: time between two polls, in seconds.
    """

    case: HealthCase
    deadline: float
    poll_interval: float


class HealthPoller(Poller[Evaluation, Evaluation]):
    """Decides after each poll whether there is a verdict.

    :param health_check: what is evaluated, and until when.
    :param waits: whether to wait for a verdict; otherwise the first poll decides.
    """

    least_delay = 0.1

    def __init__(self, health_check: HealthCheck, rng: Callable[[], float], *, waits: bool = True) -> None:
        interval = health_check.poll_interval
        super().__init__(health_check.deadline, interval, rng, first=interval)
        self._case = health_check.case
        self._waits = waits
        self._suspected = False

    def evaluate(self, result: Evaluation, now: float) -> Evaluation | None:
        if not self._waits or now >= self.deadline:
            return result
        if result.verdict is Health.REGRESSED:
            return self._confirmed(result)
        self._suspected = False
        return None if any(reason.code == "TOO-EARLY" for reason in result.reasons) else result

    def on_error(self, error: RollbackError, now: float) -> Evaluation | None:
        """Take the error of a poll. An API that does not answer is no failure of the Deployment.

        :raises BadInput: the error itself when the connection or an argument cannot be used.
        """
        outcome = super().on_error(error, now)
        curable = self._waits and (error.retryable or isinstance(error, AccessDenied))
        return outcome if outcome is not None or curable else self.give_up(error, now)

    def next_delay(self, now: float) -> float:
        """Return the time until the next poll, in seconds: one poll is at the end of the horizon."""
        end = self._case.since.end.timestamp()
        pause = super().next_delay(now)
        return max(self.least_delay, min(pause, end - now if end > now else pause))

    def time_out(self, now: float) -> Evaluation:
        """Return the evaluation where the deadline passed during an outage."""
        assert self.last_error is not None  # noqa: S101 - evaluate() ends every other wait
        return self._without_evidence(self.last_error, now)

    def give_up(self, error: RollbackError, now: float) -> Evaluation:
        if isinstance(error, BadInput) or not isinstance(error, (PlatformError, AccessDenied)):
            raise error
        return self._without_evidence(error, now)

    def _without_evidence(self, error: RollbackError, now: float) -> Evaluation:
        moment = datetime.fromtimestamp(now, timezone.utc)
        message = f"What happened since the deploy could not be read: {error}"
        return without_evidence(self._case, "API-ERROR", message, moment)

    def _confirmed(self, evaluation: Evaluation) -> Evaluation | None:
        """Runs are counted for good; a state at one moment is read once more."""
        if self._suspected or any(reason.code == "RUNS-FAIL" for reason in evaluation.reasons):
            return evaluation
        self._suspected = True
        return None


def check_health(
    hook: Connector[AirflowApi], health_check: HealthCheck, log: Log, *, waits: bool = True
) -> Wait[Evaluation, Evaluation]:
    """Return the wait for a verdict, which polls the Airflow of a Deployment.

    :param hook: the hook for the REST API of that Airflow.
    :param health_check: what is evaluated, and until when.
    :param waits: whether to wait for a verdict; otherwise the first poll decides.
    """
    observer = Observer(health_check.case)
    return Wait(
        HealthPoller(health_check, random.random, waits=waits),  # noqa: S311 - spreads load
        lambda: observer.poll(hook.get_conn(), datetime.now(timezone.utc)),
        clock=time.time,
        report=lambda error: log.warning("Could not read the state of the Deployment: %s", error),
        reconnect=hook.reconnect,
    )
