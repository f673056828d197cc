# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback roll-back`` against the sandbox."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_rollback_provider.cli import main
from airflow_rollback_provider.cli.commands import roll_back
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.cli.running import Cli, command

ROLL_BACK = ("roll-back", "--description", "prices are wrong since noon", "--yes")
KEY = re.compile(r"Idempotency key ([0-9a-f]{20})")


def _rows(platform: SandboxProcess, key: str = "image-af3") -> list[dict[str, Any]]:
    return platform.deployment(key)["deploys"]


@pytest.fixture
def deployment(platform: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a Deployment on Airflow 3 that can be rolled back."""
    monkeypatch.setattr(roll_back, "POLL_INTERVAL", 0.1)
    monkeypatch.setattr("airflow_rollback_provider.domain.poller.FIRST_DELAY", 0.1)
    return str(platform.deployment("image-af3")["id"])


def test_one_rollback_to_the_previous_deploy(cli: Cli, platform: SandboxProcess, deployment: str) -> None:
    """The plan comes first, then one new deploy with the reason and the printed key, then the end."""
    before = _rows(platform)
    result = cli(*ROLL_BACK, deployment)
    after = _rows(platform)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Rollback plan for Deployment 'Billing'")
    assert [row["id"] for row in after[1:]] == [row["id"] for row in before]
    assert after[0]["rollbackFromId"] == before[2]["id"]
    idempotency_key = KEY.search(result.out)
    assert idempotency_key is not None
    assert after[0]["description"] == f"prices are wrong since noon [idempotency-key:{idempotency_key[1]}]"
    assert f"The rollback {after[0]['id']} is done." in result.out


def test_each_call_has_its_own_idempotency_key(cli: Cli, platform: SandboxProcess, deployment: str) -> None:
    """Two calls roll back twice, each further back."""
    assert cli(*ROLL_BACK, deployment).code == 0
    assert cli(*ROLL_BACK, deployment).code == 0
    assert len({row["rollbackFromId"] for row in _rows(platform)[:2]}) == 2


def test_no_wait_returns_and_prints_next_commands(
    cli: Cli, platform: SandboxProcess, deployment: str
) -> None:
    """The rollback is in progress when the command returns."""
    platform.settings(rollback_seconds=3600)
    result = cli(*ROLL_BACK, deployment, "--no-wait")
    assert result.code == 0
    assert f"To see the history: airflow-rollback history {deployment}" in result.out
    assert _rows(platform)[0]["status"] == "INITIALIZED"


def test_an_earlier_call_is_resumed_by_its_idempotency_key(
    cli: Cli, platform: SandboxProcess, deployment: str
) -> None:
    """The rollback is found by its tag and tracked to the end; none is submitted."""
    platform.settings(rollback_seconds=3600)
    first = KEY.search(cli(*ROLL_BACK, deployment, "--no-wait").out)
    assert first is not None
    rows = _rows(platform)
    platform.change_deploy("image-af3", rows[0]["id"], outcome="DEPLOYED", seconds=0)
    result = cli(*ROLL_BACK, deployment, "--idempotency-key", first[1])
    assert (result.code, result.err) == (0, "")
    assert "nothing is submitted now" in result.out
    assert len(_rows(platform)) == len(rows)


def test_a_key_that_is_not_found_is_used_for_a_new_rollback(
    cli: Cli, platform: SandboxProcess, deployment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the first request never arrived, the second call submits the rollback."""
    monkeypatch.setattr("airflow_rollback_provider.cli.commands.roll_back.GRACE_PERIOD", 0.0)
    idempotency_key = "0123456789abcdef0123"
    assert cli(*ROLL_BACK, deployment, "--idempotency-key", idempotency_key).code == 0
    assert _rows(platform)[0]["description"].endswith(f"[idempotency-key:{idempotency_key}]")


def test_a_request_without_a_known_outcome_is_unknown_not_failed(
    cli: Cli, platform: SandboxProcess, deployment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history cannot be read either: 4, and the command that resumes it without a new choice."""
    monkeypatch.setattr("airflow_rollback_provider.cli.commands.roll_back.GRACE_PERIOD", 0.0)
    target = _rows(platform)[2]["id"]
    platform.fault("drop_before", "rollbackDeployment")
    platform.fault("api_error", "Deploys", count=None, skip=1)
    result = cli(*ROLL_BACK, deployment)
    assert result.code == 4
    assert "OutcomeUnknown" in result.err
    idempotency_key = KEY.search(result.out)
    assert idempotency_key is not None
    assert f"--idempotency-key {idempotency_key[1]}" in result.err
    assert f"--to id:{target} --scope image" in result.err


def test_a_rollback_that_fails_on_the_platform_is_4(
    cli: Cli, platform: SandboxProcess, deployment: str
) -> None:
    """It was submitted and did not end well: neither refused nor bad input."""
    platform.next_rollbacks({"outcome": "FAILED", "seconds": 0, "reason": "image pull back-off"})
    result = cli(*ROLL_BACK, deployment)
    assert result.code == 4
    assert "RollbackFailed" in result.err
    assert "image pull back-off" in result.err


def test_a_timeout_is_4_and_says_that_it_may_go_on(
    cli: Cli, platform: SandboxProcess, deployment: str
) -> None:
    """A rollback cannot be cancelled; the hints show how to read the history and how to wait again."""
    platform.settings(rollback_seconds=3600)
    result = cli(*ROLL_BACK, deployment, "--timeout", "0.2")
    assert result.code == 4
    assert "RollbackTimedOut" in result.err
    assert "To track it: airflow-rollback roll-back" in result.err


@pytest.mark.parametrize(
    ("key", "arguments", "code", "error"),
    [
        ("rollback-disabled", (), 1, "PlanRefused"),
        ("moved-to-af3", ("--to", "airflow:2"), 1, "AcknowledgementMissing"),
        ("image-af3", ("--to", "cnosuchdeploy000000000000"), 2, "DeployNotFound"),
        ("image-af3", ("--description", "  "), 2, "InvalidDescription"),
        ("image-af3", ("--description", "x" * 2000), 2, "InvalidDescription"),
        ("no-deploys", (), 2, "DeployNotFound"),
        ("only-failures", (), 2, "DeployNotFound"),
    ],
)
def test_a_refused_call_changes_nothing(
    cli: Cli, platform: SandboxProcess, key: str, arguments: tuple[str, ...], code: int, error: str
) -> None:
    """Each refusal has its exit code and name, and the history is unchanged."""
    before = _rows(platform, key)
    result = cli(*ROLL_BACK, platform.deployment(key)["id"], *arguments)
    assert result.code == code
    assert error in result.err
    assert _rows(platform, key) == before


def test_without_a_terminal_nothing_is_submitted_without_yes(
    cli: Cli, platform: SandboxProcess, deployment: str
) -> None:
    """A pipeline has to pass --yes."""
    before = _rows(platform)
    result = cli("roll-back", deployment, "--description", "x")
    assert result.code == 2
    assert "--yes" in result.err
    assert _rows(platform) == before


def test_from_airflow_3_to_2_with_acknowledgement(
    cli: Cli, platform: SandboxProcess, deployment: str
) -> None:
    """Flag and --yes together let a script cross the major version."""
    crossing = platform.deployment("moved-to-af3")["id"]
    result = cli(*ROLL_BACK, crossing, "--to", "airflow:2", "--acknowledge-airflow-3-to-2")
    assert result.code == 0
    assert "runs Runtime 13.2.0 (Airflow 2.11)" in result.out


def test_a_downgrade_is_not_tracked_from_inside(
    cli: Cli, platform: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The downgrade would stop the command; --no-wait submits and returns."""
    crossing, before = platform.deployment("moved-to-af3")["id"], _rows(platform, "moved-to-af3")
    monkeypatch.setenv("ASTRO_DEPLOYMENT_ID", crossing)
    arguments = (*ROLL_BACK, crossing, "--to", "airflow:2", "--acknowledge-airflow-3-to-2")
    result = cli(*arguments)
    assert result.code == 1
    assert "runs inside" in result.err
    assert _rows(platform, "moved-to-af3") == before
    assert cli(*arguments, "--no-wait").code == 0


@pytest.fixture
def stored(cli: Cli, deployment: str, tmp_path: Path) -> Path:
    """A plan in a file, made with plan --json."""
    path = tmp_path / "plan.json"
    path.write_text(cli("plan", deployment, "--json").out, encoding="utf-8")
    return path


def test_a_stored_plan_is_carried_out(
    cli: Cli, platform: SandboxProcess, deployment: str, stored: Path
) -> None:
    """The deploy that the plan names is rolled back to."""
    target = json.loads(stored.read_text())["target"]["id"]
    assert cli(*ROLL_BACK, deployment, "--plan", str(stored)).code == 0
    assert _rows(platform)[0]["rollbackFromId"] == target


@pytest.mark.parametrize("error", ["StalePlan", "ROLLBACK-OFF-ON-DEPLOYMENT"])
def test_a_stored_plan_that_holds_no_more_is_refused(
    cli: Cli, platform: SandboxProcess, deployment: str, stored: Path, error: str
) -> None:
    """After another deploy no other plan is made. The checks in the file do not count: they run again."""
    if error == "StalePlan":
        platform.land_deploy("image-af3", tag="release-45", outcome="DEPLOYED")
    else:
        platform.change_deployment("image-af3", rollback_enabled=False)
    before = _rows(platform)
    result = cli(*ROLL_BACK, deployment, "--plan", str(stored))
    assert result.code == 1
    assert error in result.err
    assert _rows(platform) == before


def test_a_plan_for_another_deployment_is_bad_input(cli: Cli, platform: SandboxProcess, stored: Path) -> None:
    """A plan is carried out on the Deployment that it was made for."""
    other = platform.deployment("image-af2")["id"]
    result = cli(*ROLL_BACK, other, "--plan", str(stored))
    assert result.code == 2
    assert "not for Deployment" in result.err


@pytest.mark.parametrize("text", [None, "", "{}", "not JSON", "[" * 100_000])
def test_a_file_that_is_no_plan_is_bad_input(cli: Cli, tmp_path: Path, text: str | None) -> None:
    """A missing file and any other content are a clear error, and no request is sent."""
    if text is not None:
        (tmp_path / "plan.json").write_text(text)
    result = cli(*ROLL_BACK, "x", "--plan", str(tmp_path / "plan.json"))
    assert result.code == 2
    assert ("plan" if text is not None else "plan.json") in result.err
    assert "Traceback" not in result.err


def test_a_plan_leaves_no_room_for_another_choice(cli: Cli, stored: Path) -> None:
    """--plan and --to contradict each other."""
    assert cli(*ROLL_BACK, "x", "--plan", str(stored), "--to", "previous").code == 2


@pytest.mark.parametrize(
    "arguments", [("--idempotency-key", "xyz"), ("--timeout", "0"), ("--timeout", "nan"), ("--scope", "all")]
)
def test_options_that_cannot_be_used(cli: Cli, arguments: tuple[str, str]) -> None:
    """argparse refuses them before any request."""
    assert cli(*ROLL_BACK, "x", *arguments).code == 2


@pytest.mark.slow
def test_a_terminal_gets_a_confirmation(platform: SandboxProcess, environment: dict[str, str]) -> None:
    """The prompt is on the terminal, the answer no changes nothing, and stdout has the plan alone."""
    deployment, before = platform.deployment("image-af3")["id"], _rows(platform)
    environment["AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT"] = platform.connection_json()
    keyboard, terminal = pty.openpty()
    try:
        with subprocess.Popen(
            command("roll-back", deployment, "--description", "x"),
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal,
            env=environment,
            text=True,
        ) as process:
            os.write(keyboard, b"no\n")
            assert process.stdout is not None
            assert process.stdout.read().startswith("Rollback plan")
        assert process.returncode == 1
        assert b"Type yes:" in os.read(keyboard, 10_000)
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert _rows(platform) == before


def test_the_exit_code_does_not_need_the_streams(
    platform: SandboxProcess, deployment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without stderr, a failed rollback is still 4. Without stdout, none is submitted."""
    platform.next_rollbacks({"outcome": "FAILED", "seconds": 0})
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    monkeypatch.setattr(sys, "stderr", None)
    assert main([*ROLL_BACK, deployment]) == 4
    before = _rows(platform)
    monkeypatch.setattr(sys, "stdout", None)
    assert main([*ROLL_BACK, deployment]) == 3
    assert _rows(platform) == before


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_says_what_goes_on(
    cli: Cli,
    platform: SandboxProcess,
    deployment: str,
    monkeypatch: pytest.MonkeyPatch,
    kind: signal.Signals,
) -> None:
    """SIGTERM and SIGHUP end as Ctrl-C does, and have their old effect afterwards."""
    before = signal.getsignal(kind)
    monkeypatch.setattr(roll_back, "track_in_terminal", lambda *_: os.kill(os.getpid(), kind))
    result = cli(*ROLL_BACK, deployment)
    assert result.code == 4
    assert "cannot be cancelled and goes on" in result.err
    assert "To track it: airflow-rollback roll-back" in result.err
    assert signal.getsignal(kind) is before


@pytest.mark.slow
def test_ctrl_c_stops_the_tracking_and_not_the_rollback(
    platform: SandboxProcess, environment: dict[str, str]
) -> None:
    """The message says that it goes on; the history has one rollback, which is in progress."""
    deployment, before = platform.deployment("image-af3")["id"], _rows(platform)
    platform.settings(rollback_seconds=3600)
    environment["AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT"] = platform.connection_json()
    with subprocess.Popen(
        command(*ROLL_BACK, deployment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if "in progress" in line:
                process.send_signal(signal.SIGINT)
                break
        error = process.stderr.read()
    assert process.returncode == 4
    assert "cannot be cancelled and goes on" in error
    assert f"To see the history: airflow-rollback history {deployment}" in error
    assert "Traceback" not in error
    after = _rows(platform)
    assert (len(after), after[0]["status"]) == (len(before) + 1, "INITIALIZED")
