# SPDX-License-Identifier: Apache-2.0
"""The sensor: the deploy as JSON, or a named failure; poking, rescheduling and deferring alike."""

from __future__ import annotations

import runpy
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_rollback_provider.compat import (
    AIRFLOW_3,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    PokeReturnValue,
    TaskDeferred,
)
from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.tokens import TOKENS
from airflow_rollback_provider.sensors.deploys import DeploySensor
from tests.support.task_run import TaskInstance, after_requests, run

KEY = "awaited"


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, rollback_sandbox: SandboxProcess) -> SandboxProcess:
    """A platform with a Deployment of three deploys, and the default connection to it."""
    variable = "AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT"
    monkeypatch.setenv(variable, rollback_sandbox.connection_json("viewer"))
    drafts = [{"age": age, "tag": tag, "seconds": 0} for age, tag in ((3000, "a"), (2000, "b"), (1000, "c"))]
    rollback_sandbox.add_deployment(KEY, deploys=drafts)
    return rollback_sandbox


class Rescheduled(TaskInstance):
    """A task instance that Airflow 3 has not rescheduled yet."""

    def get_first_reschedule_date(self, _context: Any) -> None:
        """Return when that was."""


RESCHEDULED = pytest.param(
    ("reschedule", False),
    marks=pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 reads in its database when that was"),
)


@pytest.fixture(params=[("poke", False), RESCHEDULED, ("poke", True)], ids=str)
def any_mode(request: pytest.FixtureRequest, sandbox: SandboxProcess) -> Any:
    """Make a sensor in each of the three modes, for what ends at its first poll."""
    mode, deferrable = request.param

    def sensor(**kwargs: Any) -> DeploySensor:
        return DeploySensor(task_id="wait", mode=mode, deferrable=deferrable, **kwargs)

    return sensor


@pytest.fixture(params=[False, True], ids=["poking", "deferred"])
def sensor(request: pytest.FixtureRequest, sandbox: SandboxProcess) -> Any:
    """Make a sensor with what every case needs; both ways of waiting must reach the same end."""

    def sensor(**kwargs: Any) -> DeploySensor:
        return make_sensor(sandbox, **{"timeout": 120, "deferrable": request.param, **kwargs})

    return sensor


def row(sandbox: SandboxProcess, tag: str) -> dict[str, Any]:
    """The deploy with an image tag."""
    return next(one for one in sandbox.deployment(KEY)["deploys"] if one["imageTag"] == tag)


def make_sensor(sandbox: SandboxProcess, **kwargs: Any) -> DeploySensor:
    """Make a sensor for what only one way of waiting has."""
    kwargs = {"deployment_id": sandbox.deployment(KEY)["id"], "poke_interval": 0.1, **kwargs}
    return DeploySensor(task_id="wait", **kwargs)


def test_the_oldest_that_is_new(sensor: Any, sandbox: SandboxProcess) -> None:
    """After a deploy that is named, as JSON; the next sensor goes on from there."""
    first = run(sensor(after=row(sandbox, "a")["id"]))
    assert first["image_tag"] == "b"
    assert run(sensor(after=first["id"]))["image_tag"] == "c"


def link(sensor: Any, left: str | None, **kwargs: Any) -> tuple[str, str]:
    """Run a sensor that goes on where another left off; return the tag that it found and what it left."""
    ti = TaskInstance()
    found = run(sensor(after=left, **kwargs), ti)
    return found["image_tag"], ti.xcom["cursor"]


def test_a_chain(sensor: Any, sandbox: SandboxProcess) -> None:
    """Deploys that land out of order, and while no sensor waits, are reported once."""
    slow = sandbox.land_deploy(KEY, tag="slow", seconds=None)
    sandbox.land_deploy(KEY, tag="quick", type="DAG_ONLY")
    first, left = link(sensor, row(sandbox, "c")["id"])
    sandbox.change_deploy(KEY, slow["id"], outcome="DEPLOYED", seconds=0)
    sandbox.land_deploy(KEY, tag="d")
    second, left = link(sensor, left)
    third, left = link(sensor, left)
    assert [first, second, third] == ["quick", "slow", "d"]
    with pytest.raises(AirflowSensorTimeout):
        link(sensor, left, timeout=0.5)


