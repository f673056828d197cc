# SPDX-License-Identifier: Apache-2.0
"""Tests of the doctor as the hook calls it: network and platform together, on every platform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_rollback_provider.domain.findings import CHECKS, Report, Status
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.sandbox.client import PLATFORMS
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.tokens import TOKENS
from tests.support.authority import Authority
from tests.support.connect import Connect, need
from tests.support.leaks import Evidence, listening
from tests.support.servers import reply, serving
from tests.support.talking import connection

Sandbox = SandboxProcess
ALWAYS = [code for code in CHECKS if not code.startswith("SCHEMA-")]


def hook_for(**fields: Any) -> DeployHistoryHook:
    """Return a hook for a connection, where nothing listens by default."""
    return DeployHistoryHook("apc", connection=connection(**{"host": "http://127.0.0.1:9", **fields}))


def codes(report: Report, status: Status) -> list[str]:
    """Return the codes of the findings with a status."""
    return [finding.code for finding in report.of(status)]


def test_a_report_has_every_check_in_order(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """The list is the same on every platform, but for the schema; it includes what cannot be known."""
    deployment = rollback_sandbox.deployment("image-af3")["id"]
    report = connect_hook().diagnose(deployment)
    found = [finding.code for finding in report.findings if not finding.code.startswith("SCHEMA-")]
    assert found == ALWAYS
    assert report.sound
    assert report.connection == "apc"
    assert report.platform == connect_hook().capabilities.name
    assert report.address == f"{rollback_sandbox.url}/v1"
    assert (report.deployment, report.setting) == (deployment, None)
    assert {"CONNECTION", "DNS", "TCP", "API", "TOKEN", "CLOCK"} <= set(codes(report, Status.OK))


def test_nothing_is_changed(connect_hook: Connect, rollback_sandbox: Sandbox) -> None:
    """Every request only reads, and the platform's state is the same afterwards."""
    rollback_sandbox.clock(freeze=True)
    before = rollback_sandbox.state()
    assert connect_hook().diagnose(rollback_sandbox.deployment("image-af3")["id"]).sound
    connect_hook().test_connection()
    after = rollback_sandbox.state()
    requests = after.pop("requests")[len(before.pop("requests")) :]
    assert requests
    changing = {"RollBack", "DeployRollback", "rollbackDeployment"}
    assert not [request for request in requests if changing & {request["operation"], *request["fields"]}]
    assert after == before


def test_a_network_error_skips_the_rest() -> None:
    """A refused connection is one error; no request is sent."""
    report = hook_for().diagnose("c1")
    assert codes(report, Status.ERROR) == ["TCP"]
    skipped = {
        finding.what for finding in report.findings if finding.code not in ("CONNECTION", "DNS", "TCP")
    }
    assert skipped == {"Skipped: TCP failed."}


@pytest.mark.parametrize(
    "fields",
    [
        {"password": ""},
        {"host": ""},
        {"extra": {"verify": "maybe"}},
        {"conn_type": "http"},
        {"extra": {"proxies": "x"}},
    ],
)
def test_a_connection_that_cannot_be_used_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    """The report has every check; all others are skipped."""
    values = {"conn_type": "astro_private_cloud", "host": "https://h.example.com", "password": "t", **fields}
    monkeypatch.setenv("AIRFLOW_CONN_APC", json.dumps(values))
    hook = DeployHistoryHook("apc")
    report = hook.diagnose()
    assert [finding.code for finding in report.findings] == ALWAYS
    assert codes(report, Status.ERROR) == ["CONNECTION"]
    assert codes(report, Status.SKIPPED) == ALWAYS[1:]
    assert (report.platform, report.address) == ("", "")
    assert hook.test_connection() == (False, report.summary())


@pytest.mark.parametrize(("offset", "status"), [(0.0, "ok"), (600.0, "warning"), (-600.0, "warning")])
def test_the_clock_skew_is_measured(
    connect_hook: Connect, rollback_sandbox: Sandbox, offset: float, status: str
) -> None:
    """Ten minutes cause a warning, on every platform."""
    rollback_sandbox.settings(date_offset=offset)
    report = connect_hook().diagnose()
    assert report.deployment is None
    (clock,) = [finding for finding in report.findings if finding.code == "CLOCK"]
    assert clock.status.value == status
    assert connect_hook().test_connection()[0]
    assert ("Warning: This machine's clock" in connect_hook().test_connection()[1]) is (status == "warning")


