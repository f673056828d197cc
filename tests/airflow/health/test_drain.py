# SPDX-License-Identifier: Apache-2.0
"""A real Airflow is brought to rest and let run again, whatever happens in between."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import psutil
import pytest

from airflow_rollback_provider.drain.drain import PausedDags, paused_key
from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook
from airflow_rollback_provider.operators.drain import DrainDeploymentOperator, ResumeDeploymentOperator
from airflow_rollback_provider.operators.rollback import RollbackOperator
from airflow_rollback_provider.sandbox.process import SandboxProcess
from demo.airflow_settings import airflow_major
from tests.airflow.health.observed import ObservedAirflow
from tests.support.paused import DictPaused, remembering
from tests.support.task_run import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SCHEDULED = {f"dag_{number}" for number in range(6)}


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> DictPaused:
    """The paused Dags that this process has stored; the Dags of the observed Airflow use its Variables."""
    return remembering(monkeypatch)


@pytest.fixture
def hook() -> AirflowApiHook:
    """A way to the observed Airflow."""
    return AirflowApiHook()


@pytest.fixture
def working(observed: ObservedAirflow, hook: AirflowApiHook) -> None:
    """All Dags can be read and run, whatever the tests before this one left."""
    observed.deploy("working.py")
    observed.until(lambda: not observed.metadata.import_errors(), "the Dags to be read")
    observed.until(lambda: observed.metadata.has_dag("remedy_killed"), "the remedies to be read")
    observed.until(
        lambda: {x.dag_id for x in hook.run(hook.api.dags()) if not x.stale} >= SCHEDULED, "the Dags"
    )


@pytest.fixture
def busy(observed: ObservedAirflow, hook: AirflowApiHook, working: None) -> Iterator[str]:
    """A run of the busy Dag: one task runs, one waits in the triggerer."""
    gates = observed.home / "gates"
    gates.mkdir(exist_ok=True)
    for gate in gates.iterdir():
        gate.unlink()
    before = _runs(observed)
    if before:  # a scheduled Dag that runs once a year is started by hand the second time
        observed.command("dags", "trigger", "busy")
    hook.run(hook.api.set_paused("busy", False))
    observed.until(lambda: _runs(observed) > before, "the busy run to begin")
    run_id = _runs(observed)[-1]
    observed.wait_for_task("busy", run_id, "wait", {"deferred"}, 180)
    observed.wait_for_task("busy", run_id, "run", {"running"}, 180)
    yield run_id
    for name in ("run", "wait"):
        (gates / name).touch()
    hook.run(hook.api.set_paused("busy", False))
    observed.wait_for_run("busy", run_id, 180)
    hook.run(hook.api.set_paused("busy", True))


def _runs(observed: ObservedAirflow) -> list[str]:
    rows = observed.metadata._rows("SELECT run_id FROM dag_run WHERE dag_id = 'busy' ORDER BY id")
    return [row[0] for row in rows]


def paused_dags(observed: ObservedAirflow) -> set[str]:
    """The Dags that are paused now."""
    return {row[0] for row in observed.metadata._rows("SELECT dag_id FROM dag WHERE is_paused")}


def test_coming_to_rest(observed: ObservedAirflow, busy: str, paused: DictPaused) -> None:
    """Dags are paused at once but for the one with a deferred task, which runs on until that has ended."""
    task = DrainDeploymentOperator(task_id="prepare", timeout=300, poll_interval=0.5, deferrable=True)
    at_rest = Event()
    # Airflow 2 runs operators in the main thread alone, so the observer has another.
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(_open_the_gates, observed, busy, at_rest)
        result = run(task)
        at_rest.set()
        opening.result()
    assert result["drained"], result
    assert (result["running"], result["waiting"], result["paused_count"]) == (0, 0, 7)
    assert paused_dags(observed) == {*SCHEDULED, "busy"}
    assert observed.metadata.tasks("busy", busy)[0].state == "success"
    assert set(run(ResumeDeploymentOperator(task_id="restore"))["resumed"]) == {*SCHEDULED, "busy"}
    assert paused_dags(observed) == set()


def _open_the_gates(observed: ObservedAirflow, run_id: str, at_rest: Event) -> None:
    """Let the busy run end step by step, and return which Dags are paused meanwhile."""
    gates = observed.home / "gates"
    try:
        observed.until(lambda: paused_dags(observed) >= SCHEDULED, "the Dags to be paused")
        assert paused_dags(observed) == SCHEDULED
        (gates / "run").touch()
        observed.wait_for_task("busy", run_id, "run", {"success"}, 180)
        assert not at_rest.is_set()
        assert "busy" not in paused_dags(observed)
    finally:
        (gates / "run").touch()
        (gates / "wait").touch()


def test_the_plan_says_it(
    observed: ObservedAirflow, busy: str, rollback_sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan has running and waiting work of the real Airflow, and the files that Airflow 2 cannot read."""
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", rollback_sandbox.connection_json())
    runs = "13.2.0" if airflow_major() < 3 else "3.3-2"
    deploys = [
        {"age": 7200, "runtime": "13.1.0", "tag": "old"},
        {"age": 3600, "runtime": runs, "tag": "new"},
    ]
    deployment = rollback_sandbox.add_deployment("busy", runtime=runs, deploys=deploys)
    plan = run(
        RollbackOperator(
            task_id="plan",
            deployment_id=deployment["id"],
            description="Wrong totals",
            airflow_conn_id="airflow_api_default",
            plan_only=True,
        )
    )
    said = {warning["code"]: warning for warning in plan["warnings"]}
    assert said["TASKS-RUN-NOW"]["severe"]
    assert "busy" in said["TASKS-RUN-NOW"]["message"]
    if airflow_major() < 3:
        assert "busy" in said["DEFERRED-TASKS"]["message"]
        return
    assert said["DEFERRED-TASKS-STOP-THE-SCHEDULER"]["severe"]
    assert "busy" in said["DEFERRED-TASKS-STOP-THE-SCHEDULER"]["message"]
    assert "1 Dag file(s)" in said["DAG-FILES-OF-AIRFLOW-3"]["message"]
    assert "modern.py (airflow.sdk)" in said["DAG-FILES-OF-AIRFLOW-3"]["message"]
    assert "DAG-FILES-NOT-READ" not in said


