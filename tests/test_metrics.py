# SPDX-License-Identifier: Apache-2.0
"""The metrics of tasks, as a StatsD server receives them from Airflow's own client."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from importlib import import_module
from typing import Any

import pytest

from airflow_rollback_provider import metrics
from airflow_rollback_provider.compat import AirflowSkipException
from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.domain.guard_rails import GuardRails
from airflow_rollback_provider.metrics import METRICS, PREFIX
from airflow_rollback_provider.operators.decide import RollbackDecisionOperator
from airflow_rollback_provider.operators.deploy_health import DeployHealthOperator
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.fake_airflow import FakeAirflow, serving
from tests.support.generated import check_or_write
from tests.support.health import add_history
from tests.support.leaks import Evidence, listening
from tests.support.receivers import StatsdReceiver, otlp_receiver, statsd_receiver
from tests.support.store import store  # noqa: F401 - an autouse fixture
from tests.support.task_run import TaskInstance, run

pytestmark = pytest.mark.matrix
HISTORY = [{"age": 30_000, "tag": "one"}, {"age": 20_000, "tag": "two"}]


def airflow_client() -> Any:
    """Return Airflow's StatsD client, made from its configuration as a task's process makes it."""
    try:
        return import_module("airflow.metrics.statsd_logger").get_statsd_logger(None)
    except ModuleNotFoundError:  # Airflow 3.2 and later
        make: Any = import_module("airflow.sdk.observability.metrics.statsd_logger")
        return make.get_statsd_logger()


@pytest.fixture(params=["plain"])
def statsd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[StatsdReceiver]:
    """A StatsD server to which this process sends its metrics."""
    with statsd_receiver() as receiver:
        more = {"statsd_influxdb_enabled": "True"} if request.param == "tags" else {}
        for name, value in receiver.settings(**more).items():
            monkeypatch.setenv(name, value)
        client = airflow_client()
        monkeypatch.setattr(metrics, "stats", lambda: client)
        yield receiver
        client.statsd.close()


@pytest.fixture
def deployment_id(rollback_sandbox: SandboxProcess) -> str:
    """A Deployment with two deploys, which can be rolled back."""
    return str(rollback_sandbox.add_deployment("counted", deploys=HISTORY)["id"])


def counted(statsd: StatsdReceiver) -> list[str]:
    """The counters that were received, each without its count where that is one, and no times."""
    return [line.removesuffix(":1|c") for line in statsd.lines() if not line.endswith("|ms")]


def milliseconds(statsd: StatsdReceiver) -> dict[str, float]:
    """The times that were received, by their names."""
    lines = [re.fullmatch(r"(.+):(.+)\|ms", line) for line in statsd.lines()]
    return {line[1]: float(line[2]) for line in lines if line}


def test_a_rollback(operator: Any, statsd: StatsdReceiver, deployment_id: str) -> None:
    """It is planned, submitted and done, and its time is known, also after a deferral."""
    run(operator(deployment_id))
    assert counted(statsd) == ["planned", "submitted", "done"]
    assert 0 <= milliseconds(statsd)["duration"] < 60_000


def test_a_plan(operator: Any, statsd: StatsdReceiver, deployment_id: str) -> None:
    """A plan that is only shown is planned, and no more."""
    run(operator(deployment_id, plan_only=True))
    assert counted(statsd) == ["planned"]


def test_a_later_try(operator: Any, statsd: StatsdReceiver, deployment_id: str) -> None:
    """A try that finds an earlier one's rollback submits none, so its time is not measured."""
    run(operator(deployment_id, wait_for_completion=False))
    run(operator(deployment_id), TaskInstance(try_number=2))
    assert counted(statsd) == ["planned", "submitted", "resumed", "done"]
    assert milliseconds(statsd) == {}