def test_a_request_to_an_unavailable_platform_is_sent_twice_at_most(
    connect_hook: Connect, rollback_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user waits for the report."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    rollback_sandbox.fault("drop_before", count=None)
    report = connect_hook().diagnose()
    assert codes(report, Status.ERROR) == ["API"]
    operations = [request["operation"] for request in rollback_sandbox.requests()]
    assert len(operations) == 2


def test_a_request_without_an_answer_does_not_hide_the_others(
    connect_hook: Connect, rollback_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error reaches the checks of the platform, which go on."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    rollback_sandbox.fault("drop_before", connect_hook.operations["survey"][1], count=None)
    report = connect_hook().diagnose(rollback_sandbox.deployment("image-af3")["id"])
    assert "HISTORY" in codes(report, Status.ERROR)
    assert {"API", "TOKEN", "DEPLOYMENT"} <= set(codes(report, Status.OK))


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 401},
        {"kind": "status", "status": 403},
        {"kind": "status", "status": 429, "retry_after": "0"},
        {"kind": "drop_after"},
        {"kind": "body", "body": "truncated"},
        {"kind": "body", "body": "wrong_shape"},
        {"kind": "api_error", "message": "It broke", "name": "Anything"},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_the_report_is_complete_after_every_failure(
    connect_hook: Connect, rollback_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    """Each operation fails alone, in each way: no error escapes, and every check has its finding."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    deployment = rollback_sandbox.deployment("image-af3")["id"]
    hook = connect_hook()
    hook.diagnose(deployment)
    operations = list(dict.fromkeys(request["operation"] for request in rollback_sandbox.requests()))
    assert len(operations) > 2
    for operation in operations:
        rollback_sandbox.clear_faults()
        rollback_sandbox.fault(**{**fault, "operation": operation, "count": None})
        report = hook.diagnose(deployment)
        assert [finding.code for finding in report.findings if finding.code in ALWAYS] == ALWAYS
        may_not_list = operation == "ListDeployments" and fault.get("status") == 403
        # Nothing depends on the other form of the token, and the proof is kept for the process.
        needless = operation in ("CheckKnown", "ProveRollBack")
        assert report.worst in (Status.ERROR, Status.WARNING) or may_not_list or needless, operation


def test_over_tls_the_same_report(rollback_sandbox: Sandbox, tmp_path: Path) -> None:
    """The certificate is checked before any request, and without the token."""
    authority = Authority(tmp_path)
    with serving(reply(503), authority.certify()) as (url, server):
        refused = hook_for(host=url).diagnose()
        assert codes(refused, Status.ERROR) == ["TLS"]
        assert server.seen == []
        trusted = hook_for(host=url, extra={"ca_bundle": str(authority.file)}).diagnose()
    assert codes(trusted, Status.ERROR) == ["API"]
    assert "TLS" in codes(trusted, Status.OK)


def test_a_warning_does_not_fail_the_test_of_the_form(
    connect_hook: Connect, rollback_sandbox: Sandbox
) -> None:
    """The message contains it after the success."""
    need(connect_hook.platform == "astro_private_cloud", "a schema")
    rollback_sandbox.settings(introspection=False)
    works, words = connect_hook().test_connection()
    assert works
    assert words.startswith("Astro Private Cloud 2.0.0 accepts the token")
    assert "Warning: The installation refuses to show its schema" in words


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("token", TOKENS)
def test_no_token_leaks(
    rollback_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, token: str, platform: str
) -> None:
    """Neither the report nor a log line contains it."""
    evidence = Evidence()
    rollback_sandbox.settings(renamed_fields={"DeployRevision.imageTag": "tag"})
    monkeypatch.setenv("AIRFLOW_CONN_APC", rollback_sandbox.connection_json(token, platform))
    with listening(evidence):
        hook = DeployHistoryHook("apc")
        report = hook.diagnose(rollback_sandbox.deployment("image-af3")["id"])
        evidence.add("test", hook.test_connection())
    evidence.add("report", report.to_dict())
    evidence.add("report", report)
    evidence.add_pickle("report", report)
    assert evidence.holds("report", "CONNECTION")
    assert evidence.holds("log", "127.0.0.1")
    evidence.require_clean()
    hook.close()


def test_the_token_is_removed_from_a_text_of_the_platform(rollback_sandbox: Sandbox) -> None:
    """An error message of the platform may contain it."""
    evidence = Evidence("tok-3cr3t-value")
    body = json.dumps({"errors": [{"message": "no tok-3cr3t-value here", "name": "X"}]}).encode()
    with serving(reply(200, body)) as (url, _):
        report = hook_for(host=url, password="tok-3cr3t-value").diagnose("c" + "0" * 24)
    evidence.add("report", report.to_dict())
    assert evidence.holds("report", "no *** here")
    evidence.require_clean()