def test_what_is_left_when_the_time_is_up(sandbox: SandboxProcess) -> None:
    """In the triggerer, where it is known: the next sensor goes on there."""
    slow = sandbox.land_deploy(KEY, tag="slow", seconds=None)
    ti = TaskInstance()
    with pytest.raises(AirflowSensorTimeout):
        run(make_sensor(sandbox, after=row(sandbox, "c")["id"], timeout=0.5, deferrable=True), ti)
    sandbox.change_deploy(KEY, slow["id"], outcome="DEPLOYED", seconds=0)
    found = run(make_sensor(sandbox, after=ti.xcom["cursor"], deferrable=True))
    assert found["image_tag"] == "slow"


def test_it_waits(sensor: Any, sandbox: SandboxProcess) -> None:
    """The sensor returns a deploy that lands while it polls; it skips failed deploys and rollbacks."""
    sandbox.fault("land_after", "Deploys", deployment=KEY, draft={"tag": "bad", "outcome": "FAILED"})
    sandbox.fault("land_after", "Deploys", deployment=KEY, draft={"rollback_to": 0}, skip=1)
    sandbox.fault("land_after", "Deploys", deployment=KEY, draft={"tag": "d"}, skip=2)
    assert run(sensor(after=row(sandbox, "c")["id"]))["image_tag"] == "d"


@pytest.mark.parametrize(
    ("deploy_filter", "tag"),
    [({"statuses": ["failed"]}, "bad"), ({"types": ["DAG_ONLY"]}, "dags"), ({"rollbacks": True}, "a")],
    ids=str,
)
def test_what_counts(sensor: Any, sandbox: SandboxProcess, deploy_filter: dict[str, Any], tag: str) -> None:
    """Status, type and rollbacks can be chosen."""
    last = row(sandbox, "c")["id"]
    sandbox.land_deploy(KEY, tag="bad", outcome="FAILED")
    sandbox.land_deploy(KEY, rollback_to=0)
    sandbox.land_deploy(KEY, tag="dags", type="DAG_ONLY")
    assert run(sensor(after=last, **deploy_filter))["image_tag"] == tag


def test_a_deploy_by_id(sensor: Any, sandbox: SandboxProcess) -> None:
    """Whatever its type and however old."""
    deploy_filter = row(sandbox, "b")["id"]
    assert run(sensor(deploy_id=deploy_filter, types=["DAG_ONLY"]))["id"] == deploy_filter


def test_a_deploy_that_ended_otherwise(sensor: Any, sandbox: SandboxProcess) -> None:
    """It is not waited for for ever, and no retry would help."""
    failed = sandbox.land_deploy(KEY, tag="d", outcome="FAILED", reason="no disk")
    with pytest.raises(errors.DeployEndedOtherwise, match="no disk") as failure:
        run(sensor(deploy_id=failed["id"]))
    assert isinstance(failure.value, AirflowFailException)


@pytest.mark.parametrize(
    ("kwargs", "kind"),
    [
        ({"deployment_id": ""}, errors.BadInput),
        ({"deployment_id": "c000000000000000000000000"}, errors.DeploymentNotFound),
        ({"deploy_id": "c000000000000000000000000"}, errors.DeployNotFound),
        ({"after": "c000000000000000000000000"}, errors.DeployNotFound),
        ({"after": "2026-11-01"}, errors.BadInput),
        ({"after": "{'no': 'cursor'}"}, errors.BadInput),
    ],
    ids=str,
)
def test_bad_input_fails_at_once(sensor: Any, kwargs: dict[str, Any], kind: type[Exception]) -> None:
    """Without a retry, by name."""
    with pytest.raises(kind) as failure:
        run(sensor(**kwargs))
    assert isinstance(failure.value, AirflowFailException)


