# SPDX-License-Identifier: Apache-2.0
"""Every example Dag, run by a whole Airflow against the embedded platform."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_rollback_provider.domain.idempotency import key_in, make_idempotency_key
from airflow_rollback_provider.sandbox.process import SandboxProcess
from demo.airflow_home import ThrowAwayAirflow
from demo.airflow_settings import airflow_major
from tests.airflow.crash.waiting import SECONDS, until
from tests.support.fake_airflow import FakeAirflow, serving
from tests.support.health import DAGS, add_history
from tests.support.kube import Kube, kubernetes
from tests.support.pods import pod, workload
from tests.support.receivers import StatsdReceiver, statsd_receiver

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    # The API server of the tests signed its certificate itself.
    pytest.mark.filterwarnings("ignore:Unverified HTTPS request"),
]

EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"
CALLBACKS = Path(__file__).parent / "dags" / "callbacks.py"
SECONDS_TO_START = 300.0
DAY = 86_400
WATCHED = "watched"
# What an example says for real life, and what a test has time for.
CONSTANTS = {
    "example_watch_and_roll_back.py": {
        r"POLL_INTERVAL = 60.0": "POLL_INTERVAL = 1.0",
        r"RULE = HealthRule\(\)": (
            "RULE = HealthRule(outage_tolerance=timedelta(0), horizon=timedelta(seconds=20))"
        ),
        r'    freezes=\["fri 18:00 - mon 06:00 Europe/Berlin"\],\n': "",
    },
    "example_roll_back_and_verify.py": {
        r"MIN_READY_SECONDS = 30.0": "MIN_READY_SECONDS = 3.0",
        r"RULE = HealthRule\(\)": (
            "RULE = HealthRule(outage_tolerance=timedelta(0), horizon=timedelta(seconds=6))"
        ),
    },
}


@dataclass(frozen=True)
class Stage:
    """Where the examples run.

    :param airflow: the Airflow that runs them.
    :param sandbox: the platform.
    :param observed: the Airflow of the Deployments that are observed.
    :param statsd: the server that receives the metrics.
    """

    airflow: ThrowAwayAirflow
    sandbox: SandboxProcess
    observed: FakeAirflow
    statsd: StatsdReceiver

    def rollbacks(self, key: str) -> list[dict[str, Any]]:
        """The rollbacks in a Deployment's history, newest first."""
        return [row for row in self.sandbox.deployment(key)["deploys"] if row["rollbackFromId"] is not None]

    def run(self, dag_id: str, **conf: Any) -> tuple[str, str]:
        """Run a Dag to its end; return the run's id and state."""
        run_id = self.airflow.trigger_dag(dag_id, {"description": "Wrong totals", **conf})
        return run_id, self.airflow.wait_for_run(dag_id, run_id, SECONDS)

    def states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """The states of a run's tasks."""
        return {task.task_id: task.state for task in self.airflow.metadata.tasks(dag_id, run_id)}

    def log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Everything that a task wrote."""
        return "\n".join(line.message for line in self.airflow.task_log(dag_id, run_id, task_id))

    def reported(self, run_id: str, task_id: str) -> bool:
        """Return whether a callback of the Dag ``callbacks`` wrote what it found."""
        return "FOUND" in self.log("callbacks", run_id, task_id)

    def query(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        """Query Airflow's database."""
        uri = f"{(self.airflow.home / 'airflow.db').as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as database:
            return database.execute(sql, values).fetchall()


@pytest.fixture(scope="module")
def observed() -> Iterator[FakeAirflow]:
    """The REST API of an Airflow whose Dags have run well so far."""
    with serving(FakeAirflow(version="3.3.2")) as airflow:
        yield airflow


