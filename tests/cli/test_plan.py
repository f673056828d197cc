# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback plan`` against the sandbox."""

from __future__ import annotations

import json

import pytest

from airflow_rollback_provider.cli.arguments import DEFAULT_CONN_ID
from airflow_rollback_provider.domain.plan import RollbackPlan
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.cli.running import Cli


def test_the_default_connection_is_the_hooks() -> None:
    """The command line repeats the name, so that it does not import Airflow for it."""
    assert DeployHistoryHook.default_conn_name == DEFAULT_CONN_ID


def test_an_allowed_plan_exits_with_0_and_changes_nothing(cli: Cli, platform: SandboxProcess) -> None:
    """The plan is printed as text; the history is unchanged."""
    before = platform.deployment("image-af3")
    result = cli("plan", before["id"])
    assert (result.code, result.err) == (0, "")
    assert "verdict allowed" in result.out
    assert before["deploys"][2]["id"] in result.out
    assert platform.deployment("image-af3")["deploys"] == before["deploys"]


def test_a_refused_plan_exits_with_1_and_says_all_that_is_wrong(cli: Cli, platform: SandboxProcess) -> None:
    """A refusal is a result: it is on stdout, with every failed check."""
    deployment = platform.deployment("runtime-3-0")
    platform.change_deployment("runtime-3-0", rollback_enabled=False)
    result = cli("plan", deployment["id"], "--to", deployment["deploys"][1]["id"])
    assert (result.code, result.err) == (1, "")
    for code in ("RUNTIME-3.0-1-TO-3.1-1", "ROLLBACK-OFF-ON-DEPLOYMENT"):
        assert code in result.out


def test_json_is_a_plan_that_can_be_parsed(cli: Cli, platform: SandboxProcess) -> None:
    """--plan accepts the output of --json."""
    result = cli("plan", platform.deployment("dag-deploy-af3")["id"], "--scope", "dags", "--json")
    plan = RollbackPlan.from_dict(json.loads(result.out))
    assert (result.code, plan.allowed, plan.scope.value) == (0, True, "dags")


@pytest.mark.parametrize("target", ["tag:", "commit:xyz", "airflow:two", "before:yesterday", "  "])
def test_a_target_without_a_value_is_bad_input(cli: Cli, platform: SandboxProcess, target: str) -> None:
    """The error says how targets are written."""
    result = cli("plan", platform.deployment("image-af3")["id"], "--to", target)
    assert (result.code, result.out) == (2, "")
    assert "InvalidTarget" in result.err


@pytest.mark.parametrize(
    ("token", "error"), [("expired", "TokenExpired"), ("no-history", "PermissionMissing")]
)
def test_a_token_that_cannot_be_used_is_unavailable(
    cli: Cli, platform: SandboxProcess, monkeypatch: pytest.MonkeyPatch, token: str, error: str
) -> None:
    """The name of the error says what to fix."""
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", platform.connection_json(token))
    result = cli("plan", platform.deployment("image-af3")["id"])
    assert (result.code, result.out) == (3, "")
    assert error in result.err


def test_an_unreachable_platform_is_unavailable(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens on port 9 of this machine."""
    monkeypatch.setattr("airflow_rollback_provider.http.retry_policy.Policy.tries", 1)
    monkeypatch.setattr("time.sleep", lambda _: None)
    connection = {"conn_type": "astro_private_cloud", "host": "http://127.0.0.1:9", "password": "x" * 20}
    monkeypatch.setenv("AIRFLOW_CONN_SHUT", json.dumps(connection))
    result = cli("plan", "cdeployment00000000000000", "--conn-id", "shut")
    assert (result.code, result.out) == (3, "")
    assert "PlatformUnreachable" in result.err


@pytest.mark.parametrize("text", ["{", "{broken", "https://someone:s3cret/tok@host:port", '["a list"]', "{}"])
def test_a_connection_that_cannot_be_read_keeps_its_secrets(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """The error names the connection and quotes no part of it."""
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", text)
    result = cli("plan", "x", "--conn-id", "broken", "--debug")
    assert (result.code, result.out) == (3, "")
    assert "'broken'" in result.err
    assert "finds no connection" not in result.err
    assert "s3cret" not in result.err
