# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback history`` against the sandbox."""

from __future__ import annotations

import json
import subprocess

import pytest

from airflow_rollback_provider.domain.deploys import Deploy
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.cli.running import Cli, command


def _ids(platform: SandboxProcess, key: str) -> list[str]:
    return [row["id"] for row in platform.deployment(key, rows=1000)["deploys"]]


def _pages(platform: SandboxProcess) -> int:
    """Count the requests for the history since they were last cleared."""
    return sum("paginatedDeployRevisions" in json.dumps(request) for request in platform.requests())


def test_the_latest_twenty_are_listed_newest_first(cli: Cli, platform: SandboxProcess) -> None:
    """Without options twenty deploys are listed, with the platform's ids to copy."""
    deployment = platform.deployment("image-af3")
    result = cli("history", deployment["id"])
    head, *lines = result.out.splitlines()
    assert (result.code, result.err) == (0, "")
    assert head.split()[:2] == ["deploy", "when"]
    assert [line.removeprefix("now").split()[0] for line in lines] == _ids(platform, "image-af3")[:20]
    assert lines[0].startswith("now")


def test_json_lines_read_back_as_deploys(cli: Cli, platform: SandboxProcess) -> None:
    """One object a line; the running one is marked, and Deploy.from_dict parses the rest."""
    result = cli("history", platform.deployment("image-af3")["id"], "--json", "--limit", "3")
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert [row.pop("runs_now") for row in rows] == [True, False, False]
    assert [row.pop("rejected") for row in rows] == [None] * 3
    assert [Deploy.from_dict(row).id for row in rows] == _ids(platform, "image-af3")[:3]


def test_a_deploy_of_what_was_rolled_back_from_is_marked(cli: Cli, platform: SandboxProcess) -> None:
    """With the day and the reason, in the table and as JSON, also if the rollback is beyond the limit."""
    drafts = [{"age": 9000, "tag": "good"}, {"age": 8000, "tag": "bad"}]
    deployment = platform.add_deployment("again", runtime="3.1-12", deploys=drafts)["id"]
    back = platform.land_deploy("again", rollback_to=0, description="Orders fail")
    platform.land_deploy("again", tag="bad", description="Release 8")
    first = cli("history", deployment, "--limit", "1").out.splitlines()[1]
    assert "(!) brings back what was rolled back from on " in first
    assert first.endswith(": Orders fail · Release 8")
    found = json.loads(cli("history", deployment, "--limit", "1", "--json").out)["rejected"]
    assert (found["rollback_id"], found["reason"]) == (back["id"], "Orders fail")


def test_a_limit_reads_only_the_pages_that_it_needs(cli: Cli, platform: SandboxProcess) -> None:
    """Of ten thousand deploys one page is read."""
    deployment = platform.deployment("ten-thousand", rows=1)["id"]
    platform.clear_requests()
    assert len(cli("history", deployment, "--limit", "50").out.splitlines()) == 51
    assert _pages(platform) == 1


def test_all_reads_the_whole_history(cli: Cli, platform: SandboxProcess) -> None:
    """Every page is read, and every deploy is listed once."""
    platform.add_deployment(
        "long", runtime="3.1-12", deploys=[{"age": age, "tag": f"t{age}"} for age in range(1, 251)]
    )
    lines = cli("history", platform.deployment("long")["id"], "--all").out.splitlines()[1:]
    assert [line.removeprefix("now").split()[0] for line in lines] == _ids(platform, "long")


def test_an_empty_history_is_no_error(cli: Cli, platform: SandboxProcess) -> None:
    """A Deployment without deploys says so, and JSON has no line."""
    deployment = platform.deployment("no-deploys")["id"]
    assert cli("history", deployment).out == "The deploy history is empty.\n"
    assert cli("history", deployment, "--json").out == ""


def test_an_unknown_deployment_is_bad_input(cli: Cli, platform: SandboxProcess) -> None:
    """The platform's message is on stderr alone."""
    result = cli("history", "cnosuchdeployment00000000")
    assert (result.code, result.out) == (2, "")
    assert "DeploymentNotFound" in result.err
    assert "cnosuchdeployment00000000" in result.err


@pytest.mark.slow
def test_head_gets_its_lines_and_the_rest_is_not_read(
    platform: SandboxProcess, environment: dict[str, str]
) -> None:
    """`history --all | head -3` ends at once and in silence, long before the last page."""
    deployment = platform.deployment("ten-thousand", rows=1)["id"]
    platform.clear_requests()
    environment["AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT"] = platform.connection_json()
    with subprocess.Popen(
        command("history", deployment, "--all"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert all(lines)
    assert _pages(platform) < 50