@pytest.fixture(scope="module")
def stage(observed: FakeAirflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An Airflow with all examples, their times shortened, and a Deployment to watch."""
    folder = tmp_path_factory.mktemp("examples")
    dags = [shortened(file, folder) for file in [*sorted(EXAMPLES.glob("*.py")), CALLBACKS]]
    with SandboxProcess() as sandbox, statsd_receiver() as statsd:
        sandbox.settings(rollback_seconds=1, cross_major_seconds=1)
        history = [{"age": age * DAY, "tag": tag} for age, tag in ((30, "good"), (20, "better"))]
        watched = sandbox.add_deployment(WATCHED, deploys=history)
        environment = {
            "AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT": sandbox.connection_json(),
            "AIRFLOW_CONN_AIRFLOW_API_DEFAULT": observed.connection(),
            "AIRFLOW_CONN_KUBERNETES_DEFAULT": Kube(str(folder / "kubeconfig.yaml")).connection(),
            "EXAMPLE_DEPLOYMENT": watched["id"],
            # The next triggerer takes over after ten seconds instead of thirty.
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
            **statsd.settings(statsd_influxdb_enabled="True"),
        }
        airflow = ThrowAwayAirflow(dags, environment)
        airflow.start(SECONDS_TO_START)
        try:
            yield Stage(airflow, sandbox, observed, statsd)
        finally:
            airflow.stop()


def shortened(file: Path, folder: Path) -> Path:
    """Copy an example with the constants that a test has time for."""
    text = file.read_text(encoding="utf-8")
    for pattern, replacement in CONSTANTS.get(file.name, {}).items():
        text, number = re.subn(pattern, replacement, text)
        assert number == 1, f"{file.name} has no {pattern}"
    copy = folder / file.name
    copy.write_text(text, encoding="utf-8")
    return copy


def test_all_examples_parse(stage: Stage) -> None:
    """Airflow has no import error to report, and no warning makes one."""
    until(lambda: stage.airflow.metadata.has_dag("example_watch_and_roll_back"), "the examples to be parsed")
    assert stage.airflow.metadata.import_errors() == ""


def test_watch_and_roll_back(stage: Stage) -> None:
    """A deploy lands, its Deployment can no longer read a Dag file, and the deploy is undone; once.

    On Airflow 3 a user approves, who reads the evidence and the plan.
    """
    dag_id = "example_watch_and_roll_back"
    until(lambda: stage.airflow.metadata.has_dag(dag_id), "the Dag to be parsed")
    stage.airflow.command("dags", "unpause", dag_id)
    if airflow_major() < 3:
        begun = "SELECT 1 FROM task_instance WHERE dag_id = ? AND state = 'deferred'"
        until(lambda: stage.query(begun, dag_id), "the sensor to wait")
    else:
        until(lambda: read_cursor(stage), "the watcher")
    add_history(stage.observed, datetime.now(timezone.utc), hours_after=0)
    bad = stage.sandbox.land_deploy(WATCHED, tag="bad")
    stage.observed.add_import_error(f"{DAGS[0]}.py")

    if airflow_major() >= 3:
        query = (
            "SELECT run_id FROM task_instance WHERE task_id = 'approve' AND dag_id = ? AND state IN (?, ?)"
        )
        waiting = partial(stage.query, query, dag_id, "deferred", "awaiting_input")
        until(waiting, "the approval to wait", lambda: failure_report(stage, dag_id))
        assert stage.rollbacks(WATCHED) == []
        shown = answer(stage, dag_id, waiting()[0][0], "Approve")
        assert "cannot be imported since the deploy" in shown["body"]
        assert "bad → better" in shown["body"]
    until(lambda: stage.rollbacks(WATCHED), "the rollback", lambda: failure_report(stage, dag_id))
    ended = "SELECT run_id FROM dag_run WHERE dag_id = ? AND state IN ('success', 'failed')"
    until(lambda: stage.query(ended, dag_id), "the run to end", lambda: failure_report(stage, dag_id))
    ((run_id,),) = stage.query(ended, dag_id)
    assert set(stage.states(dag_id, run_id).values()) == {"success"}
    evaluation = stage.airflow.xcom(dag_id, run_id, "evaluate")
    assert (evaluation["verdict"], evaluation["deploy_id"]) == ("regressed", bad["id"])
    (rollback,) = stage.rollbacks(WATCHED)
    rows = {row["imageTag"]: row["id"] for row in stage.sandbox.deployment(WATCHED)["deploys"][1:]}
    assert rollback["rollbackFromId"] == rows["better"]
    assert "Rolled back the image" in stage.log(dag_id, run_id, "roll_back")
    counted = {line.partition(":")[0] for line in stage.statsd.lines() if f"dag_id={dag_id}" in line}
    assert counted >= {
        f"{name},dag_id={dag_id}{tag}"
        for name, tag in {
            "health.verdicts": ",verdict=regressed",
            "health.time_to_verdict": ",verdict=regressed",
            "planned": "",
            "submitted": "",
            "done": "",
        }.items()
    }


def event_deploys(stage: Stage) -> list[str]:
    """The deploys with an asset event, in that order."""
    rows = stage.query("SELECT extra FROM asset_event ORDER BY id")
    return [deploy["id"] for (extra,) in rows for deploy in json.loads(extra)["payload"]["deploys"]]


def read_cursor(stage: Stage) -> str:
    """The watcher's cursor. Airflow's own command line decrypts the Variable."""
    if version("apache-airflow") >= "3.3":
        rows = stage.query("SELECT value FROM asset_state_store WHERE key LIKE 'rollback_watch_%'")
        return str(rows[0][0]) if rows else ""
    names = stage.query("SELECT key FROM variable WHERE key LIKE 'rollback_watch_%'")
    return stage.airflow.command("variables", "get", names[0][0]) if names else ""


@pytest.mark.skipif(airflow_major() < 3, reason="no asset watchers on Airflow 2")
def test_a_watcher_whose_triggerer_is_killed(stage: Stage) -> None:
    """No deploy has two events, and deploys without a triggerer get their event from the next one."""
    dag_id = "example_watch_and_roll_back"
    until(lambda: stage.airflow.metadata.has_dag(dag_id), "the Dag to be parsed")
    stage.airflow.command("dags", "unpause", dag_id)
    until(lambda: read_cursor(stage), "the watcher")
    before = event_deploys(stage)
    landed = [stage.sandbox.land_deploy(WATCHED, tag="landed-before")["id"]]
    until(lambda: landed[0] in event_deploys(stage), "the first deploy to have an event")
    until(lambda: landed[0] in read_cursor(stage), "the first deploy to be in the cursor")
    stage.airflow.kill_component("triggerer")
    landed.append(stage.sandbox.land_deploy(WATCHED, tag="landed-meanwhile")["id"])
    stage.airflow.start_component("triggerer")
    until(lambda: landed[1] in event_deploys(stage), "what landed meanwhile to have an event")
    landed.append(stage.sandbox.land_deploy(WATCHED, tag="landed-after")["id"])
    until(lambda: landed[2] in event_deploys(stage), "the last deploy to have an event")
    stage.airflow.command("dags", "pause", dag_id)
    assert event_deploys(stage) == before + landed


def failure_report(stage: Stage, dag_id: str) -> str:
    """The logs and results of a Dag's tasks."""
    runs = stage.query("SELECT run_id FROM dag_run WHERE dag_id = ?", dag_id)
    return "\n".join(f"{run_id}\n{stage.airflow.story(dag_id, run_id)}" for (run_id,) in runs)


@pytest.mark.skipif(airflow_major() < 3, reason="no human in the loop on Airflow 2")
@pytest.mark.parametrize(
    ("option", "ended"), [("Approve", "success"), ("Reject", "skipped"), (None, "failed")]
)
def test_approve_and_roll_back(stage: Stage, option: str | None, ended: str) -> None:
    """An approved plan is carried out, a rejected one or one marked as success is not."""
    dag_id, key = "example_approve_and_roll_back", f"approval-{ended}"
    history = [{"age": age * DAY, "tag": tag} for age, tag in ((3, "one"), (2, "two"))]
    deployment = stage.sandbox.add_deployment(key, deploys=history)
    conf = {"deployment_id": deployment["id"], "description": "Wrong totals"}
    run_id = stage.airflow.trigger_dag(dag_id, conf)
    stage.airflow.wait_for_task(dag_id, run_id, "approve", {"deferred", "awaiting_input"}, SECONDS)
    shown = answer(stage, dag_id, run_id, option)
    assert deployment["id"] in shown["body"]
    stage.airflow.wait_for_run(dag_id, run_id, SECONDS)
    assert stage.states(dag_id, run_id)["roll_back"] == ended, stage.airflow.story(dag_id, run_id)
    assert len(stage.rollbacks(key)) == (ended == "success")
    if ended == "success":
        assert stage.rollbacks(key)[0]["rollbackFromId"] == deployment["deploys"][1]["id"]


def answer(stage: Stage, dag_id: str, run_id: str, option: str | None) -> dict[str, Any]:
    """Answer an approval that waits, or mark it as success with None. Return what the user read."""
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/approve"
    shown: dict[str, Any] = stage.airflow.api("GET", f"{path}/-1/hitlDetails")
    until(lambda: is_noted(stage, run_id, "approve"), "the scheduler to note that the task waits")
    if option is None:
        stage.airflow.api("PATCH", path, {"new_state": "success"})
    else:
        stage.airflow.api("PATCH", f"{path}/-1/hitlDetails", {"chosen_options": [option], "params_input": {}})
    return shown


def is_noted(stage: Stage, run_id: str, task_id: str) -> bool:
    """Whether the scheduler has noted that the process of a task has ended.

    Airflow fails a task that goes on before that. No user and no rollback is so quick.
    """
    lines = (stage.airflow.home / "scheduler.log").read_text(encoding="utf-8").splitlines()
    return any("executor event" in line and run_id in line and f"'{task_id}'" in line for line in lines)


def states_of_fleet(stage: Stage, run_id: str) -> list[str | None]:
    """The states of a fleet's rollbacks."""
    tasks = stage.airflow.metadata.tasks("example_fleet_rollback", run_id)
    return [task.state for task in tasks if task.task_id == "roll_back"]


def test_a_fleet(stage: Stage) -> None:
    """After two failures no further rollback starts; there is one summary."""
    dag_id = "example_fleet_rollback"
    keys = ["fleet-a", "fleet-bad-1", "fleet-bad-2", "fleet-b", "fleet-c"]
    history = [{"age": age * DAY, "tag": tag} for age, tag in ((3, "one"), (2, "two"))]
    ids = [
        stage.sandbox.add_deployment(key, deploys=history, rollback_enabled="bad" not in key)["id"]
        for key in keys
    ]
    stage.sandbox.next_rollbacks({"deployment": keys[0], "seconds": None})
    conf = {"deployments": [*ids, ids[0]], "description": "Wrong totals"}
    run_id = stage.airflow.trigger_dag(dag_id, conf)
    until(lambda: states_of_fleet(stage, run_id).count("skipped") == 2, "the last two to be skipped")
    (rollback,) = stage.rollbacks(keys[0])
    stage.sandbox.change_deploy(keys[0], rollback["id"], outcome="DEPLOYED", seconds=0)
    assert stage.airflow.wait_for_run(dag_id, run_id, SECONDS) == "failed"
    summary = stage.airflow.xcom(dag_id, run_id, "sum_up")
    assert (summary["total"], summary["done"], summary["failed"], summary["not_begun"]) == (5, 1, 2, 2)
    outcomes = {one["deployment_id"]: one["outcome"] for one in summary["deployments"]}
    assert outcomes == dict(zip(ids, ["done", "failed", "failed", "not begun", "not begun"], strict=True))
    assert "ROLLBACK-OFF-ON-DEPLOYMENT" in summary["summary"]
    assert "1 of 5 Deployments were rolled back" in stage.log(dag_id, run_id, "sum_up")
    idempotency_key = make_idempotency_key(dag_id, run_id, "roll_back", ids[0], "image", target="previous")
    assert key_in(rollback["description"]) == idempotency_key
    assert not any(stage.rollbacks(key) for key in keys[1:])


def test_a_fleet_that_goes_well(stage: Stage) -> None:
    """All are rolled back, no more than two at a time, each with its own tag."""
    dag_id = "example_fleet_rollback"
    keys = [f"fleet-good-{number}" for number in range(5)]
    history = [{"age": age * DAY, "tag": tag} for age, tag in ((3, "one"), (2, "two"))]
    ids = [stage.sandbox.add_deployment(key, deploys=history)["id"] for key in keys]
    run_id, state = stage.run(dag_id, deployments=ids)
    assert state == "success", stage.airflow.story(dag_id, run_id)
    assert stage.airflow.xcom(dag_id, run_id, "sum_up")["done"] == 5
    rows = [stage.rollbacks(key)[0] for key in keys]
    assert len({key_in(row["description"]) for row in rows}) == 5
    begun_and_ended = [(1, row["createdAt"]) for row in rows] + [(-1, row["updatedAt"]) for row in rows]
    at_once = most = 0
    for step, _ in sorted(begun_and_ended, key=lambda pair: (pair[1], pair[0])):
        at_once += step
        most = max(most, at_once)
    assert most <= 2


def test_callbacks_of_airflow(stage: Stage) -> None:
    """They find the failure in the context: after a deferral, each time-out of Airflow, and SIGTERM."""
    names = ["fails", "goes_on", "goes_on_too", "goes_on_as_well", "goes_on_after_sigterm"]
    history = [{"age": age * DAY, "tag": tag} for age, tag in ((3, "one"), (2, "two"))]
    ids = {name: stage.sandbox.add_deployment(f"calls-{name}", deploys=history)["id"] for name in names}
    stage.sandbox.next_rollbacks(*({"deployment": f"calls-{name}", "seconds": None} for name in names))
    run_id = stage.airflow.trigger_dag("callbacks", {"description": "Wrong totals", **ids})
    until(lambda: is_noted(stage, run_id, "fails"), "the scheduler to note that the task waits")
    (rollback,) = stage.rollbacks("calls-fails")
    stage.sandbox.change_deploy("calls-fails", rollback["id"], outcome="FAILED", seconds=0)
    errors = {
        "fails": ("failed", "fails", {"RollbackFailed"}),
        "execution_timeout": ("failed", "goes_on", {"AirflowTaskTimeout"}),
        "execution_timeout_deferred": ("failed", "goes_on_too", {"TaskStopped", "RollbackTimedOut"}),
        "sigterm": ("failed", "goes_on_after_sigterm", {"AirflowTaskTerminated", "AirflowTaskTimeout"}),
        "deferral_timeout": (
            "up_for_retry",
            "goes_on_as_well",
            {"TaskDeferralError", "TaskDeferralTimeout"},
        ),
    }
    for task_id, (state, name, kinds) in errors.items():
        stage.airflow.wait_for_task("callbacks", run_id, task_id, {state}, SECONDS)
        until(
            partial(stage.reported, run_id, task_id),
            f"the callback of {task_id}",
            lambda: stage.airflow.story("callbacks", run_id),
        )
        found = json.loads(re.findall(r"FOUND (.*)", stage.log("callbacks", run_id, task_id))[-1])
        assert (found["deployment_id"], found["stage"]) == (ids[name], "failed")
        assert found["failure"]["error"] in kinds
        assert ids[name] in found["summary"]
        assert name == "fails" or "may still be going on" in found["summary"]
    assert "Killed while waiting." in stage.log("callbacks", run_id, "sigterm")


@pytest.mark.parametrize(("words", "count"), [("", 0), ("I accept the loss", 1)])
def test_back_to_airflow_2(stage: Stage, words: str, count: int) -> None:
    """It requires the exact acknowledgement."""
    key = f"back-{count}"
    history = [
        {"age": 3 * DAY, "tag": "two", "runtime": "13.2.0", "bundle": "b2"},
        {"age": 2 * DAY, "tag": "three", "runtime": "3.1-12", "bundle": "b3"},
    ]
    deployment = stage.sandbox.add_deployment(key, mechanism="dag_deploy", runtime="13.2.0", deploys=history)
    dag_id = "example_back_to_airflow_2"
    run_id, state = stage.run(dag_id, deployment_id=deployment["id"], acknowledgement=words)
    assert state == ("success" if count else "failed"), stage.airflow.story(dag_id, run_id)
    assert len(stage.rollbacks(key)) == count
    if not count:
        assert "AcknowledgementMissing" in stage.log(dag_id, run_id, "roll_back")


def verified(stage: Stage, key: str) -> dict[str, Any]:
    """A Deployment whose target ran for a day, and an Airflow with a healthy history."""
    history = [{"age": age * DAY, "tag": tag} for age, tag in ((3, "one"), (0.04, "two"))]
    now = datetime.now(timezone.utc)
    stage.observed.runs.clear()
    stage.observed.dags.clear()
    stage.observed.import_errors.clear()
    add_history(stage.observed, now - timedelta(hours=1), hours_after=0)
    for dag_id in DAGS:
        stage.observed.add_runs(dag_id, [now + timedelta(seconds=second) for second in range(600)])
    return stage.sandbox.add_deployment(key, release=key, deploys=history)


def test_verify_without_a_cluster(stage: Stage) -> None:
    """The check of the pods is skipped, with a message, and only the health check decides."""
    dag_id = "example_roll_back_and_verify"
    deployment = verified(stage, "unverified")
    run_id, state = stage.run(dag_id, deployment_id=deployment["id"])
    states = stage.states(dag_id, run_id)
    assert states == {"roll_back": "success", "verify_pods": "skipped", "evaluate_again": "success"}
    assert state == "success", stage.airflow.story(dag_id, run_id)
    assert "no access to a Kubernetes cluster" in stage.log(dag_id, run_id, "verify_pods")


@pytest.fixture(scope="module")
def kube(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """A Kubernetes to which the stage's connection leads."""
    with kubernetes(tmp_path_factory.mktemp("kube")) as kube:
        extra = stage.airflow.environment["AIRFLOW_CONN_KUBERNETES_DEFAULT"]
        place = re.search(r'"kube_config_path": "([^"]+)"', extra)
        assert place is not None
        shutil.copy(kube.kubeconfig, place[1])
        yield kube
        Path(place[1]).unlink()


def test_verify_on_a_cluster(stage: Stage, kube: Kube) -> None:
    """New pods that run the target's image are found, and the health check runs again."""
    dag_id = "example_roll_back_and_verify"
    key = f"verified-{uuid.uuid4().hex[:6]}"
    deployment = verified(stage, key)
    image = f"registry.sandbox.localhost/{key}/airflow:one"
    with kube.namespace(f"astronomer-{key}") as namespace:
        for component in ("scheduler", "triggerer"):
            made = workload(component, image)
            made["metadata"]["labels"]["release"] = key
            namespace.put_workload(made)
        conf = {"description": "Wrong totals", "deployment_id": deployment["id"]}
        run_id = stage.airflow.trigger_dag(dag_id, conf)
        until(lambda: bool(stage.rollbacks(key)), "the rollback")
        for component in ("scheduler", "triggerer"):
            namespace.put_pod(pod(component, image, labels={"release": key}))
        state = stage.airflow.wait_for_run(dag_id, run_id, SECONDS)
    assert state == "success", stage.airflow.story(dag_id, run_id)
    seen = stage.airflow.xcom(dag_id, run_id, "verify_pods")
    assert seen["components"] == {"scheduler": "1/1", "triggerer": "1/1"}
    assert seen["image"] == image
