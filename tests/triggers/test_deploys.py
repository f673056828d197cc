# SPDX-License-Identifier: Apache-2.0
"""A watcher yields one event for each deploy, whatever fails; a trigger for a task yields one event."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any
from unittest.mock import Mock

import pytest

from airflow_rollback_provider.compat import AIRFLOW_3
from airflow_rollback_provider.deploy_events.poll import Subscription
from airflow_rollback_provider.deploy_events.subscription import Cursor, DeployFilter, WaitResult, WaitStatus
from airflow_rollback_provider.domain.errors import (
    BadInput,
    DeploymentNotFound,
    TokenRefused,
    WaitBrokenOff,
    WaitFailed,
)
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.tokens import TOKENS
from airflow_rollback_provider.triggers import deploys
from airflow_rollback_provider.triggers.deploys import DeployLandedTrigger, DeployPoller, DeployTrigger
from tests.support.store import DictStore
from tests.support.task_run import first_event, restored

KEY = "watched"
SECONDS = 120.0
Until = Callable[[], object]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> DictStore:
    """The store that outlives a triggerer."""
    store = DictStore()
    monkeypatch.setattr(deploys, "trigger_store", lambda _trigger, _description: store)
    monkeypatch.setattr(deploys, "SECONDS_UNTIL_STORED", 0.05)
    return store


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, rollback_sandbox: SandboxProcess) -> SandboxProcess:
    """A platform with a Deployment that has run for a while, and a connection to it."""
    monkeypatch.setenv("AIRFLOW_CONN_WATCHER", rollback_sandbox.connection_json("editor"))
    rollback_sandbox.add_deployment(KEY, deploys=[{"age": 3000, "tag": "a"}, {"age": 2000, "tag": "b"}])
    return rollback_sandbox


def watcher(sandbox: SandboxProcess, **kwargs: Any) -> DeployLandedTrigger:
    """A watcher that polls often."""
    made = DeployLandedTrigger(
        deployment_id=sandbox.deployment(KEY)["id"],
        **{"poll_interval": 0.05, "astro_conn_id": "watcher", **kwargs},
    )
    return restored(made)


@asynccontextmanager
async def watching(trigger: DeployLandedTrigger) -> AsyncIterator[list[dict[str, Any]]]:
    """Run a watcher as the triggerer does, and collect its events; at the end it is cancelled."""
    told: list[dict[str, Any]] = []

    async def run() -> None:
        try:
            async for event in trigger.run():
                told.extend(json.loads(json.dumps(event.payload))["deploys"])
        finally:
            await trigger.cleanup()

    task = asyncio.create_task(run())
    try:
        yield told
    finally:
        assert not task.done(), "a watcher never ends by itself"
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(done: Until) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


def tags(told: list[dict[str, Any]]) -> list[str]:
    """The image tags of the reported deploys."""
    return [deploy["image_tag"] for deploy in told]


async def begun(store: DictStore) -> None:
    """Wait until a watcher has polled for the first time."""
    await until(lambda: store.texts)


async def test_what_is_new_at_one_look_is_one_event(sandbox: SandboxProcess, store: DictStore) -> None:
    """Of several events close together Airflow hands a run the first alone, and the others wait for long."""
    first = sandbox.deployment(KEY)["deploys"][-1]["id"]
    for tag in ("c", "d"):
        sandbox.land_deploy(KEY, tag=tag)
    event = await first_event(watcher(sandbox, after=first))
    assert tags(event["deploys"]) == ["b", "c", "d"]
    assert event["deployment_id"] == sandbox.deployment(KEY)["id"]


async def test_only_what_was_asked_for(sandbox: SandboxProcess, store: DictStore) -> None:
    """Deploys that failed, rollbacks and those in progress are left out, until one of these lands."""
    async with watching(watcher(sandbox)) as told:
        await begun(store)
        sandbox.land_deploy(KEY, tag="failed", outcome="FAILED")
        sandbox.land_deploy(KEY, rollback_to=0)
        slow = sandbox.land_deploy(KEY, tag="slow", seconds=None)
        sandbox.land_deploy(KEY, tag="quick")
        await until(lambda: tags(told) == ["quick"])
        sandbox.change_deploy(KEY, slow["id"], outcome="DEPLOYED", seconds=0)
        await until(lambda: tags(told) == ["quick", "slow"])


async def test_restarts(sandbox: SandboxProcess, store: DictStore) -> None:
    """The next triggerer reports deploys that landed while none ran, in their order, and repeats no event."""
    async with watching(watcher(sandbox)) as told:
        await begun(store)
        sandbox.land_deploy(KEY, tag="c")
        await until(lambda: told and told[0]["id"] in str(store.texts))
    sandbox.land_deploy(KEY, tag="d")
    sandbox.land_deploy(KEY, tag="e")
    async with watching(watcher(sandbox)) as told_later:
        await until(lambda: len(told_later) == 2)
        sandbox.land_deploy(KEY, tag="f")
        await until(lambda: len(told_later) == 3)
    assert tags(told) == ["c"]
    assert tags(told_later) == ["d", "e", "f"]


async def test_killed_before_the_event_can_have_arrived(
    sandbox: SandboxProcess, store: DictStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event is repeated: the cursor is stored only after Airflow had time to store the event."""
    monkeypatch.setattr(deploys, "SECONDS_UNTIL_STORED", 3600.0)
    async with watching(watcher(sandbox)) as told:
        await begun(store)
        sandbox.land_deploy(KEY, tag="c")
        await until(lambda: told)
    async with watching(watcher(sandbox)) as told_again:
        await until(lambda: told_again)
    assert tags(told) == tags(told_again) == ["c"]


