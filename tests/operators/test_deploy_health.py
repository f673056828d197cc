# SPDX-License-Identifier: Apache-2.0
"""The operator that evaluates a deploy, polling and deferred."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_rollback_provider.compat import AirflowFailException, TaskDeferred
from airflow_rollback_provider.domain.errors import (
    BadInput,
    DeployInProgress,
    DeploymentNotHealthy,
    DeployNotFound,
    InvalidConnection,
)
from airflow_rollback_provider.operators.deploy_health import DeployHealthOperator
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.fake_airflow import PASSWORD, FakeAirflow, serving
from tests.support.health import BROKEN, LANDED, add_history, codes
from tests.support.leaks import Evidence, listening
from tests.support.task_run import TaskInstance, run

SOON = {"outage_tolerance": 0, "horizon": 1, "baseline": 86400}


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    """The observed Airflow, on the default connection; how the lines differ is tested one layer below."""
    with serving(FakeAirflow()) as fake:
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", fake.connection())
        yield fake


@pytest.fixture
def watcher(deferrable: bool) -> Any:
    """Make the operator and run it to its end."""

    def watcher(**kwargs: Any) -> dict[str, Any]:
        usual: dict[str, Any] = {"poll_interval": 0.05, "deferrable": deferrable, "timeout": 20}
        if "deployment_id" not in kwargs:
            usual["since"] = LANDED
        return run(DeployHealthOperator(task_id="watcher", **{**usual, **kwargs}))

    return watcher


def test_a_good_deploy(airflow: FakeAirflow, watcher: Any) -> None:
    """Healthy; the result says since when, and has no ids where none are known."""
    add_history(airflow)
    result = watcher()
    assert (result["verdict"], codes(result)) == ("healthy", ["AS-BEFORE"])
    assert result["since"] == LANDED.isoformat()
    assert (result["deployment_id"], result["deploy_id"]) == (None, None)
    assert result["summary"].startswith(
        f"The deploy of {LANDED:%Y-%m-%d %H:%M} UTC is evaluated as healthy: "
    )


def test_a_bad_deploy(airflow: FakeAirflow, watcher: Any) -> None:
    """Regressed, with the Dags that are broken."""
    add_history(airflow, broken=BROKEN)
    result = watcher()
    assert (result["verdict"], codes(result)) == ("regressed", ["RUNS-FAIL"])
    assert [dag["dag_id"] for dag in result["dags"]] == BROKEN
    assert len(json.dumps(result)) < 4000


def test_waiting_for_a_verdict(airflow: FakeAirflow, watcher: Any) -> None:
    """Dags that were due have not run, so the verdict falls at the end of the horizon."""
    landed = datetime.now(timezone.utc)
    add_history(airflow, landed, hours_after=0)
    airflow.add_runs("dag_0", [landed + timedelta(seconds=0.25)], state="running")
    airflow.add_runs("dag_1", [landed + timedelta(seconds=0.25)])
    result = watcher(since=landed, rule=SOON)
    assert codes(result) == ["AS-BEFORE"], result
    assert datetime.fromisoformat(result["evaluated_at"]) >= landed + timedelta(seconds=1)


def test_not_waiting(airflow: FakeAirflow, watcher: Any) -> None:
    """Before the horizon that is inconclusive, without the success of each Dag that was due."""
    add_history(airflow, broken=BROKEN)
    result = watcher(since=datetime.now(timezone.utc) - timedelta(hours=1), wait_for_completion=False)
    assert (result["verdict"], codes(result)) == ("inconclusive", ["TOO-EARLY"])


def test_known_import_errors(airflow: FakeAirflow, watcher: Any) -> None:
    """As an earlier result named them, in whatever form a template hands them on."""
    add_history(airflow)
    airflow.add_import_error("dag_3.py")
    before = watcher()
    assert before["verdict"] == "regressed"
    files = before["import_error_files"]
    for known in (files, tuple(files), json.dumps(files), str(files), ",".join(files)):
        assert watcher(known_import_errors=known)["verdict"] == "healthy"
    assert watcher(known_import_errors="None")["verdict"] == "regressed"


def test_critical_and_ignored_dags(airflow: FakeAirflow, watcher: Any) -> None:
    """A critical Dag counts alone, an ignored one not at all."""
    add_history(airflow, broken=BROKEN[:1])
    assert codes(watcher(critical_dags=BROKEN[:1])) == ["CRITICAL-DAG-FAILS"]
    assert codes(watcher(ignored_dags=BROKEN[:1])) == ["AS-BEFORE"]


@pytest.mark.parametrize(
    ("change", "waits", "words"),
    [
        ({"host": "http://127.0.0.1:9"}, False, "connection refused"),
        ({"password": "wrong"}, True, "password"),
    ],
    ids=["down", "a refusal, after some tries and not after hours"],
)
def test_an_airflow_that_does_not_answer(
    airflow: FakeAirflow, watcher: Any, monkeypatch: Any, change: dict[str, str], waits: bool, words: str
) -> None:
    """It is no failure of the Deployment: inconclusive, with what was wrong."""
    values = {**json.loads(airflow.connection()), **change}
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", json.dumps(values))
    monkeypatch.setattr("airflow_rollback_provider.http.retry_policy.Policy.tries", 1)
    monkeypatch.setattr("airflow_rollback_provider.domain.poller.FIRST_DELAY", 0.05)
    result = watcher(wait_for_completion=waits)
    assert (result["verdict"], codes(result)) == ("inconclusive", ["API-ERROR"])
    assert words in result["summary"]


def test_an_outage_is_waited_out(airflow: FakeAirflow, watcher: Any, monkeypatch: Any) -> None:
    """An Airflow that restarts after the deploy answers again."""
    monkeypatch.setattr("airflow_rollback_provider.domain.poller.FIRST_DELAY", 0.05)
    add_history(airflow)
    airflow.faults += [404, 404, 404]  # what an ingress says while nothing is behind it
    assert watcher()["verdict"] == "healthy"


def test_a_token_that_is_renewed(airflow: FakeAirflow, watcher: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait reads the connection again after the refusal, and goes on to a verdict.

    A file that can no longer be read ends it long before the horizon.
    """
    monkeypatch.setattr("airflow_rollback_provider.domain.poller.FIRST_DELAY", 0.05)
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", airflow.connection_with_token())
    landed = datetime.now(timezone.utc) - timedelta(minutes=10)
    add_history(airflow, landed)
    find_runs, reads = airflow.find_runs, Counter[str]()

    def find(wanted: dict[str, Any]) -> Any:
        reads["runs"] += 1
        if reads["runs"] == 4:  # a task that defers reads twice, and its trigger has read once more
            airflow.token = "t0ken-of-tomorrow"
            monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", airflow.connection_with_token())
            airflow.add_import_error("dag_3.py")
        return find_runs(wanted)

    monkeypatch.setattr(airflow, "find_runs", find)
    assert codes(watcher(since=landed)) == ["NEW-IMPORT-ERRORS"]


