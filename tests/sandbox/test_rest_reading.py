# SPDX-License-Identifier: Apache-2.0
"""Reading through hosted Astro's API, and the access to it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from airflow_rollback_provider.sandbox.model import ORGANIZATION, make_id
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.tokens import TOKENS
from tests.sandbox.conftest import DrainResult, deployment_id, deployment_path

ORDERS = deployment_path("dag-deploy-af3")
DEPLOYS = f"{ORDERS}/deploys"


def listed(rest: DrainResult, path: str = DEPLOYS, token: str = "editor") -> list[dict[str, Any]]:
    answer = rest("GET", path, token=token).json()
    rows: list[dict[str, Any]] = answer["deploys" if "/deploys" in path else "deployments"]
    return rows


def names(rest: DrainResult, query: str, token: str = "editor") -> list[str]:
    return [item["name"] for item in listed(rest, f"/deployments?{query}", token)]


def test_both_apis_show_the_same_deploys(rest: DrainResult, rollback_sandbox: SandboxProcess) -> None:
    """The same rows in the same order, with the same content."""
    ours = rollback_sandbox.deployment("dag-deploy-af3")["deploys"]
    theirs = listed(rest, f"{DEPLOYS}?limit=1000")
    pairs = (
        ("id", "id"),
        ("type", "type"),
        ("status", "status"),
        ("imageTag", "imageTag"),
        ("runtimeVersion", "astroRuntimeVersion"),
        ("dagBundleVersion", "dagTarballVersion"),
        ("description", "description"),
        ("rollbackFromId", "rollbackFromId"),
    )
    for houston, astro in pairs:
        assert [row[houston] for row in ours] == [row.get(astro) for row in theirs]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", slice(0, 20)),
        ("?limit=0", slice(0, 0)),
        ("?offset=995&limit=10", slice(995, 1005)),
        ("?offset=9990&limit=1000", slice(9990, 10_000)),
    ],
)
def test_a_page_is_a_slice_of_the_history(
    rest: DrainResult, rollback_sandbox: SandboxProcess, query: str, expected: slice
) -> None:
    """Newest first; the response repeats offset and limit, with the number of all rows."""
    path = deployment_path("ten-thousand", f"/deploys{query}")
    whole = [row["id"] for row in rollback_sandbox.deployment("ten-thousand", rows=10_000)["deploys"]]
    page = rest("GET", path).json()
    assert [row["id"] for row in page["deploys"]] == whole[expected]
    assert page["totalCount"] == 10_000
    asked = dict(re.findall(r"(\w+)=(\d+)", query))
    assert (page["offset"], page["limit"]) == (int(asked.get("offset", 0)), int(asked.get("limit", 20)))


def test_rows_past_the_retention_are_gone_but_the_latest(
    rest: DrainResult, rollback_sandbox: SandboxProcess
) -> None:
    """A Deployment without deploys for months keeps only its latest deploy."""
    row = make_id("dormant", "deploy", 1)
    assert [item["id"] for item in listed(rest, deployment_path("dormant", "/deploys"))] == [row]
    assert rest("GET", deployment_path("dormant", f"/deploys/{row}")).status_code == 200
    older = deployment_path("dormant", f"/deploys/{make_id('dormant', 'deploy', 0)}")
    assert rest("GET", older).status_code == 404
    assert all(item["createdAt"] for item in listed(rest, f"{DEPLOYS}?limit=1000"))
    rollback_sandbox.settings(nightly_job=False)
    assert rest("GET", older).status_code == 200


def test_deployments_are_those_of_hosted_astro(rest: DrainResult, rollback_sandbox: SandboxProcess) -> None:
    """Those with git-sync or NFS are neither listed nor found."""
    found = {item["id"] for item in listed(rest, "/deployments?limit=1000")}
    everything = rollback_sandbox.state()["deployments"]
    elsewhere = {key for key, item in everything.items() if item["id"] not in found}
    assert elsewhere == {"git-sync-af3", "git-sync-af2", "volume-af3", "volume-af2"}
    for key in elsewhere:
        assert rest("GET", deployment_path(key)).status_code == 404
        assert rest("GET", deployment_path(key, "/deploys")).status_code == 404


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("names=Billing&names=Orders", ["Billing", "Orders"]),
        (f"deploymentIds={deployment_id('dormant')}", ["Dormant"]),
        (f"workspaceIds={make_id('wsanalytics', 'workspace')}", ["Marketing"]),
        (f"names=Billing&workspaceIds={make_id('wsanalytics', 'workspace')}", []),
        ("sorts=name:asc&limit=2", ["Billing", "Billing (Airflow 2)"]),
        ("sorts=name:desc&limit=2", ["Ten thousand deploys", "Rolled back"]),
        ("sorts=createdAt:asc&sorts=name:desc&limit=1", ["Ten thousand deploys"]),
    ],
)
def test_deployments_can_be_filtered_sorted_and_paged(
    rest: DrainResult, query: str, expected: list[str]
) -> None:
    """As the document says, with names that repeat."""
    assert names(rest, query) == expected


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (f"{DEPLOYS}?limit=1001", {"limit": "max"}),
        (f"{DEPLOYS}?limit=-1", {"limit": "min"}),
        (f"{DEPLOYS}?limit=1_0", {"limit": "type"}),
        (f"{DEPLOYS}?offset=-1&limit=5000", {"offset": "min", "limit": "max"}),
        (f"{DEPLOYS}?offset=1.5", {"offset": "type"}),
        ("/deployments?sorts=colour:asc", {"sorts": "oneof"}),
    ],
)
def test_a_parameter_out_of_range_is_refused_field_by_field(
    rest: DrainResult, path: str, fields: dict[str, str]
) -> None:
    """HTTP 400; each field that is wrong has an entry of its own."""
    answer = rest("GET", path)
    assert answer.status_code == 400
    assert {item["field"]: item["code"] for item in answer.json()["fieldErrors"]} == fields


@pytest.mark.parametrize(
    "authorization",
    [None, TOKENS["editor"].value, "Bearer", "Bearer no-such-token"],
)
def test_only_a_bearer_token_is_accepted(rest: DrainResult, authorization: str | None) -> None:
    """HTTP 401 for the raw token that Houston accepts, and for unknown tokens."""
    headers = {} if authorization is None else {"authorization": authorization}
    answer = rest("GET", DEPLOYS, token=None, **headers)
    assert (answer.status_code, answer.json()["statusCode"]) == (401, 401)


def test_an_expired_token_has_its_own_error(rest: DrainResult, rollback_sandbox: SandboxProcess) -> None:
    """HTTP 401, with another message than for an unknown one."""
    answer = rest("GET", ORDERS, token="expired")
    assert (answer.status_code, "expired" in answer.json()["message"]) == (401, True)
    rollback_sandbox.settings(expired_tokens=["viewer"])
    assert rest("GET", ORDERS, token="viewer").status_code == 401
    assert rest("GET", ORDERS, token="expired").status_code == 200


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        (ORDERS, "viewer", 200),
        (DEPLOYS, "viewer", 200),
        (ORDERS, "no-history", 200),
        (DEPLOYS, "no-history", 403),
        (f"{DEPLOYS}/any", "no-history", 403),
        (ORDERS, "other-workspace", 403),
        (DEPLOYS, "other-workspace", 403),
        (deployment_path("other-workspace"), "other-workspace", 200),
        (DEPLOYS, "service-account", 200),
        ("/deployments/none", "editor", 404),
        ("/deployments/none/deploys", "editor", 404),
        (f"{DEPLOYS}/none", "editor", 404),
        (f"{DEPLOYS}/{make_id('image-af3', 'deploy', 3)}", "editor", 404),
    ],
)
def test_permissions(rest: DrainResult, path: str, token: str, status: int) -> None:
    """They apply to this API too; a missing deploy, or another Deployment's, is not found."""
    assert rest("GET", path, token=token).status_code == status


