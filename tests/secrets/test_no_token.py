# SPDX-License-Identifier: Apache-2.0
"""A token is in the header of a request and nowhere else.

``tests/faults/test_matrix.py`` searches the results of each of its cases in the same way.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_rollback_provider.cli import main
from airflow_rollback_provider.compat import AIRFLOW_3, TaskDeferred
from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.http.secret import Secret
from airflow_rollback_provider.operators.rollback import RollbackOperator
from airflow_rollback_provider.platforms.private_cloud.graphql import post
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.tokens import TOKENS
from tests.faults.engine import short_pauses
from tests.support.leaks import Evidence, disguises, listening
from tests.support.store import DictStore
from tests.support.task_run import TaskInstance, first_event, restored, run

CONNECTION = "AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT"
EDITOR = TOKENS["editor"].value


@pytest.fixture
def evidence() -> Iterator[Evidence]:
    """The results of the test; they are searched at its end."""
    evidence = Evidence()
    with listening(evidence), short_pauses():
        yield evidence
    evidence.require_clean()


@pytest.fixture
def sandbox(rollback_sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> SandboxProcess:
    """The platform, with a rollback that is in progress after the first poll."""
    monkeypatch.setenv(CONNECTION, rollback_sandbox.connection_json("editor"))
    rollback_sandbox.settings(rollback_seconds=0.3)
    return rollback_sandbox


def task(sandbox: SandboxProcess, store: DictStore, **kwargs: Any) -> RollbackOperator:
    """Return a task whose arguments are templates."""
    operator = RollbackOperator(
        task_id="roll_back",
        **{
            "deployment_id": "{{ params.deployment }}",
            "description": "{{ params.reason }} of {{ ti.dag_id }}",
            "poll_interval": 0.05,
            **kwargs,
        },
    )
    operator.state_store = lambda context: store  # type: ignore[method-assign]
    return operator


def render(operator: RollbackOperator, context: Any, evidence: Evidence) -> None:
    """Render the templates as Airflow does, and store them as for its page *Rendered template*."""
    operator.render_template_fields(context)
    for name in operator.template_fields:
        evidence.add("rendered", {name: getattr(operator, name)})


@pytest.mark.parametrize("deferrable", [False, True], ids=["polling", "deferred"])
def test_a_rollback(
    sandbox: SandboxProcess, evidence: Evidence, capfd: pytest.CaptureFixture[str], deferrable: bool
) -> None:
    """From the templates to the XCom: each object of the task, and each line that it logs."""
    store, ti = DictStore(), TaskInstance()
    operator = task(sandbox, store, deferrable=deferrable)
    params = {"deployment": sandbox.deployment("image-af3")["id"], "reason": "too slow"}
    context: Any = {"ti": ti, "params": params}
    render(operator, context, evidence)
    try:
        result = operator.execute(context)
    except TaskDeferred as deferred:
        evidence.add_error(deferred)
        trigger = deferred.trigger
        evidence.add("trigger", trigger.serialize())
        evidence.add("trigger", vars(trigger))
        evidence.add_pickle("trigger", trigger)
        event = asyncio.run(first_event(restored(trigger)))
        evidence.add("event", event)
        result = operator.resume(context, event)
    operator.on_kill()
    captured = capfd.readouterr()
    for where, what in {
        "result": result,
        "xcom": ti.xcom,
        "store": store.written,
        "operator": vars(operator),
        "output": captured.out + captured.err,
        "platform": sandbox.state(),
    }.items():
        evidence.add(where, what)
    assert result["status"] == "done"
    assert evidence.holds("rendered", "too slow of remediation")
    assert evidence.holds("log", "Rollback plan for")
    assert evidence.holds("log", "POST /v1")
    assert evidence.holds("trigger", "tracking") is deferrable


@pytest.mark.parametrize("token", [name for name in TOKENS if name != "service-account"])
def test_every_token_by_itself(
    sandbox: SandboxProcess, evidence: Evidence, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """Also refused tokens, with the result of Airflow's button *Test*."""
    monkeypatch.setenv(CONNECTION, sandbox.connection_json(token))
    evidence.add("test", DeployHistoryHook().test_connection())
    operator = task(sandbox, DictStore(), description="why")
    operator.deployment_id = sandbox.deployment("image-af3")["id"]
    try:
        evidence.add("result", run(operator))
    except RollbackError as error:
        evidence.add_error(error)
    evidence.add("platform", sandbox.state())
    assert evidence.holds("test", "(")


def test_objects_of_a_used_hook(sandbox: SandboxProcess, evidence: Evidence) -> None:
    """Neither their representations nor their pickles contain it, before and after use."""
    hook = DeployHistoryHook()
    for _ in range(2):
        things = {
            "hook": hook,
            "platform": hook.platform,
            "transport": hook.transport,
            "policy": hook.transport._policy,
            "connected": hook._connected,
            "capabilities": hook.capabilities,
        }
        for name, thing in things.items():
            evidence.add(name, thing)
            evidence.add_pickle(name, thing)
        plan = hook.plan(sandbox.deployment("image-af3")["id"])
        evidence.add("plan", plan.to_dict())
        evidence.add_pickle("plan", plan)
    assert evidence.holds("hook", "astro_private_cloud_default")