@pytest.mark.parametrize(
    ("kwargs", "kind", "words"),
    [
        ({"since": "yesterday"}, BadInput, "since"),
        ({"since": "2026-11-01T12:00:00"}, BadInput, "zone"),
        ({"since": None}, BadInput, "deployment_id"),
        ({"since": LANDED, "deployment_id": "x"}, BadInput, "deployment_id"),
        ({"critical_dags": True}, BadInput, "critical_dags"),
        ({"critical_dags": "[a"}, BadInput, "critical_dags"),
        ({"require_healthy": "perhaps"}, BadInput, "require_healthy"),
        ({"airflow_conn_id": "broken"}, InvalidConnection, "host"),
    ],
    ids=[
        "no-time",
        "no-zone",
        "neither-time-nor-deployment",
        "both",
        "no-patterns",
        "broken-pattern",
        "perhaps",
        "no-host",
    ],
)
def test_mistakes(
    airflow: FakeAirflow, watcher: Any, monkeypatch: Any, kwargs: dict[str, Any], kind: type, words: str
) -> None:
    """They fail the task for good, and say which argument."""
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", json.dumps({"conn_type": "airflow_api"}))
    add_history(airflow)
    with pytest.raises(kind, match=words) as caught:
        watcher(**kwargs)
    assert isinstance(caught.value, AirflowFailException)


def test_requiring_health(airflow: FakeAirflow, watcher: Any) -> None:
    """After a rollback the task fails unless all is well again; a retry would evaluate the same."""
    add_history(airflow, broken=BROKEN)
    with pytest.raises(DeploymentNotHealthy, match="is evaluated as regressed") as caught:
        watcher(require_healthy="True")
    assert isinstance(caught.value, AirflowFailException)
    assert watcher(require_healthy="False")["verdict"] == "regressed"