@pytest.mark.parametrize("path", ["/deployments", ORDERS, DEPLOYS])
def test_another_organization_is_forbidden(rest: DrainResult, path: str) -> None:
    """A token belongs to one organization."""
    assert rest("GET", path, organization="cother").status_code == 403


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/clusters"), ("DELETE", DEPLOYS), ("POST", DEPLOYS), ("GET", f"{DEPLOYS}/")]
)
def test_an_unsupported_operation_is_an_error_of_the_usual_form(
    rollback_sandbox: SandboxProcess, method: str, path: str
) -> None:
    """Other operations of the platform, and those that write."""
    url = f"{rollback_sandbox.url}/v1/organizations/{ORGANIZATION.id}{path}"
    answer = requests.request(method, url, timeout=30)
    assert (answer.status_code, answer.json()["statusCode"]) == (404, 404)
    assert rollback_sandbox.requests()[-1]["operation"] is None


def test_requests_are_recorded_with_name_and_path(
    rest: DrainResult, rollback_sandbox: SandboxProcess
) -> None:
    """By the document's name for the operation; the token's name in place of its value."""
    rest("GET", "/deployments?limit=1")
    rest("GET", ORDERS, token="viewer")
    rest("GET", DEPLOYS, token=None, authorization="Bearer secret-1")
    rest("GET", f"{DEPLOYS}/none", token=None, authorization="secret-2")
    rest("GET", DEPLOYS, token=None)
    recorded = rollback_sandbox.requests()
    assert [item["operation"] for item in recorded] == [
        "ListDeployments",
        "GetDeployment",
        "ListDeploys",
        "GetDeploy",
        "ListDeploys",
    ]
    assert [item["token"] for item in recorded] == ["editor", "viewer", "unknown", "not-bearer", "none"]
    assert recorded[0]["path"].endswith("/deployments?limit=1")
    assert [item["status"] for item in recorded] == [200, 200, 401, 401, 401]
    assert "secret" not in str(rollback_sandbox.state())
    assert "sandbox-token" not in str(rollback_sandbox.state())
