# SPDX-License-Identifier: Apache-2.0
"""Bringing a Deployment to rest and letting it run again, polling and deferred, on either line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from airflow import DAG

from airflow_rollback_provider import compat
from airflow_rollback_provider.airflow_api.api import Api
from airflow_rollback_provider.compat import AirflowFailException, BaseOperator, TaskDeferred
from airflow_rollback_provider.domain.errors import (
    AccessDenied,
    BadInput,
    DeployInProgress,
    DeploymentNotDrained,
    PermissionMissing,
    PlatformError,
    RunNotSuccessful,
)
from airflow_rollback_provider.drain.drain import DrainRequest, PausedDags, is_of_others
from airflow_rollback_provider.operators import drain as module
from airflow_rollback_provider.operators.drain import DrainDeploymentOperator, ResumeDeploymentOperator
from tests.support.fake_airflow import PASSWORD, UNSCHEDULED, FakeAirflow, serving
from tests.support.paused import DictPaused, remembering
from tests.support.task_run import TaskInstance, first_event, restored, run

CONN = "airflow_api_default"
RUN = ("remediation", "manual__1")
OTHER = ("other", "manual__2")


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> DictPaused:
    """The stored paused Dags of the operators and the trigger."""
    monkeypatch.setattr("airflow_rollback_provider.operators.drain.MOMENT", 0.0)
    return remembering(monkeypatch)


@pytest.fixture(params=["2.11.2", "3.3.2"])
def airflow(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, paused: DictPaused
) -> Iterator[FakeAirflow]:
    """An Airflow with two Dags that run, one that a person paused, and one without a schedule."""
    monkeypatch.setattr("airflow_rollback_provider.domain.poller.FIRST_DELAY", 0.02)
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
        return run(DrainDeploymentOperator(task_id="prepare", **{**usual, **kwargs}))

    return prepare


def restore(**kwargs: Any) -> dict[str, Any]:
    """Let all run again."""
    usual: dict[str, Any] = {"poll_interval": 0.02, "timeout": 5}
    return run(ResumeDeploymentOperator(task_id="restore", **{**usual, **kwargs}))


def at_poll(airflow: FakeAirflow, times: int, change: Callable[[], None]) -> None:
    """Call a function at a number of requests for the tasks."""
    tasks, asked = airflow.find_tasks, []

    def answer(wanted: dict[str, Any]) -> Any:
        asked.append(1)
        if len(asked) == times:
            change()
        return tasks(wanted)

    airflow.find_tasks = answer  # type: ignore[method-assign]


def test_nothing_goes_on(airflow: FakeAirflow, prepare: Any, paused: DictPaused) -> None:
    """Scheduled Dags are paused, stored, and resumed; no other Dag is changed."""
    result = prepare()
    assert (result["drained"], result["paused"], result["paused_count"]) == (True, ["a", "b"], 2)
    assert airflow.paused() == {"a", "b", "resting"}
    assert paused.kept == [PausedDags(RUN, ("a", "b"))]
    assert restore() == {"resumed": ["a", "b"], "gone": [], "count": 2}
    assert airflow.paused() == {"resting"}
    assert paused.kept == []


@pytest.mark.parametrize(
    ("state", "changes", "found"),
    [
        ("running", {3: None}, [{"a", "b", "resting"}]),
        ("deferred", {3: "scheduled", 5: None}, [{"b", "resting"}, {"b", "resting"}]),
        ("running", {2: "deferred", 4: None}, [{"a", "b", "resting"}, {"b", "resting"}]),
    ],
    ids=["it runs", "it waits and wakes up", "it defers at the last moment"],
)
def test_a_dag_with_a_task(
    airflow: FakeAirflow, prepare: Any, state: str, changes: dict[int, str | None], found: list[set[str]]
) -> None:
    """A running task ends in a paused Dag too. A task that waits would never wake up: its Dag runs on."""
    airflow.add_task("a", state)
    paused: list[set[str]] = []

    def change(state: str | None) -> None:
        paused.append(airflow.paused())
        if state is None:
            airflow.tasks.clear()
        else:
            airflow.tasks[0]["state"] = state

    for poll, later in changes.items():
        at_poll(airflow, poll, partial(change, later))
    assert prepare()["drained"]
    assert paused == found
    assert airflow.paused() == {"a", "b", "resting"}


def test_it_does_not_come_to_rest(airflow: FakeAirflow, prepare: Any, paused: DictPaused) -> None:
    """The task fails, may be tried again, and leaves nothing paused."""
    airflow.add_task("by_hand", "running")
    with pytest.raises(
        DeploymentNotDrained, match=r"1 task\(s\) run \(by_hand\).*paused Dags were resumed"
    ) as caught:
        prepare(timeout=timedelta(seconds=0.3))
    assert not isinstance(caught.value, AirflowFailException)
    assert airflow.paused() == {"resting"}
    assert paused.kept == []


def test_going_on_all_the_same(airflow: FakeAirflow, prepare: Any) -> None:
    """Everything is paused then, also what still waits; the result says that it is not at rest."""
    airflow.add_task("a", "deferred")
    result = prepare(timeout=0.3, fail_on_timeout=False)
    assert (result["drained"], result["waiting"]) == (False, 1)
    assert airflow.paused() == {"a", "b", "resting"}


def test_not_waiting(airflow: FakeAirflow, prepare: Any) -> None:
    """Running work goes on, and the result names it."""
    airflow.add_task("a", "running")
    result = prepare(timeout=0)
    assert (result["drained"], result["running"], result["airflow"]) == (False, 1, airflow.version)
    assert result["tasks"] == [{"dag_id": "a", "run_id": "r", "task_id": "t", "state": "running"}]
    assert airflow.paused() == {"a", "b", "resting"}


def test_only_waiting(airflow: FakeAirflow, prepare: Any, paused: DictPaused) -> None:
    """Nothing is paused and nothing stored."""
    airflow.add_task("a", "running")
    at_poll(airflow, 3, airflow.tasks.clear)
    assert prepare(pause=False)["paused_count"] == 0
    assert airflow.paused() == {"resting"}
    assert paused.kept == []


def test_only_waiting_in_vain(airflow: FakeAirflow, prepare: Any, paused: DictPaused) -> None:
    """The Dags that another task paused stay stored: this task neither resumes nor deletes them."""
    paused.keep(CONN, PausedDags(OTHER, ("resting",)))
    airflow.add_task("a", "running")
    with pytest.raises(DeploymentNotDrained):
        prepare(pause=False, timeout=0.3)
    assert airflow.paused() == {"resting"}
    assert paused.kept == [PausedDags(OTHER, ("resting",))]


def test_dags_that_are_to_run_on(airflow: FakeAirflow, prepare: Any) -> None:
    """Those that are named, in whatever form, and the Dag of the task itself, which would never end."""
    airflow.add_dag("remediation")
    airflow.add_task("remediation", "running", task_id="roll_back", dag_run_id="manual__1")  # this task
    assert prepare(exclude_dags="['a']")["paused"] == ["b"]
    assert airflow.paused() == {"b", "resting"}


def test_dags_that_are_to_run_on_and_were_paused_by_an_earlier_try(
    airflow: FakeAirflow, prepare: Any, paused: DictPaused
) -> None:
    """They are not paused again, and stay stored so that they are resumed."""
    airflow.add_dag("remediation")
    paused.keep(CONN, PausedDags(RUN, ("a", "b", "remediation")))
    airflow.dags[0]["is_paused"] = True
    airflow.add_dag("c")
    assert prepare(exclude_dags=["a", "b"])["paused"] == ["c"]
    assert airflow.paused() == {"a", "c", "resting"}
    assert paused.kept == [PausedDags(RUN, ("a", "b", "remediation", "c"))]
    restore()
    assert airflow.paused() == {"resting"}


# What happens in between


def test_nothing_to_restore(airflow: FakeAirflow) -> None:
    """No request is sent."""
    assert restore() == {"resumed": [], "gone": [], "count": 0}
    assert airflow.requests == []


def test_dags_that_are_gone_after_the_rollback(
    airflow: FakeAirflow, prepare: Any, paused: DictPaused
) -> None:
    """They are named, and the others restored."""
    prepare()
    airflow.dags = [dag for dag in airflow.dags if dag["dag_id"] != "a"]
    assert restore() == {"resumed": ["b"], "gone": ["a"], "count": 1}
    assert paused.kept == []


def test_an_airflow_that_is_not_back_yet(airflow: FakeAirflow, prepare: Any) -> None:
    """It is waited for."""
    prepare()
    airflow.faults += [404] * 5
    assert restore()["count"] == 2


def test_an_airflow_that_does_not_come_back(airflow: FakeAirflow, prepare: Any, paused: DictPaused) -> None:
    """The paused Dags stay stored for the next try."""
    prepare()
    airflow.faults += [404] * 10_000
    with pytest.raises(PlatformError) as caught:
        restore(timeout=0.2)
    assert not isinstance(caught.value, AirflowFailException)
    assert paused.kept == [PausedDags(RUN, ("a", "b"), resuming=True)]


@pytest.mark.usefixtures("with_a_token")
def test_a_token_that_expires_before_the_resume(
    airflow: FakeAirflow, prepare: Any, paused: DictPaused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task's retries apply, the error names the paused Dags, and the next try takes the new token."""
    prepare()
    airflow.token = "t0ken-of-tomorrow"
    with pytest.raises(
        AccessDenied, match=r"2 Dag\(s\) may still be paused: a, b\. .*rollback_paused_"
    ) as caught:
        restore()
    assert not isinstance(caught.value, AirflowFailException)
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", airflow.connection_with_token())
    assert restore()["count"] == 2
    assert airflow.paused() == {"resting"}


