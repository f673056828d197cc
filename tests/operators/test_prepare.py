# SPDX-License-Identifier: Apache-2.0
"""Bringing a Deployment to rest and letting it run again, polling and deferred, on either line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from airflow_rollback_provider.compat import AirflowFailException, TaskDeferred
from airflow_rollback_provider.domain.errors import (
    BadInput,
    DeploymentNotAtRest,
    PermissionMissing,
    PlatformError,
)
from airflow_rollback_provider.operators.prepare import PrepareDeploymentOperator, RestoreDeploymentOperator
from tests.support.fake_airflow import PASSWORD, UNSCHEDULED, FakeAirflow, serving
from tests.support.paused import DictPaused
from tests.support.task_run import TaskInstance, first_event, restored, run

CONN = "airflow_api_default"


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> DictPaused:
    """What both operators remember."""
    memory = DictPaused()
    for operator in (PrepareDeploymentOperator, RestoreDeploymentOperator):
        monkeypatch.setattr(operator, "_memory", lambda _self: memory)
    return memory


@pytest.fixture(params=["2.11.2", "3.3.2"])
def airflow(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, paused: DictPaused
) -> Iterator[FakeAirflow]:
    """An Airflow with two Dags that run, one that a person paused, and one without a schedule."""
    monkeypatch.setattr("airflow_rollback_provider.domain.pace.FIRST_DELAY", 0.02)
    with serving(FakeAirflow(request.param)) as fake:
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", fake.connection())
        fake.add_dag("a")
        fake.add_dag("b")
        fake.add_dag("resting", is_paused=True)
        fake.add_dag("by_hand", timetable_description=UNSCHEDULED)
        yield fake


@pytest.fixture
def prepare(deferrable: bool) -> Any:
    """Make the operator and run it to its end."""

    def prepare(**kwargs: Any) -> dict[str, Any]:
        usual = {"poll_interval": 0.02, "deferrable": deferrable, "timeout": 30}
        return run(PrepareDeploymentOperator(task_id="prepare", **{**usual, **kwargs}))

    return prepare


def restore(**kwargs: Any) -> dict[str, Any]:
    """Let all run again."""
    usual: dict[str, Any] = {"poll_interval": 0.02, "timeout": 5}
    return run(RestoreDeploymentOperator(task_id="restore", **{**usual, **kwargs}))


def when_asked(airflow: FakeAirflow, times: int, change: Callable[[], None]) -> None:
    """Let something change when the tasks have been asked for so often."""
    tasks, asked = airflow._tasks, []

    def answer(wanted: dict[str, Any]) -> Any:
        asked.append(1)
        if len(asked) == times:
            change()
        return tasks(wanted)

    airflow._tasks = answer  # type: ignore[method-assign]


def test_nothing_goes_on(airflow: FakeAirflow, prepare: Any, paused: DictPaused) -> None:
    """What Airflow starts by itself is paused, remembered, and runs again; no other Dag is touched."""
    result = prepare()
    assert (result["at_rest"], result["paused"], result["paused_count"]) == (True, ["a", "b"], 2)
    assert airflow.paused() == {"a", "b", "resting"}
    assert paused.kept == {CONN: ("a", "b")}
    assert restore() == {"restored": ["a", "b"], "gone": [], "count": 2}
    assert airflow.paused() == {"resting"}
    assert paused.kept == {}


def test_waiting_for_running_tasks(airflow: FakeAirflow, prepare: Any) -> None:
    """Their Dag is paused meanwhile: they come to their end all the same."""
    airflow.add_task("a", "running")
    seen: list[set[str]] = []

    def end() -> None:
        seen.append(airflow.paused())
        airflow.tasks.clear()

    when_asked(airflow, 3, end)
    assert prepare()["at_rest"]
    assert seen == [{"a", "b", "resting"}]


def test_a_dag_with_a_deferred_task_runs_on(airflow: FakeAirflow, prepare: Any) -> None:
    """It is paused once the task has woken up and ended: in a paused Dag it never would."""
    airflow.add_task("a", "deferred")
    seen: list[set[str]] = []

    def wake_up() -> None:
        seen.append(airflow.paused())
        airflow.tasks[0]["state"] = "scheduled"

    def end() -> None:
        seen.append(airflow.paused())
        airflow.tasks.clear()

    when_asked(airflow, 3, wake_up)
    when_asked(airflow, 5, end)
    assert prepare()["at_rest"]
    assert seen == [{"b", "resting"}, {"b", "resting"}]
    assert airflow.paused() == {"a", "b", "resting"}


def test_a_task_that_defers_at_the_last_moment(airflow: FakeAirflow, prepare: Any) -> None:
    """Its Dag is paused already and runs on for its sake."""
    airflow.add_task("a", "running")
    when_asked(airflow, 2, lambda: airflow.tasks[0].update(state="deferred"))
    seen: list[set[str]] = []

    def end() -> None:
        seen.append(airflow.paused())
        airflow.tasks.clear()

    when_asked(airflow, 4, end)
    assert prepare()["at_rest"]
    assert seen == [{"b", "resting"}]


def test_it_does_not_come_to_rest(airflow: FakeAirflow, prepare: Any, paused: DictPaused) -> None:
    """The task fails, may be tried again, and leaves nothing paused."""
    airflow.add_task("by_hand", "running")
    with pytest.raises(
        DeploymentNotAtRest, match=r"1 task\(s\) run \(by_hand\).*runs again as before"
    ) as caught:
        prepare(timeout=timedelta(seconds=0.3))
    assert not isinstance(caught.value, AirflowFailException)
    assert airflow.paused() == {"resting"}
    assert paused.kept == {}


def test_going_on_all_the_same(airflow: FakeAirflow, prepare: Any) -> None:
    """Everything is paused then, also what still waits; the result says that it is not at rest."""
    airflow.add_task("a", "deferred")
    result = prepare(timeout=0.3, must_rest=False)
    assert (result["at_rest"], result["waiting"]) == (False, 1)
    assert airflow.paused() == {"a", "b", "resting"}


def test_not_waiting(airflow: FakeAirflow, prepare: Any) -> None:
    """What goes on goes on, and is told."""
    airflow.add_task("a", "running")
    result = prepare(timeout=0)
    assert (result["at_rest"], result["running"], result["airflow"]) == (False, 1, airflow.version)
    assert result["tasks"] == [{"dag_id": "a", "run_id": "r", "task_id": "t", "state": "running"}]
    assert airflow.paused() == {"a", "b", "resting"}


def test_only_waiting(airflow: FakeAirflow, prepare: Any, paused: DictPaused) -> None:
    """Nothing is paused and nothing remembered."""
    airflow.add_task("a", "running")
    when_asked(airflow, 3, airflow.tasks.clear)
    assert prepare(pause=False)["paused_count"] == 0
    assert airflow.paused() == {"resting"}
    assert paused.kept == {}


def test_only_waiting_in_vain(airflow: FakeAirflow, prepare: Any, paused: DictPaused) -> None:
    """What another task paused stays remembered: it is not this one's to restore, nor to forget."""
    paused.keep(CONN, ("resting",))
    airflow.add_task("a", "running")
    with pytest.raises(DeploymentNotAtRest):
        prepare(pause=False, timeout=0.3)
    assert airflow.paused() == {"resting"}
    assert paused.kept == {CONN: ("resting",)}


