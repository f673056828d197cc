# SPDX-License-Identifier: Apache-2.0
"""A real Airflow is observed: healthy as it is, regressed after a deploy that breaks Dags."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_rollback_provider.health.rule import HealthRule
from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook
from airflow_rollback_provider.operators.deploy_health import DeployHealthOperator
from demo.airflow_settings import airflow_major
from tests.airflow.health.observed import ObservedAirflow, wait_for_runs
from tests.support.task_run import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
WORKING = [f"dag_{number}" for number in range(2, 6)]
BROKEN = ["dag_0", "dag_1"]
ALL = BROKEN + WORKING


@dataclass(frozen=True)
class HealthResult:
    """The result of the health check of a deploy.

    :param since: when it had landed.
    :param result: what the operator returned.
    """

    since: datetime
    result: dict[str, Any]


def evaluate(since: datetime, seconds: float, **kwargs: Any) -> dict[str, Any]:
    """Evaluate what has happened in some seconds since a time."""
    rule = HealthRule(
        outage_tolerance=timedelta(0), horizon=timedelta(seconds=seconds), baseline=timedelta(hours=1)
    )
    return run(DeployHealthOperator(task_id="evaluate", **{"since": since, "rule": rule, **kwargs}))


@pytest.fixture(scope="module")
def before(observed: ObservedAirflow) -> datetime:
    """Let the Dags work for a while; return when that was enough to compare with."""
    start = datetime.now(timezone.utc) - timedelta(hours=1)
    observed.until(
        lambda: all(observed.runs(dag, "success", start) >= 6 for dag in ALL), "runs before the deploy"
    )
    return datetime.now(timezone.utc)


@pytest.fixture(scope="module")
def harmless(observed: ObservedAirflow, before: datetime) -> HealthResult:
    """A deploy that changes nothing."""

    def enough(begin: datetime, end: datetime) -> bool:
        return sum(observed.runs(dag, "success", begin, end) for dag in ALL) >= 10

    seconds = 2 * wait_for_runs(observed, before, enough)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", observed.connection())
        return HealthResult(before, evaluate(before, seconds))


@pytest.fixture(scope="module")
def harmful(observed: ObservedAirflow, harmless: HealthResult) -> HealthResult:
    """A deploy that breaks two Dags of six."""
    began = observed.deploy("broken.py")
    observed.until(lambda: all(observed.runs(dag, "failed", began) for dag in BROKEN), "the deploy to land")
    since = datetime.now(timezone.utc)

    def enough(begin: datetime, end: datetime) -> bool:
        failed = all(observed.runs(dag, "failed", begin, end) >= 3 for dag in BROKEN)
        return failed and all(observed.runs(dag, "success", begin, end) >= 2 for dag in WORKING)

    seconds = 2 * wait_for_runs(observed, since, enough)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", observed.connection())
        return HealthResult(
            since, evaluate(since, seconds, baseline_until=began, critical_dags=["dag_1", "dag_5"])
        )


def test_a_deploy_that_changes_nothing(harmless: HealthResult) -> None:
    """It is healthy, and the evidence has the components."""
    assert harmless.result["verdict"] == "healthy", harmless.result
    assert harmless.result["dags"] == []
    assert harmless.result["components"]["scheduler"] == "healthy"
    assert harmless.result["import_errors"] == []


def test_a_deploy_that_breaks_dags(harmful: HealthResult) -> None:
    """It is a regression twice over: by the runs, and by the one of the critical Dags that is broken."""
    assert harmful.result["verdict"] == "regressed", harmful.result
    assert [reason["code"] for reason in harmful.result["reasons"]] == ["RUNS-FAIL", "CRITICAL-DAG-FAILS"]
    assert {dag["dag_id"] for dag in harmful.result["dags"] if dag["broken"]} == set(BROKEN)
    assert {dag["dag_id"] for dag in harmful.result["dags"]} == {*BROKEN, "dag_5"}


def test_a_manual_run_does_not_count(observed: ObservedAirflow, harmful: HealthResult) -> None:
    """A run that a user starts is no evidence, and the result names it as left out."""
    began = datetime.now(timezone.utc)
    observed.command("dags", "trigger", "dag_3")
    query = "SELECT 1 FROM dag_run WHERE run_type = 'manual' AND state = 'success'"
    observed.until(lambda: observed.metadata._rows(query), "the manual run to end")
    assert evaluate(began, 3600, wait_for_completion=False)["left_out"]["manual"] == 1


@pytest.mark.parametrize("version", [None, "v1" if airflow_major() < 3 else "v2"])
def test_what_failed(observed: ObservedAirflow, harmful: HealthResult, version: str | None) -> None:
    """The result has the operators of the failed tasks, and distinguishes the tasks after them."""
    hook = AirflowApiHook(connection=_connection(observed, api_version=version))
    now = datetime.now(timezone.utc)
    runs = [x for x in hook.run(hook.api.runs(harmful.since, now)) if x.failed][:60]
    tasks = hook.run(hook.api.failed_tasks(runs))
    assert {(x.task_id, x.state) for x in tasks} == {("work", "failed"), ("after", "upstream_failed")}
    assert {x.operator for x in tasks if x.task_id == "work"} == {"PythonOperator"}
    assert len({(x.dag_id, x.run_id) for x in tasks}) == len(runs)


def test_an_import_error(observed: ObservedAirflow, harmful: HealthResult) -> None:
    """A file that can no longer be read is a regression at once; deferred, the triggerer says the same."""
    began = observed.deploy("unreadable.py")
    observed.until(observed.metadata.import_errors, "the import error to show")
    for deferrable in (False, True):
        result = evaluate(
            datetime.now(timezone.utc),
            20,  # import errors count after half of it
            baseline_until=began,
            poll_interval=0.2,
            deferrable=deferrable,
        )
        assert (result["verdict"], result["reasons"][0]["code"]) == ("regressed", "NEW-IMPORT-ERRORS"), result
        assert "a_module_that_nobody_installed" in result["import_errors"][0]["error"]
        assert result["import_errors"][0]["file"].endswith("working.py")


def test_the_connection_test(observed: ObservedAirflow) -> None:
    """The form's button says which Airflow answers, and what is wrong with a password."""
    works, words = AirflowApiHook(connection=_connection(observed)).test_connection()
    assert works
    assert f"REST API {'v1' if airflow_major() < 3 else 'v2'}" in words
    works, words = AirflowApiHook(connection=_connection(observed, "wrong")).test_connection()
    assert not works
    assert "HTTP 403" in words if airflow_major() < 3 else "HTTP 401" in words


async def test_a_token(observed: ObservedAirflow) -> None:
    """A token as password works as well, over the triggerer's transport."""
    if airflow_major() < 3:
        pytest.skip("Airflow 2 hands out no tokens by itself")
    hook = AirflowApiHook(connection=_connection(observed))
    await asyncio.to_thread(hook.run, hook.api.check())
    token = hook.api._api._session
    assert token is not None
    bearer = _connection(observed, token.reveal())
    bearer.login = None
    async with AirflowApiHook(connection=bearer) as other:
        assert (await other.async_run(other.api.version())).api == "v2"
        assert await other.async_run(other.api.components())


def _connection(observed: ObservedAirflow, password: str | None = None, **extra: Any) -> Any:
    import json
    from types import SimpleNamespace

    values = json.loads(observed.connection(**{name: value for name, value in extra.items() if value}))
    return SimpleNamespace(
        conn_id="observed",
        conn_type="http",
        schema=None,
        port=None,
        **{**values, "password": password or values["password"]},
    )
