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


def test_a_rollback_is_a_new_deploy_that_takes_its_time(
    rest: DrainResult, rollback_sandbox: SandboxProcess
) -> None:
    """INITIALIZED at first, DEPLOYED when the clock says so; both APIs show the same row."""
    rollback_sandbox.clock(freeze=True)
    made = rest("POST", rollback_path(), {"description": "Orders fail"}).json()
    assert (made["status"], made["rollbackFromId"], made["imageTag"]) == ("INITIALIZED", TARGET, "release-42")
    assert (made["type"], made["description"]) == ("IMAGE_AND_DAG", "Orders fail")
    assert made["createdBySubject"]["username"] == "edda@example.com"
    theirs = rows(rollback_sandbox)[0]
    assert (theirs["id"], theirs["rollbackFromId"], theirs["scope"]) == (
        made["id"],
        TARGET,
        "IMAGE_AND_DAGS",
    )
    one = deployment_path(KEY, f"/deploys/{made['id']}")
    assert rest("GET", one).json() == made
    assert rest("GET", deployment_path(KEY)).json()["imageTag"] == "release-44"
    rollback_sandbox.clock(advance=60)
    assert rest("GET", one).json()["status"] == "DEPLOYED"
    assert rest("GET", deployment_path(KEY)).json()["imageTag"] == "release-42"


def test_a_rollback_can_fail_or_never_end(rest: DrainResult, rollback_sandbox: SandboxProcess) -> None:
    """As scripted; this API does not return the reason."""
    rollback_sandbox.next_rollbacks(
        {"outcome": "FAILED", "seconds": 0, "reason": "no nodes"}, {"seconds": None}
    )
    failed = rest("POST", rollback_path(), {}).json()
    assert failed["status"] == "FAILED"
    assert "no nodes" not in str(failed)
    stuck = rest("POST", rollback_path(), {}).json()
    rollback_sandbox.clock(advance=DAY)
    assert rest("GET", deployment_path(KEY, f"/deploys/{stuck['id']}")).json()["status"] == "INITIALIZED"


@pytest.mark.parametrize("description", [None, "", "x", "ü" * 500, "with a tag [rollback abc/1]\nand more"])
def test_a_description_is_kept_unchanged(
    rest: DrainResult, rollback_sandbox: SandboxProcess, description: str | None
) -> None:
    """Up to 500 characters, and it is optional."""
    body = {} if description is None else {"description": description}
    made = rest("POST", rollback_path(), body).json()
    assert made.get("description") == description
    assert rows(rollback_sandbox)[0]["description"] == description