def test_a_request(evidence: Evidence) -> None:
    """The one object with the token in clear text does not show it."""
    request = post("https://houston.example.com/v1", "deploy", "query { x }", {}, EDITOR)
    assert request.headers["authorization"] == EDITOR
    evidence.add("request", request)


@pytest.mark.parametrize(
    "change",
    [
        {"host": "http://127.0.0.1:9"},
        {"host": "https://127.0.0.1:9"},
        {"host": "http://no-such-host.invalid", "extra": {"allow_http": True}},
        {"host": "http://elsewhere.example.com"},
        {"password": f"Basic {EDITOR}"},
        {"password": f"{EDITOR}\n{EDITOR}"},
        {"password": f"{EDITOR}é"},
        {"extra": {"connect_timeout": EDITOR}},
        {"extra": {"proxies": f"http://user:{EDITOR}@127.0.0.1:9"}},
        {"extra": {"proxies": f"ftp://user:{EDITOR}@127.0.0.1:9"}},
        {"extra": {"ca_bundle": "/no/such/file"}},
    ],
    ids=lambda change: "-".join(change),
)
def test_a_connection_that_does_not_work(
    sandbox: SandboxProcess, evidence: Evidence, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    """The error never quotes the token, not even from the wrong field."""
    connection = {**sandbox.connection("editor"), **change}
    monkeypatch.setenv(CONNECTION, json.dumps(connection))
    hook = DeployHistoryHook()
    works, words = hook.test_connection()
    evidence.add("test", words)
    try:
        hook.read(sandbox.deployment("image-af3")["id"])
    except RollbackError as error:
        evidence.add_error(error)
    assert not works or "ca_bundle" in str(change)


@pytest.mark.parametrize("token", ["editor", "viewer", "expired", "no-history"])
@pytest.mark.parametrize("command", ["history", "plan", "roll-back"])
def test_the_command_line(
    sandbox: SandboxProcess,
    evidence: Evidence,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    token: str,
    command: str,
) -> None:
    """Also with the output of ``--debug``."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    monkeypatch.setenv(CONNECTION, sandbox.connection_json(token))
    more = ["--description", "too slow", "--yes"] if command == "roll-back" else []
    code = main([command, sandbox.deployment("image-af3")["id"], "--debug", *more])
    captured = capfd.readouterr()
    evidence.add("output", captured.out)
    evidence.add("output", captured.err)
    assert (code == 0) is (token == "editor" or (token == "viewer" and command == "history"))
    assert captured.out or captured.err


# The search itself


@pytest.mark.parametrize("form", disguises(EDITOR))
def test_the_search_finds_a_token_in_every_form(form: str) -> None:
    """Plain, quoted for a URL, as base64 and as hex."""
    evidence = Evidence()
    evidence.add("somewhere", f"before {form} after")
    assert len(evidence.find()) >= 1


def _leaking_quiet_log() -> None:
    logging.getLogger("some.library.nobody.has.heard.of").debug(EDITOR)


def _leaking_traceback() -> None:
    try:
        raise ValueError(EDITOR)
    except ValueError:
        logging.getLogger("x").exception("it failed")


@pytest.mark.parametrize("leak", [_leaking_quiet_log, _leaking_traceback])
def test_the_search_finds_a_token_in_the_log(leak: Any) -> None:
    """It finds a library that logs quietly, and what a traceback quotes."""
    evidence = Evidence()
    with listening(evidence):
        leak()
    assert evidence.find()


@pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 logs through the standard library alone")
def test_the_search_finds_a_token_in_a_tasks_log(sandbox: SandboxProcess) -> None:
    """The operator's log takes another path on Airflow 3."""
    evidence = Evidence()
    with listening(evidence):
        task(sandbox, DictStore()).log.info("token %s", EDITOR)
    assert evidence.find()


def test_the_search_finds_a_token_in_an_error() -> None:
    """In its text, its notes, a cause, an attribute or a local variable."""

    def fail(how: str) -> None:
        held = EDITOR if how == "local" else ""
        error = RuntimeError(EDITOR if how == "text" else f"it failed with {len(held)}")
        if how == "note":
            error.__notes__ = [EDITOR]
        if how == "attribute":
            error.request = EDITOR  # type: ignore[attr-defined]
        raise error from (ValueError(EDITOR) if how == "cause" else None)

    for how in ("text", "note", "attribute", "cause", "local"):
        evidence = Evidence()
        with pytest.raises(RuntimeError) as caught:
            fail(how)
        evidence.add_error(caught.value)
        assert evidence.find(), how
    evidence = Evidence()
    with pytest.raises(RuntimeError) as caught:
        fail("not at all")
    evidence.add_error(caught.value)
    evidence.require_clean()


def test_the_search_finds_a_hook_that_pickles_its_token(
    sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds a hook that stores its token."""
    monkeypatch.setattr(Secret, "__reduce__", lambda self: (Secret, (self._value,)))
    monkeypatch.setattr(Secret, "__repr__", lambda self: self._value)
    hook, evidence = DeployHistoryHook(), Evidence()
    evidence.add_pickle("platform", hook.platform)
    evidence.add("platform", vars(vars(hook.platform)["_settings"]))
    assert len(evidence.find()) >= 2