def test_times_in_templates(airflow: FakeAirflow, watcher: Any) -> None:
    """As text with a Z, and left out as the text None."""
    add_history(airflow)
    text = LANDED.isoformat().replace("+00:00", "Z")
    assert watcher(since=text, deployment_id="None", baseline_until="None")["verdict"] == "healthy"
    assert watcher(since=text, baseline_until=text)["verdict"] == "healthy"


@pytest.mark.parametrize(
    ("value", "utc"),
    [
        (datetime(2026, 3, 29, 1, 30, tzinfo=ZoneInfo("Europe/Berlin")), "2026-03-29T00:30:00+00:00"),
        ("2026-07-01T14:00:00+02:00", "2026-07-01T12:00:00+00:00"),
    ],
    ids=["the night in which clocks are put forward", "text"],
)
def test_times_of_other_zones(airflow: FakeAirflow, watcher: Any, value: Any, utc: str) -> None:
    """The result has them in UTC."""
    result = watcher(since=value, wait_for_completion=False)
    assert result["since"] == utc
    assert result["summary"].startswith(f"The deploy of {utc[:10]} {utc[11:16]} UTC ")


def test_what_was_seen_is_in_the_log(airflow: FakeAirflow, watcher: Any) -> None:
    """In words, with the times before it is known how it ends; and the password is not."""
    add_history(airflow, broken=BROKEN)
    evidence = Evidence()
    with listening(evidence):
        watcher()
    assert evidence.holds("log", "Evaluating the deploy of")
    assert evidence.holds("log", "dag_0: before 0 of 48 failed, since 4 of 4 failed")
    assert not evidence.holds("log", PASSWORD)


# With a deploy history