@pytest.mark.parametrize(
    ("body", "content_type", "fields"),
    [
        (None, "application/json", None),
        (b"", "application/json", None),
        (b"{", "application/json", None),
        (b"[]", "application/json", None),
        (b"\xff", "application/json", None),
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
    ("token", "status"),
    [
        ("editor", 200),
        ("no-history", 200),
        ("service-account", 200),
        ("viewer", 403),
        ("images-only", 403),
        ("dags-only", 403),
        ("other-workspace", 403),
        ("expired", 401),
    ],
)
def test_who_may_roll_back(
    rest: DrainResult, rollback_sandbox: SandboxProcess, token: str, status: int
) -> None:
    """There are no scopes here: a rollback needs the rights to push images and Dags."""
    before = len(rows(rollback_sandbox))
    assert rest("POST", rollback_path(), {}, token=token).status_code == status
    assert len(rows(rollback_sandbox)) - before == int(status == 200)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        (rollback_path(row="cnone"), 404, "Deploy with id cnone was not found"),
        (rollback_path("no-such-key"), 404, "Deployment with id"),
        (rollback_path(row=make_id("image-af3", "deploy", 45)), 404, "was not found"),
        (rollback_path(row=make_id(KEY, "deploy", 2)), 404, "was not found"),  # past the retention
        (rollback_path("git-sync-af3", make_id("git-sync-af3", "deploy", 45)), 404, "Deployment with id"),
        (rollback_path("volume-af3", make_id("volume-af3", "deploy", 45)), 404, "Deployment with id"),
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


@pytest.mark.parametrize(
    ("runtimes", "status"),
    [
        (("3.1-2", "3.1-12"), 200),
        (("13.2.0", "3.1-12"), 200),
        (("11.14.0", "3.1-12"), 400),
        (("3.1-12", "13.2.0"), 400),
        (("4.2.8", "13.2.0"), 400),
    ],
)
def test_the_table_of_paths_holds_here_too(
    rest: DrainResult, rollback_sandbox: SandboxProcess, runtimes: tuple[str, str], status: int
) -> None:
    """From the second Runtime back to the first."""
    deploys = [{"age": 2 * DAY, "runtime": runtimes[0]}, {"age": DAY, "runtime": runtimes[1]}]
    made = rollback_sandbox.add_deployment("mine", mechanism="dag_deploy", deploys=deploys)
    answer = rest("POST", rollback_path("mine", made["deploys"][1]["id"]), {})
    assert answer.status_code == status


@pytest.mark.parametrize("nightly_job", [True, False])
def test_of_an_old_history_the_latest_deploy_alone_can_be_the_target(
    rest: DrainResult, rollback_sandbox: SandboxProcess, nightly_job: bool
) -> None:
    """The exception of hosted Astro, whether or not old rows are still listed."""
    rollback_sandbox.settings(nightly_job=nightly_job)
    older, latest = (rollback_path("dormant", make_id("dormant", "deploy", number)) for number in (0, 1))
    assert rest("POST", older, {}).status_code == (404 if nightly_job else 400)
    assert rest("POST", latest, {}).status_code == 200


def test_with_a_young_deploy_the_exception_ends(rest: DrainResult, rollback_sandbox: SandboxProcess) -> None:
    """The old row is no longer the latest."""
    rollback_sandbox.settings(nightly_job=False)
    rollback_sandbox.land_deploy("dormant", tag="awake")
    answer = rest("POST", rollback_path("dormant", make_id("dormant", "deploy", 1)), {})
    assert (answer.status_code, "older than 90 days" in answer.json()["message"]) == (400, True)


def test_there_are_no_flags_and_no_toggles(rest: DrainResult, rollback_sandbox: SandboxProcess) -> None:
    """Rollbacks are always on here, and the running deploy may be the target."""
    rollback_sandbox.settings(installation_enabled=False)
    row = make_id("rollback-disabled", "deploy", 45)
    assert rest("POST", rollback_path("rollback-disabled", row), {}).status_code == 200
    current = rest("GET", deployment_path("image-af3", "/deploys?limit=1")).json()["deploys"][0]["id"]
    assert rest("POST", rollback_path("image-af3", current), {}).status_code == 200


def test_a_second_rollback_supersedes_the_first_unless_the_setting_refuses_it(
    rest: DrainResult, rollback_sandbox: SandboxProcess
) -> None:
    """The same setting as for Houston."""
    rollback_sandbox.next_rollbacks({"seconds": None})
    assert rest("POST", rollback_path(), {}).status_code == 200
    rollback_sandbox.settings(refuse_concurrent=True)
    answer = rest("POST", rollback_path(), {})
    assert (answer.status_code, "in progress" in answer.json()["message"]) == (400, True)


def test_another_organization_is_forbidden(rest: DrainResult, rollback_sandbox: SandboxProcess) -> None:
    """Nothing of this one changes."""
    before = rows(rollback_sandbox)
    assert rest("POST", rollback_path(), {}, organization="cother").status_code == 403
    assert rows(rollback_sandbox) == before


def test_the_rest_helper_calls_this_api(rollback_sandbox: SandboxProcess) -> None:
    """A test can read, or act with any token."""
    made = rollback_sandbox.rest("POST", rollback_path(), {"description": "by hand"}, token="service-account")
    assert made["createdBySubject"]["apiTokenName"] == "Rollback bot"
