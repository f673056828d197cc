# SPDX-License-Identifier: Apache-2.0
"""Tests of the hook against the embedded platform."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
from datetime import datetime, timedelta, timezone
from itertools import islice
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from airflow_rollback_provider.compat import AirflowNotFoundException
from airflow_rollback_provider.domain.deploys import DeployStatus, Scope
from airflow_rollback_provider.domain.errors import (
    BadInput,
    DeploymentNotFound,
    DeployNotFound,
    InvalidConnection,
    PlatformUnreachable,
)
from airflow_rollback_provider.domain.selector import DeploySelector
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.http.client_pool import POOL
from airflow_rollback_provider.rollback.outcome import RollbackStatus
from airflow_rollback_provider.rollback.poller import Tracking
from airflow_rollback_provider.rollback.tracking import observe
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.connect import Connect, need

Sandbox = SandboxProcess
KEY = "0123456789abcdef0123"


def requests_of(sandbox: SandboxProcess) -> int:
    """Return the number of requests, without the one with which a process proves the rollback request."""
    return sum(request["operation"] != "ProveRollBack" for request in sandbox.requests())


def identify(sandbox: Sandbox, key: str = "image-af3") -> str:
    """Return a Deployment's id."""
    return str(sandbox.deployment(key)["id"])


@pytest.mark.parametrize(("key", "tag"), [("image-af3", "release-42"), ("ten-thousand", "build-09998")])
def test_a_plan_takes_two_requests(
    connect_hook: Connect, rollback_sandbox: Sandbox, key: str, tag: str
) -> None:
    """The survey is all that a plan to the previous deploy needs, however long the history is."""
    hook, deployment_id = connect_hook(), identify(rollback_sandbox, key)
    before = requests_of(rollback_sandbox)
    plan = hook.plan(deployment_id)
    assert plan.allowed
    assert plan.target.image_tag == tag
    assert requests_of(rollback_sandbox) - before == 2