@pytest.fixture
def deployment(rollback_sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Deployment with a deploy six hours ago and one the day before that."""
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", rollback_sandbox.connection_json())
    hours = (30, 6)
    deploys = [{"age": 3600 * number, "tag": f"release-{number}"} for number in hours]
    return str(rollback_sandbox.add_deployment("observed", deploys=deploys)["id"])


def landed(sandbox: SandboxProcess) -> datetime:
    """When the latest deploy had landed."""
    row = sandbox.deployment("observed", rows=1)["deploys"][0]
    return datetime.fromisoformat(row["createdAt"].replace("Z", "+00:00"))


def test_the_deploy_that_runs_now(
    airflow: FakeAirflow, watcher: Any, deployment: str, rollback_sandbox: SandboxProcess
) -> None:
    """Its times come from the deploy history, and its id is in the result."""
    add_history(airflow, landed(rollback_sandbox), broken=BROKEN)
    result = watcher(deployment_id=deployment)
    latest = rollback_sandbox.deployment("observed", rows=1)["deploys"][0]["id"]
    assert result["verdict"] == "regressed"
    assert (result["deployment_id"], result["deploy_id"]) == (deployment, latest)
    assert latest in result["summary"]


def test_another_deploy_while_waiting(
    airflow: FakeAirflow, watcher: Any, deployment: str, rollback_sandbox: SandboxProcess, monkeypatch: Any
) -> None:
    """The runs are partly those of the other deploy: inconclusive, with the evidence."""
    rollback_sandbox.land_deploy("observed", tag="new")
    began = landed(rollback_sandbox)
    add_history(airflow, began, hours_after=0)
    airflow.add_runs("dag_0", [began + timedelta(seconds=0.75)])
    airflow.add_runs("dag_1", [began + timedelta(seconds=0.75)], state="running")
    page = airflow.page

    def deploy_at_first(*args: Any) -> Any:
        monkeypatch.setattr(airflow, "page", page)
        rollback_sandbox.land_deploy("observed", tag="newer")
        return page(*args)

    monkeypatch.setattr(airflow, "page", deploy_at_first)
    result = watcher(deployment_id=deployment, rule=SOON)
    assert (result["verdict"], codes(result)) == ("inconclusive", ["ANOTHER-DEPLOY"])
    assert result["evidence"]


def test_an_older_deploy(
    airflow: FakeAirflow, watcher: Any, deployment: str, rollback_sandbox: SandboxProcess
) -> None:
    """It is evaluated by its own time, as long as that was long enough."""
    add_history(airflow, landed(rollback_sandbox), broken=BROKEN)
    latest = rollback_sandbox.deployment("observed", rows=1)["deploys"][0]["id"]
    rollback_sandbox.land_deploy("observed", tag="repair")
    assert watcher(deployment_id=deployment, deploy_id=latest)["verdict"] == "regressed"
    assert watcher(deployment_id=deployment, wait_for_completion=False)["verdict"] == "inconclusive"


@pytest.mark.parametrize(
    ("draft", "kind", "final"),
    [({"seconds": None}, DeployInProgress, False), ({"outcome": "FAILED"}, BadInput, True)],
    ids=["going on", "failed"],
)
def test_a_deploy_that_has_not_landed(
    airflow: FakeAirflow,
    watcher: Any,
    deployment: str,
    rollback_sandbox: SandboxProcess,
    draft: dict[str, Any],
    kind: type,
    final: bool,
) -> None:
    """One that goes on can be evaluated later, one that failed never."""
    row = rollback_sandbox.land_deploy("observed", tag="new", **draft)
    with pytest.raises(kind) as caught:
        watcher(deployment_id=deployment, deploy_id=row["id"])
    assert isinstance(caught.value, AirflowFailException) is final


def test_a_deploy_that_is_not_there(airflow: FakeAirflow, watcher: Any, deployment: str) -> None:
    """The error names it."""
    with pytest.raises(DeployNotFound, match="no-such-deploy"):
        watcher(deployment_id=deployment, deploy_id="no-such-deploy")


# Rejected releases


@pytest.fixture
def again(deployment: str, rollback_sandbox: SandboxProcess) -> str:
    """The Deployment after a rollback from release 6, which CI has deployed again."""
    rollback_sandbox.land_deploy("observed", rollback_to=0, description="Orders fail")
    rollback_sandbox.land_deploy("observed", tag="release-6")
    return deployment


def test_a_rejected_release_regressed_at_once(
    airflow: FakeAirflow, watcher: Any, again: str, rollback_sandbox: SandboxProcess
) -> None:
    """The verdict needs no evidence: its Airflow is not read."""
    result = watcher(deployment_id=again, rejected_releases="regressed", airflow_conn_id="no_such")
    latest = rollback_sandbox.deployment("observed", rows=1)["deploys"][0]["id"]
    assert (result["verdict"], codes(result)) == ("regressed", ["REJECTED-RELEASE"])
    assert result["deploy_id"] == latest
    assert "The reason was: “Orders fail”" in result["summary"]
    assert result["rejected"]["reason"] == "Orders fail"


def test_a_rejected_release_is_reported(airflow: FakeAirflow, watcher: Any, again: str) -> None:
    """By default the evidence decides; the result and the log name the rollback."""
    evidence = Evidence()
    with listening(evidence):
        result = watcher(deployment_id=again, wait_for_completion=False)
    assert result["verdict"] == "inconclusive"
    assert result["rejected"]["reason"] == "Orders fail"
    assert evidence.holds("log", "brings back what was rolled back from")


@pytest.mark.parametrize(
    "kwargs",
    [
        {"rejected_releases": "ignore"},
        {"rejected_releases": "regressed", "accepted_releases": "['release-6']"},
        {"rejected_releases": "regressed", "rejected_for": 0},
    ],
    ids=str,
)
def test_a_release_that_is_not_rejected(
    airflow: FakeAirflow, watcher: Any, again: str, kwargs: dict[str, Any], rollback_sandbox: SandboxProcess
) -> None:
    """Rejections are ignored, the release is accepted, or the rollback was too long ago."""
    result = watcher(deployment_id=again, wait_for_completion=False, **kwargs)
    assert (result["verdict"], result["rejected"]) == ("inconclusive", None)


# Deferring


def test_what_is_over_is_not_deferred(airflow: FakeAirflow) -> None:
    """A verdict that falls at once needs no triggerer."""
    add_history(airflow)
    operator = DeployHealthOperator(task_id="watcher", since=LANDED, deferrable=True)
    assert operator.execute({"ti": TaskInstance()})["verdict"] == "healthy"


def test_the_triggers_deadline_comes_first(airflow: FakeAirflow) -> None:
    """The framework's own time-out would bypass the operator; and nothing secret is in the database."""
    now = datetime.now(timezone.utc)
    operator = DeployHealthOperator(
        task_id="watcher", since=now, deferrable=True, timeout=timedelta(minutes=1)
    )
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute({"ti": TaskInstance()})
    health_check = deferred.value.trigger.health_check
    left = timedelta(seconds=health_check["deadline"] - now.timestamp())
    assert timedelta(hours=2) < left < deferred.value.timeout
    assert PASSWORD not in json.dumps(deferred.value.trigger.serialize())