def test_dags_that_are_to_run_on(airflow: FakeAirflow, prepare: Any) -> None:
    """Those that are named, in whatever form, and the Dag of the task itself, which would never end."""
    airflow.add_dag("remediation")
    airflow.add_task("remediation", "running", task_id="prepare", dag_run_id="manual__1")
    ti = TaskInstance(task_id="prepare")
    operator = PrepareDeploymentOperator(
        task_id="prepare", keep_running="['a']", timeout=5, poll_interval=0.02
    )
    assert run(operator, ti)["paused"] == ["b"]
    assert airflow.paused() == {"b", "resting"}


# What happens in between


def test_killed_before_the_first_dag_is_paused(airflow: FakeAirflow, paused: DictPaused) -> None:
    """What is remembered is more than what was paused; restoring it does no harm."""
    paused.keep(CONN, ("a", "b"))
    assert restore() == {"restored": [], "gone": [], "count": 0}
    assert airflow.paused() == {"resting"}


def test_killed_half_way(airflow: FakeAirflow, prepare: Any, paused: DictPaused, monkeypatch: Any) -> None:
    """The next try remembers what the killed one paused, though Airflow says of it that it is paused."""
    with monkeypatch.context() as context:
        context.setattr("airflow_rollback_provider.airflow_api.verbs.AirflowApi.set_paused", _killing(2))
        with pytest.raises(KeyboardInterrupt):
            PrepareDeploymentOperator(task_id="prepare").execute({"ti": TaskInstance()})
    assert airflow.paused() == {"a", "resting"}
    assert paused.kept == {CONN: ("a", "b")}
    assert prepare()["paused"] == ["a", "b"]
    restore()
    assert airflow.paused() == {"resting"}