def test_a_whole_rollback_takes_four_requests(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """Two for the plan, one last check, and the rollback itself."""
    hook, deployment_id = connect_hook(), identify(rollback_sandbox)
    before = requests_of(rollback_sandbox)
    hook.submit(hook.plan(deployment_id), "too slow", KEY)
    assert requests_of(rollback_sandbox) - before == 4


def test_an_exact_deploy_far_back_is_fetched_and_not_walked_to(
    connect_hook: Connect, rollback_sandbox: Sandbox
) -> None:
    """One request finds a deploy among ten thousand."""
    hook = connect_hook()
    truth = rollback_sandbox.deployment("ten-thousand")
    far = list(islice(hook.deploys(truth["id"]), 500))[-1]
    before = requests_of(rollback_sandbox)
    plan = hook.plan(truth["id"], far.id)
    assert plan.target == far
    assert plan.exact
    assert requests_of(rollback_sandbox) - before == 3


def test_the_iterator_fetches_pages_as_they_are_needed(
    connect_hook: Connect, rollback_sandbox: Sandbox
) -> None:
    """Ten deploys are one page, all of them as many as there are."""
    hook, deployment_id = connect_hook(), identify(rollback_sandbox, "ten-thousand")
    before = requests_of(rollback_sandbox)
    list(islice(hook.deploys(deployment_id), 10))
    assert requests_of(rollback_sandbox) - before == 1
    assert sum(1 for _ in hook.deploys(deployment_id)) == 10_000


@pytest.mark.parametrize("scope", [Scope.IMAGE, "image", "dags"])
def test_target_and_scope_may_be_texts_or_values(
    connect_hook: Connect, rollback_sandbox: Sandbox, scope: object
) -> None:
    """Templates give texts, code gives values; the plan says what the platform does not offer."""
    hook, deployment_id = connect_hook(), identify(rollback_sandbox, "dag-deploy-af3")
    plan = hook.plan(deployment_id, DeploySelector("tag", "release-42"), scope)  # type: ignore[arg-type]
    assert plan.scope == scope
    assert plan.target.image_tag == "release-42"
    refused = "SCOPE-NOT-OFFERED" in {check.code for check in plan.failed_checks}
    assert refused is not hook.capabilities.scopes


def test_a_deploy_of_another_deployment(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """A foreign id cannot become a plan."""
    foreign = rollback_sandbox.deployment("image-af2")["deploys"][2]["id"]
    with pytest.raises(DeployNotFound):
        connect_hook().plan(identify(rollback_sandbox), foreign)


def test_an_unknown_scope(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """Before any request is sent."""
    before = requests_of(rollback_sandbox)
    with pytest.raises(BadInput, match="is not a scope"):
        connect_hook().plan("c1", "previous", "everything")
    assert requests_of(rollback_sandbox) == before


def test_a_deploy_beyond_the_retention_is_refused_in_the_plan(
    connect_hook: Connect, rollback_sandbox: Sandbox
) -> None:
    """The connection's retention counts, by the platform's clock."""
    truth = rollback_sandbox.deployment("image-af3")
    target = connect_hook().plan(truth["id"]).target.id
    plan = connect_hook(retention_days=1).plan(truth["id"], target)
    assert [check.code for check in plan.failed_checks] == ["TARGET-EXPIRED"]


def test_a_restricted_runtime_is_told_in_the_plan(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """A target whose Runtime the connection names as restricted is allowed, with a grave warning."""
    plan = connect_hook().plan(identify(rollback_sandbox))
    assert "RESTRICTED-RUNTIME" not in {warning.code for warning in plan.warnings}
    warned = connect_hook(restricted_runtimes=f"3.1-2, {plan.target.versions.runtime}").plan(
        identify(rollback_sandbox)
    )
    assert warned.allowed
    assert "RESTRICTED-RUNTIME" in {warning.code for warning in warned.warnings if warning.severe}


@pytest.mark.parametrize(("offset", "sides"), [(-600.0, ["ahead of"]), (600.0, ["behind"]), (0.0, [])])
def test_a_clock_that_is_off_is_told_in_the_plan(
    connect_hook: Connect, rollback_sandbox: Sandbox, offset: float, sides: list[str]
) -> None:
    """Ten minutes are worth a warning; the plan uses the platform's clock."""
    rollback_sandbox.settings(date_offset=offset)
    plan = connect_hook().plan(identify(rollback_sandbox))
    warnings = [warning.message for warning in plan.warnings if warning.code == "CLOCK-OFF"]
    assert len(warnings) == len(sides)
    assert all(side in warning for side, warning in zip(sides, warnings, strict=True))
    now = datetime.now(timezone.utc) + timedelta(seconds=offset)
    assert abs(plan.planned_at - now) < timedelta(seconds=60)


def test_a_reading_is_used_for_plan_and_key(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """A history that was just read is not read again."""
    hook, deployment_id = connect_hook(), identify(rollback_sandbox)
    reading = hook.read(deployment_id)
    before = requests_of(rollback_sandbox)
    assert hook.find_by_key(reading, KEY) is None
    assert hook.plan(deployment_id, reading=reading).deployment == reading.deployment
    assert requests_of(rollback_sandbox) == before


def test_a_key_is_found_near_and_far(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """On the latest page, or further back when a time is given."""
    rollback_sandbox.settings(rollback_seconds=0)
    hook, deployment_id = connect_hook(), identify(rollback_sandbox)
    rollback = hook.submit(hook.plan(deployment_id), "too slow", KEY)
    assert hook.find_by_key(deployment_id, KEY) == hook.find_by_key(hook.read(deployment_id), KEY)
    for number in range(102):
        rollback_sandbox.land_deploy("image-af3", tag=f"newer-{number}")
    assert hook.find_by_key(deployment_id, KEY) is None
    for where in (deployment_id, hook.read(deployment_id)):
        found = hook.find_by_key(where, KEY, since=rollback.created_at)
        assert found is not None
        assert found.id == rollback.id
    assert hook.find_by_key(deployment_id, "f" * 20, since=rollback.created_at) is None


def test_single_things_are_read(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """One Deployment, one deploy, its state, its logs, its page."""
    rollback_sandbox.settings(rollback_seconds=60)
    hook, deployment_id = connect_hook(), identify(rollback_sandbox)
    rollback = hook.submit(hook.plan(deployment_id), "too slow", KEY)
    assert hook.get_deployment(deployment_id).name == "Billing"
    assert hook.get_deploy(deployment_id, rollback.id).id == rollback.id
    assert hook.get_deploy(deployment_id, rollback.id).status is DeployStatus.IN_PROGRESS
    assert deployment_id in (hook.history_url(deployment_id) or "")
    assert hook.get_conn() is hook.platform
    need(hook.capabilities.logs, "logs")
    assert hook.logs(deployment_id, rollback.created_at - timedelta(seconds=1))


def test_a_release_name_that_was_read_leads_to_the_page(
    connect_hook: Connect, rollback_sandbox: Sandbox
) -> None:
    """After reading, the link has the id, whatever name was used."""
    deployment = connect_hook().get_deployment(identify(rollback_sandbox))
    hook = connect_hook(workspace_id=deployment.workspace_id)
    hook.read("stellar-orbit-4821")
    assert hook.history_url("stellar-orbit-4821") == hook.history_url(deployment)


async def test_a_look_is_the_same_in_an_event_loop(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """A triggerer gets the same results as a task, over one HTTP client for all hooks."""
    rollback_sandbox.settings(rollback_seconds=60)
    hook, deployment_id = connect_hook(), identify(rollback_sandbox)
    plan = hook.plan(deployment_id)
    rollback = hook.submit(plan, "too slow", KEY)
    tracking = Tracking(deployment_id, rollback.id, plan.target, plan.scope, 0.0, 0.0, 1.0, "there", {})

    async def poll() -> tuple[Any, Any]:
        async with connect_hook() as watching:
            await asyncio.sleep(0)
            return await watching.async_run(observe(watching.platform, tracking)), POOL._loops[
                asyncio.get_running_loop()
            ]

    polls = await asyncio.gather(*(poll() for _ in range(20)))
    assert {outcome for outcome, _ in polls} == {None}
    rollback_sandbox.clock(advance=61)
    outcome = await hook.async_run(observe(hook.platform, tracking))
    assert outcome == hook.run(observe(hook.platform, tracking))
    assert outcome is not None
    assert outcome.status is RollbackStatus.DONE
    assert not POOL._loops[asyncio.get_running_loop()]


@pytest.mark.parametrize("source", ["uri", "json"])
def test_the_connection_comes_from_airflow(
    connect_hook: Connect,
    rollback_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    source: str,
) -> None:
    """By its id, when it is first needed, in both forms that Airflow takes; the token is in no log line."""
    caplog.set_level(logging.DEBUG)
    host, _, port = rollback_sandbox.url.removeprefix("http://").partition(":")
    values = rollback_sandbox.connection(platform=connect_hook.platform)
    scheme, extra = connect_hook.platform.replace("_", "-"), urlencode(values["extra"])
    uri = f"{scheme}://:{values['password']}@{host}:{port}/http?{extra}"
    hook = DeployHistoryHook("apc")
    monkeypatch.setenv("AIRFLOW_CONN_APC", uri if source == "uri" else connect_hook.json())
    assert hook.test_connection()[0]
    assert hook.plan(identify(rollback_sandbox)).allowed
    hook.close()
    assert rollback_sandbox.connection("editor")["password"] not in caplog.text


async def test_the_connection_comes_from_airflow_in_an_event_loop(
    connect_hook: Connect,
    rollback_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The same, without holding the loop up."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("AIRFLOW_CONN_APC", connect_hook.json())
    deployment_id = identify(rollback_sandbox)
    deploy = connect_hook().get_deploy(
        deployment_id, rollback_sandbox.deployment("image-af3")["deploys"][0]["id"]
    )
    tracking = Tracking(deployment_id, deploy.id, deploy, Scope.IMAGE, 0.0, 0.0, 1.0, "there", {})
    async with DeployHistoryHook("apc") as hook:
        assert await hook.async_run(observe(hook.platform, tracking)) is not None
    assert rollback_sandbox.connection("editor")["password"] not in caplog.text


def test_a_connection_that_is_not_there_is_airflows_to_tell(airflow_db: None) -> None:
    """The hook adds nothing to Airflow's own error."""
    with pytest.raises(AirflowNotFoundException):
        DeployHistoryHook("no_such_connection").plan("c1")


def test_a_hook_can_be_pickled_and_takes_no_token_along(
    connect_hook: Connect, rollback_sandbox: Sandbox
) -> None:
    """The pickle has the connection's id alone; the state of the first hook is unchanged."""
    hook = connect_hook()
    hook.plan(identify(rollback_sandbox))
    written = pickle.dumps(hook)
    assert b"sandbox-token" not in written
    assert pickle.loads(written).astro_conn_id == "apc"
    assert "sandbox-token" not in repr(hook) + repr(vars(hook))
    assert hook.test_connection()[0]


class TestTestButton:
    """The answer of the button Test in the connection form."""

    def message(self, hook: DeployHistoryHook) -> str:
        """Return the words of a test that failed."""
        works, words = hook.test_connection()
        assert not works
        assert "sandbox-token" not in words
        return words

    def test_it_says_what_works(self, connect_hook: Connect) -> None:
        """The message for a working connection names the platform and what it reports about the token."""
        works, words = connect_hook().test_connection()
        expected = {
            "astro_private_cloud": "Astro Private Cloud 2.0.0 accepts the token as edda@example.com. ",
            "astro": "Astro accepts the token, which can list ",
        }
        assert works
        assert words.startswith(expected[connect_hook.platform])

    def test_it_says_that_the_host_cannot_be_reached(self) -> None:
        """In words, with what to check."""
        connection = SimpleNamespace(
            conn_id="apc",
            conn_type="",
            host="http://127.0.0.1:9",
            schema="",
            port=None,
            password="t",
            extra="{}",
        )
        hook = DeployHistoryHook("apc", connection=connection)
        hook.transport.sleep = lambda _seconds: None
        words = self.message(hook)
        assert "127.0.0.1:9" in words
        assert "Connection refused" in words

    @pytest.mark.parametrize(
        ("token", "words"),
        [
            ("expired", "token has expired"),
            ("no-history", "deployment.deployRevisions.get"),
            ("viewer", "deployment.images.push or deployment.dags.push"),
        ],
    )
    def test_it_says_what_is_wrong_with_the_token(
        self, connect_hook: Connect, token: str, words: str
    ) -> None:
        """Expired, or lacking a permission, which is named where the platform reports permissions."""
        need(token == "expired" or connect_hook().capabilities.reports_access, "permissions")
        assert words in self.message(connect_hook(token))

    def test_it_says_that_rollbacks_are_off(self, connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
        """With the name of the flag."""
        need(connect_hook().capabilities.reports_switches, "switches")
        rollback_sandbox.settings(installation_enabled=False)
        assert "global.deploymentLifecycle.deployRollback.enabled" in self.message(connect_hook())

    def test_it_says_which_field_is_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The message names a field that cannot be used."""
        monkeypatch.setenv(
            "AIRFLOW_CONN_APC", json.dumps({"conn_type": "astro_private_cloud", "host": "example.com"})
        )
        assert "password is empty" in self.message(DeployHistoryHook("apc"))
        with pytest.raises(InvalidConnection):
            DeployHistoryHook("apc").plan("c1")


def test_errors_of_the_platform_come_through_the_hook(
    connect_hook: Connect, rollback_sandbox: Sandbox
) -> None:
    """Unknown Deployments and outages keep their names."""
    with pytest.raises(DeploymentNotFound):
        connect_hook().read("c" + "0" * 24)
    rollback_sandbox.fault("drop_before", count=None)
    with pytest.raises(PlatformUnreachable):
        connect_hook().read("c" + "0" * 24)