def test_a_refusal(operator: Any, statsd: StatsdReceiver, rollback_sandbox: SandboxProcess) -> None:
    """It counts once, and each failed check besides. Plain StatsD has them in the name."""
    deployment = rollback_sandbox.add_deployment("off", deploys=HISTORY, rollback_enabled=False)
    with pytest.raises(errors.PlanRefused):
        run(operator(deployment["id"]))
    check = "checks_failed.ROLLBACK-OFF-ON-DEPLOYMENT"
    assert counted(statsd) == ["refused", "refused.PlanRefused", "checks_failed", check]


@pytest.mark.parametrize("statsd", ["tags"], indirect=True)
def test_tags(operator: Any, statsd: StatsdReceiver, rollback_sandbox: SandboxProcess) -> None:
    """A backend with tags gets the Dag and the error there, under one name."""
    rollback_sandbox.add_deployment("guarded", deploys=HISTORY)
    rollback_sandbox.land_deploy("guarded", tag="three", seconds=None)
    with pytest.raises(errors.DeployInProgress):
        run(operator(rollback_sandbox.deployment("guarded")["id"]))
    assert counted(statsd) == ["refused,dag_id=remediation,error=DeployInProgress"]


def test_guard_rails(operator: Any, statsd: StatsdReceiver, rollback_sandbox: SandboxProcess) -> None:
    """Those of the rollback and those of the decision before it are counted alike."""
    deployment = rollback_sandbox.add_deployment("railed", deploys=HISTORY)
    guards = GuardRails(freezes=["mon 00:00 - mon 00:00"])
    refused = ["refused", "refused.GuardsRefused", "checks_failed", "checks_failed.FREEZE"]
    with pytest.raises(errors.GuardsRefused):
        run(operator(deployment["id"], guards=guards))
    assert counted(statsd) == refused
    for verdict in ("regressed", "healthy"):  # where nothing broke, no rollback is refused
        decision = RollbackDecisionOperator(
            task_id="decide", deployment_id=deployment["id"], verdict=verdict, guards=guards
        )
        with pytest.raises(AirflowSkipException):
            run(decision)
    assert counted(statsd) == 2 * refused