def test_a_rollback_that_fails(observed: ObservedAirflow, working: None) -> None:
    """The Dags run again, and the run of the Dag fails all the same."""
    run_id = observed.trigger("remedy_fails")
    assert observed.wait_for_run("remedy_fails", run_id, 240) == "failed"
    states = {task.task_id: task.state for task in observed.metadata.tasks("remedy_fails", run_id)}
    assert states == {"prepare": "success", "roll_back": "failed", "restore": "failed"}
    assert set(observed.xcom("remedy_fails", run_id, "prepare")["paused"]) == SCHEDULED
    assert set(observed.xcom("remedy_fails", run_id, "restore")["resumed"]) == SCHEDULED
    assert paused_dags(observed) <= {"busy"}
    assert _variables(observed) == []


def test_a_run_that_ended_without_restoring(observed: ObservedAirflow, working: None) -> None:
    """The next preparation goes on with what it paused, and its restore lets that run again."""
    first = observed.trigger("remedy_forgets")
    assert observed.wait_for_run("remedy_forgets", first, 240) == "success"
    assert paused_dags(observed) >= SCHEDULED
    second = observed.trigger("remedy_fails")
    observed.wait_for_run("remedy_fails", second, 240)
    assert set(observed.xcom("remedy_fails", second, "prepare")["paused"]) >= SCHEDULED
    assert paused_dags(observed) <= {"busy"}
    assert _variables(observed) == []


def test_the_example(observed: ObservedAirflow, rollback_sandbox: SandboxProcess, working: None) -> None:
    """The Dag drains the Deployment, rolls it back to the deploy of the plan, and resumes it."""
    before = rollback_sandbox.deployment("image-af3")["deploys"]
    deployment = rollback_sandbox.deployment("image-af3", rows=0)["id"]
    run_id = observed.trigger("example_quiet_downgrade", deployment_id=deployment, description="Wrong totals")
    paused: set[str] = set()
    state = observed.wait_for_run(
        "example_quiet_downgrade", run_id, 240, lambda: paused.update(paused_dags(observed))
    )
    assert state == "success", observed.story("example_quiet_downgrade", run_id)
    assert paused >= SCHEDULED
    assert not paused_dags(observed) & SCHEDULED
    assert len(rollback_sandbox.deployment("image-af3")["deploys"]) == len(before) + 1
    assert observed.xcom("example_quiet_downgrade", run_id, "roll_back")["status"] == "done"


def test_a_preparation_that_is_killed(observed: ObservedAirflow, busy: str) -> None:
    """A Variable has the paused Dags, from which its run resumes them; another run is refused meanwhile."""
    run_id = observed.trigger("remedy_killed")
    observed.until(lambda: paused_dags(observed) >= SCHEDULED, "the Dags to be paused")
    (kept,) = _variables(observed)
    written = PausedDags.from_dict(json.loads(kept))
    assert (written.run, set(written.dags)) == (("remedy_killed", run_id), {*SCHEDULED, "busy"})
    other = observed.trigger("remedy_fails")
    assert observed.wait_for_run("remedy_fails", other, 240) == "failed"
    states = {task.task_id: task.state for task in observed.metadata.tasks("remedy_fails", other)}
    assert states == {"prepare": "failed", "roll_back": "upstream_failed", "restore": "failed"}
    assert observed.xcom("remedy_fails", other, "restore")["count"] == 0
    assert paused_dags(observed) >= SCHEDULED
    victims = _processes_of(observed, run_id)
    assert victims
    for process in victims:
        process.kill()
    assert observed.wait_for_run("remedy_killed", run_id, 300) == "failed"
    states = {task.task_id: task.state for task in observed.metadata.tasks("remedy_killed", run_id)}
    assert states == {"prepare": "failed", "roll_back": "upstream_failed", "restore": "failed"}
    assert paused_dags(observed) == set()
    assert _variables(observed) == []


def _variables(observed: ObservedAirflow) -> list[str]:
    """The stored Variables; Airflow's own command line decrypts them."""
    name = paused_key("airflow_api_default")
    if not observed.metadata._rows("SELECT 1 FROM variable WHERE key = ?", name):
        return []
    return observed.command("variables", "get", name).strip().splitlines()[-1:]


def _processes_of(observed: ObservedAirflow, run_id: str) -> list[psutil.Process]:
    """Airflow 2 names the run in the title of a task's process, Airflow 3 the task instance."""
    name = run_id
    if airflow_major() >= 3:
        query = "SELECT id FROM task_instance WHERE run_id = ? AND state = 'running'"
        name = str(uuid.UUID(observed.metadata._rows(query, run_id)[0][0]))
    return [x for x in observed.task_processes() if name in " ".join(x.cmdline())]
