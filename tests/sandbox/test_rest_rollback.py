# SPDX-License-Identifier: Apache-2.0
"""A rollback through hosted Astro's API: its start, its refusals and its progress."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_rollback_provider.sandbox.model import make_id
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.sandbox.conftest import DrainResult, deployment_path

KEY = "dag-deploy-af3"
TARGET = make_id(KEY, "deploy", 45)  # release-42
FAILED_ROW = make_id(KEY, "deploy", 46)
DAY = 86_400.0


def rollback_path(key: str = KEY, row: str = TARGET) -> str:
    return deployment_path(key, f"/deploys/{row}/rollback")


def rows(sandbox: SandboxProcess, key: str = KEY) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.deployment(key)["deploys"]
    return found


@pytest.mark.parametrize(
    ("body", "content_type", "fields"),
    [
        (None, "application/json", None),
        (b"{", "application/json", None),
        (b"[]", "application/json", None),
        (b"{}", "text/plain", None),
        ({"description": 5}, "application/json", {"description": "type"}),
        ({"description": "x" * 501}, "application/json", {"description": "max"}),
    ],
)
def test_a_body_that_cannot_be_used_is_refused(
    rest: DrainResult,
    rollback_sandbox: SandboxProcess,
    body: Any,
    content_type: str,
    fields: dict[str, str] | None,
) -> None:
    """HTTP 400, with the invalid field, if there is one; nothing happens."""
    before = rows(rollback_sandbox)
    answer = rest("POST", rollback_path(), body, **{"content-type": content_type})
    assert answer.status_code == 400
    told = answer.json().get("fieldErrors")
    assert (told and {item["field"]: item["code"] for item in told}) == fields
    assert rows(rollback_sandbox) == before


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        (rollback_path(row="cnone"), 404, "Deploy with id cnone was not found"),
        (rollback_path(row=make_id("image-af3", "deploy", 45)), 404, "was not found"),
        (rollback_path(row=make_id(KEY, "deploy", 2)), 404, "was not found"),  # past the retention
        (rollback_path("git-sync-af3", make_id("git-sync-af3", "deploy", 45)), 404, "Deployment with id"),
        (rollback_path(row=FAILED_ROW), 400, "only a deploy that succeeded"),
        (
            rollback_path("runtime-3-0", make_id("runtime-3-0", "deploy", 44)),
            400,
            "takes no part in rollbacks",
        ),
    ],
)
def test_refusals(
    rest: DrainResult, rollback_sandbox: SandboxProcess, path: str, status: int, words: str
) -> None:
    """They have the usual form of error, and there is no new row."""
    before = {key: len(item["deploys"]) for key, item in rollback_sandbox.state()["deployments"].items()}
    answer = rest("POST", path, {"description": "why"})
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)
    assert words in answer.json()["message"]
    assert "revision" not in answer.json()["message"]
    after = {key: len(item["deploys"]) for key, item in rollback_sandbox.state()["deployments"].items()}
    assert after == before


@pytest.mark.parametrize("nightly_job", [True, False])
def test_of_an_old_history_the_latest_deploy_alone_can_be_the_target(
    rest: DrainResult, rollback_sandbox: SandboxProcess, nightly_job: bool
) -> None:
    """The exception of hosted Astro, whether or not old rows are still listed."""
    rollback_sandbox.settings(nightly_job=nightly_job)
    older, latest = (rollback_path("dormant", make_id("dormant", "deploy", number)) for number in (0, 1))
    assert rest("POST", older, {}).status_code == (404 if nightly_job else 400)
    assert rest("POST", latest, {}).status_code == 200


def test_there_are_no_flags_and_no_toggles(rest: DrainResult, rollback_sandbox: SandboxProcess) -> None:
    """Rollbacks are always on here, and the running deploy may be the target."""
    rollback_sandbox.settings(installation_enabled=False)
    row = make_id("rollback-disabled", "deploy", 45)
    assert rest("POST", rollback_path("rollback-disabled", row), {}).status_code == 200
    current = rest("GET", deployment_path("image-af3", "/deploys?limit=1")).json()["deploys"][0]["id"]
    assert rest("POST", rollback_path("image-af3", current), {}).status_code == 200


def test_the_rest_helper_calls_this_api(rollback_sandbox: SandboxProcess) -> None:
    """A test can read, or act with any token."""
    made = rollback_sandbox.rest("POST", rollback_path(), {"description": "by hand"}, token="service-account")
    assert made["createdBySubject"]["apiTokenName"] == "Rollback bot"
