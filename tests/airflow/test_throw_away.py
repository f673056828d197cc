# SPDX-License-Identifier: Apache-2.0
"""The example Dag in a whole Airflow of real processes, on every supported line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_rollback_provider.sandbox.process import SandboxProcess
from demo.airflow_home import ThrowAwayAirflow
from demo.story import CONNECTION, DAG_ID, TASK_ID, example_dag
from tests.airflow.crash.waiting import until
from tests.support.leaks import require_no_token_in
from tests.support.receivers import OtlpReceiver, otlp_receiver

pytestmark = [pytest.mark.matrix, pytest.mark.slow, pytest.mark.timeout(400)]
SECONDS_TO_START = 300.0
SECONDS_FOR_A_RUN = 150.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """An embedded platform that lives as long as the Airflow here."""
    with SandboxProcess() as process:
        yield process


@pytest.fixture(scope="module")
def telemetry() -> Iterator[OtlpReceiver]:
    """A collector of OpenTelemetry."""
    with otlp_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def airflow(sandbox: SandboxProcess, telemetry: OtlpReceiver) -> Iterator[ThrowAwayAirflow]:
    """An Airflow with the example Dags and the embedded platform; it sends its metrics."""
    examples = sorted(example_dag().parent.glob("*.py"))
    throw_away = ThrowAwayAirflow(examples, {CONNECTION: sandbox.connection_json(), **telemetry.settings()})
    throw_away.start(SECONDS_TO_START)
    yield throw_away
    throw_away.stop()
    assert not throw_away.home.exists()


def conf(sandbox: SandboxProcess, key: str, **more: object) -> dict[str, object]:
    """The form of the example Dag, filled in for one Deployment."""
    return {"deployment_id": sandbox.deployment(key, rows=0)["id"], "description": "Wrong totals", **more}


def test_a_rollback_through_the_triggerer(
    airflow: ThrowAwayAirflow, sandbox: SandboxProcess, telemetry: OtlpReceiver
) -> None:
    """The Dag rolls back to the latest deploy that differs, and says so in history, log, XCom and metrics."""
    before = sandbox.deployment("image-af3")["deploys"]
    run_id = airflow.trigger_dag(DAG_ID, conf(sandbox, "image-af3"))
    assert airflow.wait_for_run(DAG_ID, run_id, SECONDS_FOR_A_RUN) == "success"
    after = sandbox.deployment("image-af3")["deploys"]
    assert len(after) == len(before) + 1
    assert after[0]["rollbackFromId"] == before[2]["id"]  # before[1] failed
    log = "\n".join(line.message for line in airflow.task_log(DAG_ID, run_id, TASK_ID))
    assert before[2]["id"] in log
    assert after[0]["id"] in str(airflow.xcom(DAG_ID, run_id, TASK_ID))
    expected = {"planned", "submitted", "done"}
    until(lambda: expected <= telemetry.names(DAG_ID), "the metrics", lambda: str(telemetry.points), 60)
    assert {value for name, _, value in telemetry.points if name in expected} == {1}
    # A busy Airflow may try the task twice; only the try that submitted measures the time.
    assert telemetry.names(DAG_ID) & {"duration", "resumed"}


def test_a_killed_triggerer(airflow: ThrowAwayAirflow, sandbox: SandboxProcess) -> None:
    """A rollback goes on and is followed to its end when the triggerer dies and comes back."""
    key = "dag-deploy-af3"
    before = len(sandbox.deployment(key)["deploys"])
    sandbox.next_rollbacks({"seconds": 3600})
    run_id = airflow.trigger_dag(DAG_ID, conf(sandbox, key))
    airflow.wait_for_task(DAG_ID, run_id, TASK_ID, {"deferred"})
    airflow.kill_component("triggerer")
    sandbox.clock(advance=3600)
    airflow.start_component("triggerer")
    assert airflow.wait_for_run(DAG_ID, run_id, SECONDS_FOR_A_RUN) == "success"
    assert len(sandbox.deployment(key)["deploys"]) == before + 1


def test_a_refusal(airflow: ThrowAwayAirflow, sandbox: SandboxProcess, telemetry: OtlpReceiver) -> None:
    """A rollback that the rules refuse fails at its first try and changes nothing."""
    before = sandbox.deployment("one-deploy")["deploys"]
    run_id = airflow.trigger_dag(DAG_ID, conf(sandbox, "one-deploy"))
    assert airflow.wait_for_run(DAG_ID, run_id, SECONDS_FOR_A_RUN) == "failed"
    assert sandbox.deployment("one-deploy")["deploys"] == before
    assert airflow.metadata.tasks(DAG_ID, run_id)[0].try_number == 1
    until(
        lambda: telemetry.names(DAG_ID, error="DeployNotFound") == {"failed"},
        "the failure to be counted",
        str,
        60,
    )


def test_every_example_dag_parses(airflow: ThrowAwayAirflow) -> None:
    """Airflow itself has no import error to report of the examples."""
    assert airflow.metadata.has_dag(DAG_ID)
    assert airflow.metadata.import_errors() == ""


def test_no_token_is_in_what_airflow_keeps(airflow: ThrowAwayAirflow) -> None:
    """Neither its database, with XComs, triggers and rendered templates, nor a log of the runs before."""
    require_no_token_in(airflow)