@pytest.mark.parametrize("kind", ["status", "drop_before"])
async def test_outages_of_the_platform(
    sandbox: SandboxProcess, store: DictStore, kind: str, monkeypatch: Any
) -> None:
    """The watcher waits for their end, and reports the deploys that landed meanwhile."""
    monkeypatch.setattr(deploys, "LONGEST_PAUSE_IN_AN_OUTAGE", 0.1)
    async with watching(watcher(sandbox)) as told:
        await begun(store)
        sandbox.fault(kind, None, count=8, **({"status": 503} if kind == "status" else {}))
        sandbox.land_deploy(KEY, tag="c")
        await until(lambda: told)
    assert tags(told) == ["c"]


async def test_a_token_that_is_refused_for_a_while(
    sandbox: SandboxProcess, store: DictStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is read again at each poll after a failed one: a user may have corrected it."""
    monkeypatch.setattr(deploys, "LONGEST_PAUSE_IN_AN_OUTAGE", 0.1)
    async with watching(watcher(sandbox)) as told:
        await begun(store)
        monkeypatch.setenv("AIRFLOW_CONN_WATCHER", sandbox.connection_json("expired"))
        sandbox.settings(expired_tokens=["expired", "editor"])
        sandbox.land_deploy(KEY, tag="c")
        before = len(sandbox.requests())
        await until(lambda: len(sandbox.requests()) > before + 3)
        monkeypatch.setenv("AIRFLOW_CONN_WATCHER", sandbox.connection_json("viewer"))
        await until(lambda: told)
    assert tags(told) == ["c"]


async def test_a_connection_that_is_made_later(
    sandbox: SandboxProcess, store: DictStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watcher that cannot begin waits until it can."""
    monkeypatch.setattr(deploys, "LONGEST_PAUSE_IN_AN_OUTAGE", 0.1)
    async with watching(watcher(sandbox, astro_conn_id="made_later")) as told:
        await asyncio.sleep(0)
        monkeypatch.setenv("AIRFLOW_CONN_MADE_LATER", sandbox.connection_json("editor"))
        await begun(store)
        sandbox.land_deploy(KEY, tag="c")
        await until(lambda: told)
    assert tags(told) == ["c"]


async def test_airflows_database_is_away(
    sandbox: SandboxProcess, store: DictStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deploy is reported once though the cursor could not be stored; it is stored later."""
    async with watching(watcher(sandbox)) as told:
        await begun(store)
        store.down = {"get", "set"}
        row = sandbox.land_deploy(KEY, tag="c")
        await until(lambda: told)
        looks = len(sandbox.requests())
        await until(lambda: len(sandbox.requests()) > looks + 3)
        store.down.clear()
        await until(lambda: row["id"] in str(store.texts))
    assert tags(told) == ["c"]


def test_equal_arguments_are_one_trigger() -> None:
    """Airflow identifies a watcher by its class and arguments: they are plain, and in one order."""
    one = DeployLandedTrigger(
        "dep", statuses=("succeeded", "failed"), types=("b", "a", "b"), poll_interval=60
    )
    other = DeployLandedTrigger("dep", statuses=["FAILED", "succeeded"], types=["A", "B"], poll_interval=60.0)
    assert one.serialize() == other.serialize()
    assert json.dumps(one.serialize()) == json.dumps(other.serialize())
    assert restored(one).serialize() == one.serialize()
    if AIRFLOW_3:
        assert DeployLandedTrigger.hash(*one.serialize()) == DeployLandedTrigger.hash(*other.serialize())


def test_the_cursor_is_that_of_the_arguments() -> None:
    """Each trigger of Airflow has its own cursor: two that shared one would miss deploys."""

    def key(**kwargs: Any) -> str:
        return DeployLandedTrigger("dep", **kwargs)._key

    assert key() == key(poll_interval=60)
    others = ({"rollbacks": True}, {"types": ["DAG_ONLY"]}, {"after": "x"}, {"poll_interval": 5})
    assert len({key(), *(key(**kwargs) for kwargs in others)}) == 5


@pytest.mark.parametrize("kept", ['{"head": "d1"}', "[1]"])
async def test_a_damaged_cursor(
    sandbox: SandboxProcess, store: DictStore, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log names it and says what to do; once it is deleted, the watcher goes on."""
    log = Mock()
    monkeypatch.setattr(DeployLandedTrigger, "log", log)
    monkeypatch.setattr(deploys, "LONGEST_PAUSE_IN_AN_OUTAGE", 0.1)
    made = watcher(sandbox)
    store.texts[made._key] = kept
    with pytest.raises(BadInput, match=f"{made._key}.*Delete"):
        await made._read_cursor()
    async with watching(made) as told:
        await until(lambda: made._key in str(log.warning.call_args))
        del store.texts[made._key]
        await until(lambda: store.texts)
        sandbox.land_deploy(KEY, tag="c")
        await until(lambda: told)
    assert tags(told) == ["c"]


def test_bad_arguments_are_told_when_the_dag_is_parsed() -> None:
    """Not in the triggerer, where they would stop others."""
    made = DeployLandedTrigger("dep", statuses=["landed"])
    with pytest.raises(BadInput, match="not a deploy status"):
        made.serialize()


def waiting(sandbox: SandboxProcess, seconds: float = 60.0, **subscription: Any) -> DeployTrigger:
    """A trigger of a task that waits."""
    deploy_filter = Subscription(**{
        "deployment": sandbox.deployment(KEY)["id"],
        "deploy_filter": DeployFilter(),
        **subscription,
    })
    return DeployTrigger("watcher", deploy_filter.to_dict(), None, 0.05, time.time() + seconds)


async def wait_result(trigger: DeployTrigger) -> WaitResult:
    """Run a trigger to its event."""
    return WaitResult.from_dict(await first_event(restored(trigger)))


async def test_a_task_waits_for_a_deploy_by_id(sandbox: SandboxProcess) -> None:
    """Until it has come to the state; one that ends otherwise is not waited for for ever."""
    slow = sandbox.land_deploy(KEY, tag="c", seconds=None)
    waits = asyncio.create_task(wait_result(waiting(sandbox, deploy_id=slow["id"])))
    seen = len(sandbox.requests())
    await until(lambda: len(sandbox.requests()) > seen + 2)
    sandbox.change_deploy(KEY, slow["id"], outcome="FAILED", seconds=0, reason="no disk")
    ended = await waits
    assert ended.status is WaitStatus.OTHERWISE
    assert "no disk" in ended.message


async def test_a_task_keeps_its_deadline(sandbox: SandboxProcess) -> None:
    """Though the platform is away, and with what it waited for in the message."""
    sandbox.fault("status", None, status=503, count=None)
    ended = await wait_result(waiting(sandbox, seconds=0.3, after="2020-01-01T00:00:00+00:00"))
    assert ended.status is WaitStatus.TIMED_OUT
    assert "to be succeeded" in ended.message


async def test_what_waiting_cannot_cure(sandbox: SandboxProcess) -> None:
    """A Deployment that does not exist ends in an event, and by name: no retry would help."""
    ended = await wait_result(waiting(sandbox, deployment="c000000000000000000000000", after=None))
    assert ended.status is WaitStatus.BROKEN_OFF
    with pytest.raises(DeploymentNotFound, match="c000000000000000000000000"):
        ended.require()


@pytest.mark.parametrize("polled", [False, True])
def test_a_token_that_stays_refused(polled: bool) -> None:
    """A retry may cure it if the token was accepted before: the connection may have a new one by then."""
    poller = DeployPoller(Subscription("dep", DeployFilter()), 100.0, 1.0, lambda: 0.0)
    if polled:
        assert poller.on_result((None, Cursor("dep")), 1.0) is None
    refusals = [TokenRefused("no") for _ in range(3)]
    assert [poller.on_error(refusal, 1.0) for refusal in refusals[:2]] == [None, None]
    with pytest.raises(TokenRefused) as caught:
        poller.on_error(refusals[2], 1.0)
    assert caught.value.retryable is polled


async def test_what_a_retry_may_cure(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error, such as a missing connection, breaks the wait off."""
    made = waiting(sandbox)
    monkeypatch.delenv("AIRFLOW_CONN_WATCHER")
    with pytest.raises(WaitBrokenOff, match="the task's next try continues to wait"):
        (await wait_result(made)).require()


def test_the_event_of_another_version() -> None:
    """A refusal whose name is not known here is one all the same."""
    for name in ("RefusedByTheMoon", "annotations", "Exception"):
        with pytest.raises(WaitFailed, match="no") as failure:
            WaitResult(WaitStatus.BROKEN_OFF, "no", refusal=name).require()
        assert not failure.value.retryable


async def test_no_token_in_what_is_kept(sandbox: SandboxProcess, store: DictStore) -> None:
    """Arguments, events and cursors are plain text in Airflow's database."""
    async with watching(watcher(sandbox)) as told:
        await begun(store)
        sandbox.land_deploy(KEY, tag="c")
        await until(lambda: told)
    kept = json.dumps([watcher(sandbox).serialize(), waiting(sandbox).serialize(), told, store.texts])
    assert TOKENS["editor"].value not in kept


async def test_an_event_names_rejected_content(sandbox: SandboxProcess, store: DictStore) -> None:
    """Of a deploy that brings back what was rolled back from; the field is empty for others."""
    async with watching(watcher(sandbox)) as told:
        await begun(store)
        sandbox.land_deploy(KEY, tag="bad")
        back = sandbox.land_deploy(KEY, rollback_to=0, description="Orders fail")
        sandbox.land_deploy(KEY, tag="bad")
        await until(lambda: len(told) == 2)
    assert told[0]["rejected"] is None
    rejected = told[1]["rejected"]
    assert (rejected["rollback_id"], rejected["reason"]) == (back["id"], "Orders fail")
    assert datetime.fromisoformat(rejected["rolled_back_at"]).tzinfo is not None