@pytest.mark.usefixtures("with_a_token")
def test_a_token_that_expires_while_draining(airflow: FakeAirflow, prepare: Any) -> None:
    """The task's retries apply: the login was accepted before."""
    airflow.add_task("a", "running")
    at_poll(airflow, 2, lambda: setattr(airflow, "token", "t0ken-of-tomorrow"))
    with pytest.raises((AccessDenied, DeploymentNotDrained)) as caught:
        prepare()
    assert not isinstance(caught.value, AirflowFailException)


@pytest.mark.usefixtures("with_a_token")
def test_a_token_that_is_renewed_while_draining(
    airflow: FakeAirflow, prepare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait reads the connection again after the refusal, and goes on."""
    airflow.add_task("a", "running")

    def renew() -> None:
        airflow.token = "t0ken-of-tomorrow"
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", airflow.connection_with_token())
        airflow.tasks.clear()

    at_poll(airflow, 3, renew)
    assert prepare()["drained"]


@pytest.mark.usefixtures("with_a_token")
def test_a_token_that_is_renewed_while_resuming(
    airflow: FakeAirflow, prepare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for the wait until Airflow answers again."""
    prepare()
    airflow.token, old = "t0ken-of-tomorrow", airflow.answer

    def answer(*args: Any) -> Any:
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", airflow.connection_with_token())
        return old(*args)

    monkeypatch.setattr(airflow, "answer", answer)
    assert restore()["count"] == 2


def test_who_may_not_pause(airflow: FakeAirflow, paused: DictPaused, monkeypatch: Any) -> None:
    """The task fails for good and says what is missing."""
    monkeypatch.setattr(airflow, "patch", lambda *_: (403, {"detail": "Forbidden"}))
    with pytest.raises(PermissionMissing, match="edit Dags"):
        run(DrainDeploymentOperator(task_id="prepare", timeout=0))


def test_a_connection_that_cannot_be_used(airflow: FakeAirflow, prepare: Any, monkeypatch: Any) -> None:
    """It is no outage to wait for."""
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", json.dumps({"conn_type": "airflow_api"}))
    with pytest.raises(BadInput, match="host") as caught:
        prepare(airflow_conn_id="broken")
    assert isinstance(caught.value, AirflowFailException)


def test_what_the_database_keeps(airflow: FakeAirflow) -> None:
    """No password, and the trigger's deadline before the framework's."""
    airflow.add_task("a", "running")
    operator = DrainDeploymentOperator(task_id="prepare", deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute({"ti": TaskInstance()})
    assert PASSWORD not in json.dumps(deferred.value.trigger.serialize())
    assert timedelta(minutes=30) < deferred.value.timeout


async def test_a_trigger_that_breaks_off(paused: DictPaused) -> None:
    """It says so in its event, and the operator restores."""
    from airflow_rollback_provider.triggers.drain import DrainTrigger

    request = DrainRequest((), ("d", "r", "t"), 0.0, 0.01).to_dict()
    event = await first_event(restored(DrainTrigger("no_such_connection", request)))
    assert event["drained"]["drained"] is False
    assert "no_such_connection" in event["drained"]["message"]


# Others at the same time


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """The runs that have ended; all others go on."""
    ended: set[tuple[str, str]] = set()
    monkeypatch.setattr(
        "airflow_rollback_provider.drain.drain.run_goes_on",
        lambda _context, *run: run not in ended,
    )
    return ended


def other_task() -> TaskInstance:
    """A task of the other run."""
    return TaskInstance(dag_id=OTHER[0], run_id=OTHER[1])


def other_prepares() -> dict[str, Any]:
    """Prepare the same Airflow in the other run."""
    return run(DrainDeploymentOperator(task_id="prepare", timeout=0), other_task())


def other_restores() -> dict[str, Any]:
    """Restore in the other run."""
    return run(ResumeDeploymentOperator(task_id="restore", poll_interval=0.02, timeout=5), other_task())


def polling_prepare() -> dict[str, Any]:
    """Prepare without the triggerer, which has tests of its own."""
    return run(DrainDeploymentOperator(task_id="prepare", deferrable=False, poll_interval=0.02, timeout=30))


@pytest.fixture
def with_a_token(airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several clients may send requests at once: in the fake a login ends the session before it."""
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", airflow.connection_with_token())


def at_request(monkeypatch: pytest.MonkeyPatch, number: int, what: Callable[[], object]) -> Counter[str]:
    """Let something happen right before a request; return how many there were."""
    request, sent = Api.request, Counter[str]()

    def counting(self: Api, *args: Any) -> Any:
        sent["requests"] += 1
        if sent["requests"] == number:
            what()
        return request(self, *args)

    monkeypatch.setattr(Api, "request", counting)
    return sent


class Killed(BaseException):
    """The end of a process."""


def at_every_request(
    monkeypatch: pytest.MonkeyPatch, task: Callable[[], object], what: Callable[[], object]
) -> Iterator[bool]:
    """Run a task again and again with a change at each of its requests; yield whether it stopped."""
    number, sent = 0, Counter(requests=1)
    while number <= sent["requests"]:
        number, stopped = number + 1, False
        with monkeypatch.context() as context:
            sent = at_request(context, number, what)
            try:
                task()
            except (DeploymentNotDrained, DeployInProgress, Killed):
                stopped = True
        yield stopped
    assert number > 5


def test_another_run_has_the_airflow(
    airflow: FakeAirflow, prepare: Any, paused: DictPaused, ended: set[tuple[str, str]]
) -> None:
    """The preparation is refused, names that run and may be tried again; its restore leaves all as it is."""
    other_prepares()
    with pytest.raises(
        DeployInProgress, match=r"'manual__2' of the Dag 'other'.*mark it as failed"
    ) as caught:
        prepare()
    assert not isinstance(caught.value, AirflowFailException)
    assert restore()["count"] == 0
    assert airflow.paused() == {"a", "b", "resting"}
    assert other_restores()["count"] == 2
    assert airflow.paused() == {"resting"}
    assert paused.kept == []


@pytest.mark.parametrize("first", [True, False], ids=["the-next-preparation", "a-restore"])
def test_another_run_ended_without_restoring(
    airflow: FakeAirflow, prepare: Any, paused: DictPaused, ended: set[tuple[str, str]], first: bool
) -> None:
    """The next run goes on with its Dags."""
    other_prepares()
    ended.add(OTHER)
    if first:
        assert prepare()["paused"] == ["a", "b"]
        assert other_restores()["count"] == 0
    assert restore()["resumed"] == ["a", "b"]
    assert airflow.paused() == {"resting"}
    assert paused.kept == []


def test_two_preparations_at_once(
    airflow: FakeAirflow, prepare: Any, paused: DictPaused, ended: set[tuple[str, str]], monkeypatch: Any
) -> None:
    """Both find nothing stored; the one that wrote last holds the drain."""
    written = PausedDags(OTHER)
    monkeypatch.setattr(
        "airflow_rollback_provider.operators.drain.time.sleep", lambda _: paused.keep(CONN, written)
    )
    with pytest.raises(DeployInProgress, match="manual__2"):
        prepare()
    assert airflow.paused() == {"resting"}
    assert paused.kept == [written]


@pytest.mark.usefixtures("with_a_token")
def test_restored_while_preparing(
    airflow: FakeAirflow,
    prepare: Any,
    paused: DictPaused,
    ended: set[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At whatever moment the run's own restore comes, no Dag stays paused after both have ended."""
    for stopped in at_every_request(monkeypatch, prepare, restore):
        if stopped:
            assert airflow.paused() == {"resting"}
        restore()
        assert airflow.paused() == {"resting"}
        assert paused.kept == []


@pytest.mark.usefixtures("with_a_token")
@pytest.mark.parametrize("over", [False, True], ids=["the other goes on", "the other is over"])
def test_taken_over_while_preparing(
    airflow: FakeAirflow,
    paused: DictPaused,
    ended: set[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    over: bool,
) -> None:
    """A task that is left over of a run that has ended stops, and leaves what the other run made."""
    ended.add(RUN)

    def take_over() -> None:
        other_prepares()
        if over:
            other_restores()

    for stopped in at_every_request(monkeypatch, polling_prepare, take_over):
        if stopped and over:
            assert airflow.paused() == {"resting"}
        elif stopped:
            assert paused.kept == [PausedDags(OTHER, ("a", "b"))]
        other_restores()
        restore()
        assert airflow.paused() == {"resting"}
        assert paused.kept == []


@pytest.mark.usefixtures("with_a_token")
def test_taken_over_while_restoring(
    airflow: FakeAirflow,
    paused: DictPaused,
    ended: set[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The Dags that another run has taken over stay stored for that run."""
    ended.add(RUN)
    polling_prepare()
    left = []
    for _ in at_every_request(monkeypatch, restore, other_prepares):
        left.append(paused.recall(CONN))
        other_restores()
        assert airflow.paused() == {"resting"}
        assert paused.kept == []
        polling_prepare()
    assert left == [*[PausedDags(OTHER, ("a", "b"))] * (len(left) - 1), None]


def die() -> None:
    """End the process."""
    raise Killed


@pytest.mark.usefixtures("with_a_token")
@pytest.mark.parametrize("again", [False, True], ids=["the last try", "with another try"])
def test_killed_at_any_moment(
    airflow: FakeAirflow, paused: DictPaused, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """Wherever the preparation was, the restore of its run lets run again what it paused.

    Another try keeps the Dags that the killed one paused, though they are paused already.
    """
    for _ in at_every_request(monkeypatch, polling_prepare, die):
        if again:
            assert polling_prepare()["paused"] == ["a", "b"]
        restore()
        assert airflow.paused() == {"resting"}
        assert paused.kept == []


@pytest.mark.usefixtures("with_a_token")
def test_killed_while_restoring(
    airflow: FakeAirflow, paused: DictPaused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it was, the next try restores the rest."""
    polling_prepare()
    for _ in at_every_request(monkeypatch, restore, die):
        restore()
        assert airflow.paused() == {"resting"}
        assert paused.kept == []
        polling_prepare()


def test_a_request_that_arrives_while_restoring(
    airflow: FakeAirflow, prepare: Any, paused: DictPaused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last request of a killed drain: the resume has stopped it, and checks twice."""
    prepare()

    def arrive(_seconds: float) -> None:
        assert paused.kept == [PausedDags(RUN, ("a", "b"), resuming=True)]
        airflow.dags[0]["is_paused"] = True

    monkeypatch.setattr("airflow_rollback_provider.operators.drain.time.sleep", arrive)
    assert restore() == {"resumed": ["a", "b"], "gone": [], "count": 2}
    assert airflow.paused() == {"resting"}


def test_time_is_up_and_another_has_taken_over(
    airflow: FakeAirflow, prepare: Any, paused: DictPaused
) -> None:
    """The Dags of the other run are not resumed."""
    airflow.add_task("by_hand", "running")
    airflow.dags[0]["is_paused"] = True
    paused.keep(CONN, PausedDags(RUN, ("a", "b")))
    at_poll(airflow, 1, lambda: paused.keep(CONN, PausedDags(OTHER, ("a",))))
    with pytest.raises(DeploymentNotDrained, match=r"manual__2.*has taken them over"):
        prepare(timeout=0.01)
    assert airflow.paused() == {"a", "resting"}
    assert paused.kept == [PausedDags(OTHER, ("a",))]


@pytest.mark.parametrize(("count", "is_theirs"), [(1, True), (0, False)])
def test_whether_another_run_goes_on_in_airflow_3(
    count: int, is_theirs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow counts the runs that are queued or running; one that was deleted is none."""
    monkeypatch.setattr(compat, "AIRFLOW_3", True)
    asked: list[Any] = []
    ti = SimpleNamespace(
        dag_id="d", run_id="r", get_dr_count=lambda **kwargs: (asked.append(kwargs), count)[1]
    )
    assert is_of_others(PausedDags(OTHER), {"ti": ti}) is is_theirs
    assert asked == [{"dag_id": "other", "run_ids": ["manual__2"], "states": ["queued", "running"]}]


@pytest.mark.parametrize(
    ("states", "is_theirs"), [(["running"], True), (["queued"], True), (["failed"], False), ([], False)]
)
def test_whether_another_run_goes_on_in_airflow_2(
    states: list[str], is_theirs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task may read the database."""
    monkeypatch.setattr(compat, "AIRFLOW_3", False)

    class DagRun:
        @staticmethod
        def find(dag_id: str, run_id: str) -> list[SimpleNamespace]:
            assert (dag_id, run_id) == OTHER
            return [SimpleNamespace(state=state) for state in states]

    context = {"ti": SimpleNamespace(dag_id="d", run_id="r"), "dag_run": DagRun()}
    assert is_of_others(PausedDags(OTHER), context) is is_theirs  # type: ignore[arg-type]


def test_ones_own_run() -> None:
    """It is not another run, and no request is sent."""
    ti = SimpleNamespace(dag_id=OTHER[0], run_id=OTHER[1])
    assert not is_of_others(PausedDags(OTHER), {"ti": ti})


@pytest.mark.parametrize(("before", "after"), [("3.3.2", "2.11.2"), ("2.11.2", "3.3.2")])
def test_an_airflow_of_the_other_line_takes_over_while_restoring(
    before: str, after: str, paused: DictPaused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old API server answers once more, and then the new one: the requests use its API version."""
    monkeypatch.setattr("airflow_rollback_provider.domain.poller.FIRST_DELAY", 0.02)
    with serving(FakeAirflow(before)) as fake:
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", fake.connection())
        fake.add_dag("a", is_paused=True)
        fake.add_dag("b", is_paused=True)
        paused.keep(CONN, PausedDags(RUN, ("a", "b")))
        patch = fake.patch

        def last_answer(dag_id: str, body: Any) -> Any:
            answer = patch(dag_id, body)
            fake.change_to(after)
            return answer

        monkeypatch.setattr(fake, "patch", last_answer)
        assert restore()["count"] == 1
        assert fake.paused() == set()


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> tuple[ResumeDeploymentOperator, dict[str, dict[int, str]]]:
    """A task that resumes after two others, and the states of those."""
    states: dict[str, dict[int, str]] = {"roll_back": {-1: "success"}, "verify": {0: "success", 1: "skipped"}}
    monkeypatch.setattr(module, "states_of", lambda _context, task_id: states[task_id])
    with DAG("remediation", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
        operator = ResumeDeploymentOperator(task_id="restore", poll_interval=0.02, timeout=5)
        [BaseOperator(task_id=task_id) for task_id in states] >> operator
    return operator, states


@pytest.mark.usefixtures("paused")
def test_a_resume_with_another_connection_than_the_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would find no paused Dag: it fails, and names both connections. Templates are rendered."""
    monkeypatch.setattr(module, "states_of", lambda _context, _task_id: {-1: "success"})

    def resume(**kwargs: Any) -> Any:
        with DAG("remediation", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
            prepare = DrainDeploymentOperator(task_id="prepare", airflow_conn_id="{{ drained }}")
            restore = ResumeDeploymentOperator(task_id="restore", **kwargs)
            prepare >> BaseOperator(task_id="roll_back") >> restore
        return restore

    with pytest.raises(BadInput, match=r"connection 'airflow_api_default', .* has 'other'") as caught:
        resume().execute({"ti": TaskInstance(), "drained": "other"})
    assert isinstance(caught.value, AirflowFailException)
    assert resume(airflow_conn_id="other").execute({"ti": TaskInstance(), "drained": "other"})["count"] == 0


def test_the_state_of_the_resume_is_that_of_the_run(upstream: Any) -> None:
    """A run that leaves Dags paused is no success, so the teardown counts; it runs whatever came before."""
    operator, _ = upstream
    assert operator.is_teardown
    assert operator.on_failure_fail_dagrun
    assert operator.trigger_rule == "all_done_setup_success"


@pytest.mark.parametrize("state", ["failed", "upstream_failed"])
def test_a_failure_before_the_resume_fails_the_run(
    airflow: FakeAirflow, prepare: Any, upstream: Any, state: str
) -> None:
    """Its Dags are resumed first; its result is in XCom. Skipped tasks are no failure."""
    operator, states = upstream
    prepare()
    assert run(operator)["count"] == 2
    prepare()
    states["verify"][1] = state
    ti = TaskInstance()
    with pytest.raises(RunNotSuccessful, match="because verify failed") as caught:
        run(operator, ti)
    assert isinstance(caught.value, AirflowFailException)
    assert airflow.paused() == {"resting"}
    assert ti.xcom["return_value"]["resumed"] == ["a", "b"]