def test_a_try_that_airflow_repeats(
    operator: Any, statsd: StatsdReceiver, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """Only the last one counts as an end."""
    rollback_sandbox.settings(rollback_seconds=3600)
    for try_number, found in (
        (1, ["planned", "submitted"]),
        (2, ["resumed", "failed", "failed.RollbackTimedOut"]),
    ):
        statsd.received.clear()
        with pytest.raises(errors.RollbackTimedOut):
            run(operator(deployment_id, timeout=0.1), TaskInstance(try_number=try_number, max_tries=1))
        assert counted(statsd) == found


def test_a_rollback_that_fails(
    operator: Any, statsd: StatsdReceiver, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """It is counted by the error of the task."""
    rollback_sandbox.next_rollbacks({"outcome": "FAILED", "seconds": 0})
    with pytest.raises(errors.RollbackFailed):
        run(operator(deployment_id))
    assert counted(statsd) == ["planned", "submitted", "failed", "failed.RollbackFailed"]


def test_an_unknown_outcome(
    operator: Any, statsd: StatsdReceiver, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """A request whose answer is lost, with a history that cannot be read, is neither submitted nor failed."""
    rollback_sandbox.fault("drop_after", "RollBack")
    rollback_sandbox.fault("api_error", "Deploys", count=None, skip=1)
    with pytest.raises(errors.OutcomeUnknown):
        run(operator(deployment_id, submission_grace_period=0.1))
    assert counted(statsd) == ["planned", "unknown"]


def test_polls_that_fail(
    operator: Any, statsd: StatsdReceiver, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """They are counted where the task polls, and where the triggerer does."""
    rollback_sandbox.settings(rollback_seconds=1)
    rollback_sandbox.fault("status", "paginatedDeployRevisions", status=503, count=8, skip=2)
    run(operator(deployment_id))
    failed = [int(number) for number in re.findall(r"polls_failed:(\d+)\|c", "\n".join(statsd.lines()))]
    assert sum(failed) >= 1
    assert counted(statsd)[-1] == "done"


def test_a_verdict(statsd: StatsdReceiver, monkeypatch: pytest.MonkeyPatch, deferrable: bool) -> None:
    """The verdict and the time since the landing; a poll that failed before."""
    landed = datetime.now(timezone.utc)
    with serving(FakeAirflow()) as airflow:
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", airflow.connection())
        add_history(airflow, landed, hours_after=0)
        airflow.add_runs("dag_0", [landed + timedelta(seconds=0.25)])
        rule = {"outage_tolerance": 0, "horizon": 1, "baseline": 86400}
        task = DeployHealthOperator(
            task_id="evaluate", since=landed, rule=rule, poll_interval=0.05, deferrable=deferrable
        )
        verdict = run(task)["verdict"]
    assert counted(statsd) == ["health.verdicts", f"health.verdicts.{verdict}"]
    times = milliseconds(statsd)
    assert times.keys() == {"health.time_to_verdict", f"health.time_to_verdict.{verdict}"}
    assert times["health.time_to_verdict"] >= 1000


def test_metrics_that_cannot_be_sent(
    operator: Any, monkeypatch: pytest.MonkeyPatch, deployment_id: str
) -> None:
    """The rollback is done all the same, and the log has the reason."""

    def broken() -> Any:
        raise OSError("no such host")

    monkeypatch.setattr(metrics, "stats", broken)
    evidence = Evidence()
    with listening(evidence):
        assert run(operator(deployment_id))["status"] == "done"
    assert evidence.holds("log", "Could not send metrics (OSError: no such host).")


# A task's process: Airflow 3.2 and later initialise the metrics there, and Airflow 2 ends it by os._exit.
TASK = """
import logging, os
from importlib import import_module
from types import SimpleNamespace
from airflow_rollback_provider.compat import AIRFLOW_3
from airflow_rollback_provider.metrics import Metrics
try:
    factory = import_module("airflow.sdk.observability.metrics.stats_utils").get_stats_factory
    stats = import_module("airflow.sdk.observability.stats")
except ModuleNotFoundError:
    pass
else:
    if hasattr(stats, "initialize"):
        stats.initialize(factory=factory(), export_legacy_names=True)
    else:
        stats.Stats.initialize(factory=factory(stats.Stats))
with Metrics({"ti": SimpleNamespace(dag_id="remediation")}, logging.getLogger()) as metrics:
    metrics.count("failed", value="RollbackTimedOut")
    metrics.time("duration", 1.5)
if not AIRFLOW_3:
    os._exit(0)
"""


def test_opentelemetry() -> None:
    """A collector receives what a task's process sends before it ends, with tags and in milliseconds."""
    with otlp_receiver() as receiver:
        environment = {**os.environ, **receiver.settings()}
        subprocess.run([sys.executable, "-W", "ignore", "-c", TASK], env=environment, check=True)
    failed = ("failed", {"dag_id": "remediation", "error": "RollbackTimedOut"}, 1)
    duration = ("duration", {"dag_id": "remediation"}, 1500)
    assert [failed, duration] == receiver.points[:2]


def document() -> str:
    """The table of docs/metrics.md."""
    lines = ["| Name | Kind | Tags | One count, or the time |", "|---|---|---|---|"]
    for metric in METRICS:
        kind = "timer" if metric.timed else "counter"
        tags = ", ".join(f"`{tag}`" for tag in ("dag_id", metric.tag) if tag)
        lines.append(f"| `{PREFIX}{metric.name}` | {kind} | {tags} | {metric.meaning} |")
    return "\n".join(lines)


def test_the_names_are_documented() -> None:
    """docs/metrics.md lists every metric."""
    check_or_write("docs/metrics.md", "metrics", document())