def test_soft_fail_skips_what_fails_at_once(any_mode: Any) -> None:
    """An unknown Deployment skips the task in each mode, as Airflow's documentation says of soft_fail."""
    with pytest.raises(AirflowSkipException):
        run(any_mode(deployment_id="c000000000000000000000000", soft_fail=True), Rescheduled())


def test_never_fail_skips_what_may_be_retried(
    any_mode: Any, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An expired token leaves the retries in force, with soft_fail too; never_fail skips the task."""
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", sandbox.connection_json("expired"))
    usual = {"deployment_id": sandbox.deployment(KEY)["id"], "poke_interval": 0.1}
    with pytest.raises((errors.TokenExpired, errors.WaitBrokenOff)):
        run(any_mode(**usual, soft_fail=True), Rescheduled())
    with pytest.raises(AirflowSkipException):
        run(any_mode(**usual, never_fail=True), Rescheduled())


def test_a_time_may_be_native(sandbox: SandboxProcess, sensor: Any) -> None:
    """With render_template_as_native_obj a template renders a datetime; the time of the run is not taken."""
    last = datetime.fromisoformat(row(sandbox, "b")["createdAt"].replace("Z", "+00:00"))
    assert run(sensor(after=last + timedelta(seconds=1)))["image_tag"] == "c"


def test_an_outage_is_waited_out(sensor: Any, sandbox: SandboxProcess) -> None:
    """A platform that answers again answers the sensor."""
    after = row(sandbox, "b")["id"]
    sandbox.fault("status", None, status=503, count=12)
    assert run(sensor(after=after))["image_tag"] == "c"


@pytest.mark.parametrize(("soft_fail", "kind"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)])
def test_the_time_is_up(sensor: Any, sandbox: SandboxProcess, soft_fail: bool, kind: type[Exception]) -> None:
    """The error is Airflow's own, whether it comes here or in the triggerer; soft_fail skips the task."""
    with pytest.raises(kind):
        run(sensor(after=row(sandbox, "c")["id"], timeout=0.5, soft_fail=soft_fail))


def test_a_token_that_stays_refused(
    sensor: Any, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for until the time-out, and no retry would help."""
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", sandbox.connection_json("no-history"))
    with pytest.raises(errors.PermissionMissing) as failure:
        run(sensor(after="2020-01-01T00:00:00+00:00"))
    assert isinstance(failure.value, AirflowFailException)
    assert TOKENS["no-history"].value not in str(failure.value)
    assert "deployment.deployRevisions.get" in str(failure.value)


def test_the_beginning_is_that_of_the_run(sandbox: SandboxProcess) -> None:
    """All tries and pokes agree on it."""
    began = datetime.now(timezone.utc) - timedelta(seconds=1500)
    run_ = SimpleNamespace(queued_at=began, start_date=began + timedelta(seconds=700))
    found: Any = make_sensor(sandbox).poke({"ti": TaskInstance(), "dag_run": run_})
    assert isinstance(found, PokeReturnValue)
    assert (found.xcom_value or {})["image_tag"] == "c"


def test_rescheduled_pokes_know_nothing_of_each_other(sandbox: SandboxProcess) -> None:
    """Each is a process of its own: the next deploy is found all the same."""
    after = row(sandbox, "c")["id"]

    def poke() -> Any:
        return make_sensor(sandbox, after=after, mode="reschedule").poke({"ti": TaskInstance()})

    assert not poke()
    sandbox.land_deploy(KEY, tag="d")
    assert poke().xcom_value["image_tag"] == "d"


def test_rescheduled_pokes_do_not_count_refusals(
    sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poke starts no count of three: the first refusal fails the task."""
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", sandbox.connection_json("expired"))
    with pytest.raises(errors.TokenExpired):
        make_sensor(sandbox, mode="reschedule").poke({"ti": TaskInstance()})


def test_a_token_that_expires_between_two_polls(
    sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The poll after the refused one reads the connection anew; if that does not help, the retries apply."""
    sensor = make_sensor(sandbox, after=row(sandbox, "c")["id"])
    context: Any = {"ti": TaskInstance()}
    assert not sensor.poke(context)
    sandbox.settings(expired_tokens=["viewer"])
    assert not sensor.poke(context)
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", sandbox.connection_json("editor"))
    sandbox.land_deploy(KEY, tag="d")
    found: Any = sensor.poke(context)
    assert found.xcom_value["image_tag"] == "d"
    sandbox.settings(expired_tokens=["viewer", "editor"])
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", sandbox.connection_json("no-history"))
    assert not sensor.poke(context)
    assert not sensor.poke(context)
    with pytest.raises(errors.PermissionMissing) as failure:
        sensor.poke(context)
    assert not isinstance(failure.value, AirflowFailException)


def test_a_token_that_is_renewed_during_a_deferral(
    sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The triggerer reads the connection again after the refusal, and goes on."""
    monkeypatch.setattr("airflow_rollback_provider.domain.poller.FIRST_DELAY", 0.1)

    def renew() -> None:
        monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", sandbox.connection_json("editor"))
        sandbox.settings(expired_tokens=["viewer"])
        sandbox.land_deploy(KEY, tag="d")

    sensor = make_sensor(sandbox, after=row(sandbox, "c")["id"], deferrable=True)
    sandbox.clear_requests()
    with after_requests(sandbox, 10, renew):
        assert run(sensor)["image_tag"] == "d"


def test_what_has_come_is_not_deferred(sandbox: SandboxProcess) -> None:
    """A deploy that is there already needs no deferral; a deferral has a time-out."""
    context: Any = {"ti": TaskInstance()}
    there = make_sensor(sandbox, after=row(sandbox, "b")["id"], deferrable=True)
    assert there.execute(context)["image_tag"] == "c"
    waits = make_sensor(sandbox, after=row(sandbox, "c")["id"], deferrable=True, timeout=60)
    with pytest.raises(TaskDeferred) as deferral:
        waits.execute(context)
    assert deferral.value.timeout > timedelta(minutes=5)


@pytest.mark.skipif(AIRFLOW_3, reason="the example waits in a sensor on Airflow 2")
def test_the_example_is_a_chain(sandbox: SandboxProcess) -> None:
    """Each run goes on where the one before left off; the first begins with what lands."""
    left: list[str] = []

    class Previous(TaskInstance):
        """The run before."""

        def xcom_pull(self, task_ids: str, key: str, include_prior_dates: bool) -> str | None:
            """Return what it left, if there was one."""
            assert (task_ids, key, include_prior_dates) == ("wait_for_deploy", "cursor", True)
            return left[-1] if left else None

    example = Path(__file__).resolve().parents[2] / "example_dags" / "example_watch_and_roll_back.py"

    def waits() -> Any:
        sensor = runpy.run_path(str(example))["wait"]
        sensor.deployment_id = sandbox.deployment(KEY)["id"]
        sensor.render_template_fields({"ti": Previous()})
        return sensor

    assert waits()._subscription({}).start_cursor is None
    ti = TaskInstance()
    began = datetime.now(timezone.utc) - timedelta(seconds=1500)
    assert run(waits(), ti, dag_run=SimpleNamespace(queued_at=began))["image_tag"] == "c"
    left.append(ti.xcom["cursor"])
    sandbox.land_deploy(KEY, tag="d")
    assert run(waits())["image_tag"] == "d"


def test_rejected_content_is_named(sensor: Any, sandbox: SandboxProcess) -> None:
    """The result says by which rollback; else the field is empty."""
    back = sandbox.land_deploy(KEY, rollback_to=0, description="Orders fail")
    again = sandbox.land_deploy(KEY, tag="c")
    found = run(sensor(after=back["id"]))
    assert found["id"] == again["id"]
    assert (found["rejected"]["rollback_id"], found["rejected"]["reason"]) == (back["id"], "Orders fail")
    first = sandbox.deployment(KEY)["deploys"][-1]["id"]
    assert run(sensor(after=first))["rejected"] is None
