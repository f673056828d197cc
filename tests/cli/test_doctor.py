# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback doctor`` against the sandbox."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from airflow_rollback_provider.domain.findings import CHECKS
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.cli.running import ROOT, Cli
from tests.support.leaks import Evidence


def test_a_sound_connection_exits_with_0(cli: Cli, platform: SandboxProcess) -> None:
    """Each check is a line with its code, and nothing is on stderr."""
    result = cli("doctor", "--deployment", platform.deployment("image-af3")["id"])
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    always = [code for code in CHECKS if not code.startswith("SCHEMA-")]
    assert [line.split()[1] for line in lines[: len(always)]] == always
    assert lines[-1] == "2 skipped, 17 ok."


def test_an_error_exits_with_1_and_says_what_to_do(
    cli: Cli, platform: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy follows the finding."""
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", platform.connection_json("expired"))
    result = cli("doctor", "other")
    assert result.code == 1
    assert re.search(r"^ERROR +TOKEN +The token has expired\.\n +→ Put a new token", result.out, re.MULTILINE)
    assert "Skipped: the token is not accepted." in result.out


@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 1)])
def test_a_warning_fails_with_strict(
    cli: Cli, platform: SandboxProcess, strict: tuple[str, ...], code: int
) -> None:
    """Without --strict a warning does not change the exit code."""
    platform.settings(introspection=False)
    result = cli("doctor", *strict)
    assert result.code == code
    assert "warning  SCHEMA" in result.out


def test_an_unknown_finding_is_no_warning(cli: Cli, platform: SandboxProcess) -> None:
    """A platform that does not report everything is not at fault."""
    platform.settings(hide_assumed=True)
    assert cli("doctor", "--strict").code == 0


def test_json_is_a_report(cli: Cli, platform: SandboxProcess) -> None:
    """Nothing else is on stdout; the codes are those of the documentation."""
    platform.settings(renamed_fields={"DeployRevision.imageTag": "tag"})
    deployment = platform.deployment("image-af3")["id"]
    result = cli("doctor", "--json", "--deployment", deployment)
    report = json.loads(result.out)
    assert (result.code, result.err) == (0, "")
    assert set(report) == {
        "format", "connection", "platform", "address", "deployment", "findings", "worst", "setting"
    }  # fmt: skip
    assert (report["format"], report["worst"], report["deployment"]) == (1, "warning", deployment)
    assert {finding["code"] for finding in report["findings"]} <= set(CHECKS)
    assert {"code", "status", "what", "remedy", "setting"} == set(report["findings"][0])
    assert report["setting"] == {"assumptions": {"deploy_fields": {"image_tag": "tag"}}}


def test_a_suggested_setting_can_be_copied(
    cli: Cli, platform: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings at the end are JSON; in the connection they make the plan work."""
    renamed = {"DeployRevision.description": "descriptions", "DeployRevision.status": "state"}
    platform.settings(renamed_fields=renamed)
    deployment = platform.deployment("image-af3")["id"]
    assert cli("plan", deployment).code == 3
    out = cli("doctor", "--deployment", deployment).out
    printed = json.loads(out.partition("All suggested settings")[2].partition("\n")[2])
    connection = platform.connection_json("editor", **printed)
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", connection)
    assert cli("plan", deployment).code == 0
    assert cli("doctor", "--strict", "--deployment", deployment).code == 0
    assert cli("roll-back", deployment, "--description", "why", "--yes").code == 0


def test_a_connection_that_cannot_be_used_is_a_finding(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other commands exit with 3; the doctor reports a finding."""
    connection = {"conn_type": "astro_private_cloud", "host": "https://h.example.com"}
    monkeypatch.setenv("AIRFLOW_CONN_EMPTY", json.dumps(connection))
    result = cli("doctor", "empty", "--json")
    report = json.loads(result.out)
    assert (result.code, report["worst"], report["platform"]) == (1, "error", "")
    assert "password is empty" in report["findings"][0]["what"]


def test_a_missing_connection_is_unavailable(cli: Cli) -> None:
    """There is nothing to check; the error says how to add the connection."""
    result = cli("doctor", "no_such")
    assert (result.code, result.out) == (3, "")
    assert "no connection 'no_such'" in result.err
    assert "AIRFLOW_CONN_NO_SUCH" in result.err


def test_it_needs_no_extra(process: Cli, platform: SandboxProcess, tmp_path: Path) -> None:
    """A worker has neither Starlette nor uvicorn; the schema is compared all the same."""
    for name in ("starlette", "uvicorn"):
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('gone', name={name!r})\n")
    platform.settings(renamed_fields={"DeployRevision.imageTag": "tag"})
    result = process(
        "doctor",
        "--json",
        AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT=platform.connection_json(),
        PYTHONPATH=f"{tmp_path}:{ROOT}",
    )
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out)["setting"] == {"assumptions": {"deploy_fields": {"image_tag": "tag"}}}


@pytest.mark.parametrize("token", ["editor", "expired", "viewer"])
def test_no_token_is_printed(
    cli: Cli, platform: SandboxProcess, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """Not even with what --debug adds."""
    evidence = Evidence()
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", platform.connection_json(token))
    for more in ((), ("--json",), ("--debug",)):
        result = cli("doctor", "other", "--deployment", platform.deployment("image-af3")["id"], *more)
        evidence.add("output", result.out + result.err)
    assert evidence.holds("output", "TOKEN")
    evidence.require_clean()


def test_every_check_is_documented() -> None:
    """The documents have the sentence of each check."""
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert [code for code, summary in CHECKS.items() if f"| `{code}` | {summary} |" not in page] == []