def _killing(call: int) -> Any:
    from airflow_rollback_provider.airflow_api.verbs import AirflowApi

    set_paused, calls = AirflowApi.set_paused, []

    def killing(self: Any, dag_id: str, paused: bool) -> Any:
        calls.append(dag_id)
        if len(calls) == call:
            raise KeyboardInterrupt
        return set_paused(self, dag_id, paused)

    return killing


def test_killed_while_restoring(
    airflow: FakeAirflow, prepare: Any, paused: DictPaused, monkeypatch: Any
) -> None:
    """The next try restores the rest."""
    prepare()
    with monkeypatch.context() as context:
        context.setattr("airflow_rollback_provider.airflow_api.verbs.AirflowApi.set_paused", _killing(2))
        with pytest.raises(KeyboardInterrupt):
            RestoreDeploymentOperator(task_id="restore").execute({"ti": TaskInstance()})
    assert airflow.paused() == {"b", "resting"}
    assert restore()["restored"] == ["b"]
    assert paused.kept == {}


def test_nothing_to_restore(airflow: FakeAirflow) -> None:
    """Nobody is asked."""
    assert restore() == {"restored": [], "gone": [], "count": 0}
    assert airflow.requests == []


def test_dags_that_are_gone_after_the_rollback(
    airflow: FakeAirflow, prepare: Any, paused: DictPaused
) -> None:
    """They are named, and the others restored."""
    prepare()
    airflow.dags = [dag for dag in airflow.dags if dag["dag_id"] != "a"]
    assert restore() == {"restored": ["b"], "gone": ["a"], "count": 1}
    assert paused.kept == {}


def test_an_airflow_that_is_not_back_yet(airflow: FakeAirflow, prepare: Any) -> None:
    """It is waited for."""
    prepare()
    airflow.faults += [404] * 5
    assert restore()["count"] == 2


def test_an_airflow_that_does_not_come_back(airflow: FakeAirflow, prepare: Any, paused: DictPaused) -> None:
    """What was paused stays remembered for the next try."""
    prepare()
    airflow.faults += [404] * 10_000
    with pytest.raises(PlatformError) as caught:
        restore(timeout=0.2)
    assert not isinstance(caught.value, AirflowFailException)
    assert paused.kept == {CONN: ("a", "b")}


def test_who_may_not_pause(airflow: FakeAirflow, paused: DictPaused, monkeypatch: Any) -> None:
    """The task fails for good and says what is missing."""
    monkeypatch.setattr(airflow, "_patch", lambda *_: (403, {"detail": "Forbidden"}))
    with pytest.raises(PermissionMissing, match="edit Dags"):
        run(PrepareDeploymentOperator(task_id="prepare", timeout=0))


def test_a_connection_that_cannot_be_used(airflow: FakeAirflow, prepare: Any, monkeypatch: Any) -> None:
    """It is no outage to wait for."""
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", json.dumps({"conn_type": "airflow_api"}))
    with pytest.raises(BadInput, match="host") as caught:
        prepare(airflow_conn_id="broken")
    assert isinstance(caught.value, AirflowFailException)


def test_what_the_database_keeps(airflow: FakeAirflow) -> None:
    """No password, and the trigger's deadline before the framework's."""
    airflow.add_task("a", "running")
    operator = PrepareDeploymentOperator(task_id="prepare", deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute({"ti": TaskInstance()})
    assert PASSWORD not in json.dumps(deferred.value.trigger.serialize())
    assert timedelta(minutes=30) < deferred.value.timeout


async def test_a_trigger_that_breaks_off(paused: DictPaused) -> None:
    """It says so in its event, and the operator restores."""
    from airflow_rollback_provider.domain.draining import DrainOrder
    from airflow_rollback_provider.triggers.prepare import RestTrigger

    order = DrainOrder((), ("d", "r", "t"), 0.0, 0.01).to_dict()
    event = await first_event(restored(RestTrigger("no_such_connection", order)))
    assert event["rest"]["drained"] is False
    assert "no_such_connection" in event["rest"]["message"]


def test_restoring_is_a_teardown_without_a_setup() -> None:
    """It runs though what came before it failed, and does not let the run of the Dag succeed for that."""
    operator = RestoreDeploymentOperator(task_id="restore")
    assert operator.is_teardown
    assert not operator.on_failure_fail_dagrun
