# SPDX-License-Identifier: Apache-2.0
"""Each fault on either API, and its result on the platform."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
import requests

from airflow_rollback_provider.sandbox.model import ORGANIZATION, make_id
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.tokens import TOKENS

ORDERS = make_id("dag-deploy-af3", "deployment")
TARGET = make_id("dag-deploy-af3", "deploy", 45)
ROLLBACK = """mutation RollBack($id: Uuid!, $row: Uuid!, $why: String!) {
  rollbackDeployment(deploymentUuid: $id, deployRevisionUuid: $row, scope: IMAGE, description: $why) { id }
}"""
HEADERS = {"authorization": TOKENS["editor"].value}
BODY = {"query": ROLLBACK, "variables": {"id": ORDERS, "row": TARGET, "why": "why"}}


@dataclass(frozen=True)
class Post:
    """A rollback request to one API, sent by one HTTP client."""

    send: Callable[..., Any]
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    operation: str
    result: tuple[str, ...]

    def __call__(self, url: str, timeout: float = 30.0) -> Any:
        return self.send(f"{url}{self.path}", json=self.body, headers=self.headers, timeout=timeout)

    def row(self, answer: Any) -> str:
        """Return the id of the row in a response."""
        found = answer.json()
        for part in self.result:
            found = found[part]
        return str(found["id"])


HOUSTON: dict[str, Any] = {
    "path": "/v1",
    "headers": HEADERS,
    "body": BODY,
    "operation": "RollBack",
    "result": ("data", "rollbackDeployment"),
}
ASTRO: dict[str, Any] = {
    "path": f"/v1/organizations/{ORGANIZATION.id}/deployments/{ORDERS}/deploys/{TARGET}/rollback",
    "headers": {"authorization": f"Bearer {TOKENS['editor'].value}"},
    "body": {"description": "why"},
    "operation": "DeployRollback",
    "result": (),
}
houston, astro = Post(requests.post, **HOUSTON), Post(httpx.post, **ASTRO)
each = pytest.mark.parametrize("post", [houston, astro], ids=["houston", "astro"])

CONNECTION_ERRORS = (requests.ConnectionError, httpx.RemoteProtocolError, httpx.ReadError)
TIMEOUTS = (requests.Timeout, httpx.TimeoutException)


def rollbacks(sandbox: SandboxProcess) -> int:
    rows = sandbox.deployment("dag-deploy-af3")["deploys"]
    return sum(row["description"] == "why" for row in rows)


def rollbacks_in_the_end(sandbox: SandboxProcess) -> int:
    """Wait until the abandoned request is handled."""
    deadline = time.monotonic() + 120
    while rollbacks(sandbox) == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    return rollbacks(sandbox)


@each
@pytest.mark.parametrize(("kind", "rows"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_is_one(
    rollback_sandbox: SandboxProcess, post: Post, kind: str, rows: int
) -> None:
    """The client sees a broken connection and no answer; after the commit there is exactly one row."""
    rollback_sandbox.fault(kind, post.operation)
    with pytest.raises(CONNECTION_ERRORS):
        post(rollback_sandbox.url)
    assert rollbacks(rollback_sandbox) == rows
    assert rollback_sandbox.requests()[-1]["status"] is None
    assert post(rollback_sandbox.url).status_code == 200


@each
@pytest.mark.parametrize("status", [500, 429])
@pytest.mark.parametrize("after_commit", [False, True])
def test_an_http_error_comes_before_or_after_the_request_is_handled(
    rollback_sandbox: SandboxProcess, post: Post, status: int, after_commit: bool
) -> None:
    """A gateway's error may hide that the request went through."""
    rollback_sandbox.fault(
        "status", post.operation, status=status, retry_after="7", after_commit=after_commit
    )
    answer = post(rollback_sandbox.url)
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
    assert rollbacks(rollback_sandbox) == int(after_commit)


@each
@pytest.mark.parametrize("body", ["truncated", "html", "empty", "wrong_shape"])
def test_a_damaged_body_cannot_be_read(rollback_sandbox: SandboxProcess, post: Post, body: str) -> None:
    """It is no JSON, or JSON of another shape, and the request went through."""
    rollback_sandbox.fault("body", post.operation, body=body)
    answer = post(rollback_sandbox.url)
    assert answer.status_code == 200
    if body == "wrong_shape":
        assert answer.json() == {"data": ["unexpected", 1]}
    else:
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            answer.json()
    assert rollbacks(rollback_sandbox) == 1


@each
@pytest.mark.parametrize(
    "fault", [{"kind": "latency", "delay": 1.5}, {"kind": "slow_body", "seconds": 5}], ids=str
)
def test_a_slow_answer_runs_into_the_clients_timeout(
    rollback_sandbox: SandboxProcess, post: Post, fault: dict[str, Any]
) -> None:
    """The request is handled whether or not the client waits."""
    rollback_sandbox.fault(**fault)
    with pytest.raises((*TIMEOUTS, requests.ConnectionError)):
        post(rollback_sandbox.url, timeout=0.5)
    assert rollbacks_in_the_end(rollback_sandbox) == 1


@each
def test_a_slow_body_arrives_whole(rollback_sandbox: SandboxProcess, post: Post) -> None:
    """The body drips, and is complete in the end."""
    rollback_sandbox.fault("slow_body", seconds=0.3)
    answer = post(rollback_sandbox.url)
    assert answer.headers["content-type"] == "application/json"
    assert post.row(answer)
    assert rollbacks(rollback_sandbox) == 1


def test_an_error_of_houstons_form_can_be_scripted(rollback_sandbox: SandboxProcess) -> None:
    """It has HTTP 200, as Houston's own errors."""
    rollback_sandbox.fault("api_error", message="Nope", name="NopeError", status=503, retry_after="9")
    answer = houston(rollback_sandbox.url)
    assert (answer.status_code, answer.json()["errors"]) == (200, [{"message": "Nope", "name": "NopeError"}])
    assert answer.headers["retry-after"] == "9"
    assert rollbacks(rollback_sandbox) == 0


@pytest.mark.parametrize("after_commit", [False, True])
def test_an_error_of_astros_form_can_be_scripted(
    rollback_sandbox: SandboxProcess, after_commit: bool
) -> None:
    """With any HTTP status and fields; the request id is the record's."""
    fields = [{"field": "description", "code": "max", "message": "too long"}]
    rollback_sandbox.fault(
        "api_error",
        "DeployRollback",
        status=429,
        message="Slow down",
        field_errors=fields,
        retry_after="9",
        after_commit=after_commit,
    )
    answer = astro(rollback_sandbox.url)
    record = rollback_sandbox.requests()[-1]
    assert (answer.status_code, answer.headers["retry-after"], record["status"]) == (429, "9", 429)
    assert answer.json() == {
        "message": "Slow down",
        "requestId": record["id"],
        "statusCode": 429,
        "fieldErrors": fields,
    }
    assert rollbacks(rollback_sandbox) == int(after_commit)


def test_a_fault_is_injected_into_the_operation_that_it_names(rollback_sandbox: SandboxProcess) -> None:
    """A name of one API does not match the other; without a name the fault is injected into both."""
    rollback_sandbox.fault("status", "DeployRollback", status=503)
    assert houston(rollback_sandbox.url).status_code == 200
    assert astro(rollback_sandbox.url).status_code == 503
    rollback_sandbox.fault("status", "rollbackDeployment", status=502)
    assert astro(rollback_sandbox.url).status_code == 200
    assert houston(rollback_sandbox.url).status_code == 502
    rollback_sandbox.fault("status", count=2, status=504)
    assert houston(rollback_sandbox.url).status_code == 504
    assert astro(rollback_sandbox.url).status_code == 504


def test_errors_can_come_with_another_status(rollback_sandbox: SandboxProcess) -> None:
    """With the switch a refusal has its body on a non-2xx; an answer without errors stays 200."""
    rollback_sandbox.settings(error_status=400, installation_enabled=False)
    answer = houston(rollback_sandbox.url)
    assert (answer.status_code, answer.json()["errors"][0]["name"]) == (400, "RollbackNotAllowedError")
    rollback_sandbox.settings(installation_enabled=True)
    assert houston(rollback_sandbox.url).status_code == 200


@each
@pytest.mark.parametrize(("kind", "position"), [("land_before", 1), ("land_after", 0)])
def test_another_deploy_can_land_around_the_request(
    rollback_sandbox: SandboxProcess, post: Post, kind: str, position: int
) -> None:
    """A deploy lands just before or just after the request is handled, which goes through."""
    rollback_sandbox.fault(kind, post.operation, deployment="dag-deploy-af3", draft={"tag": "hurried"})
    assert post.row(post(rollback_sandbox.url))
    latest = rollback_sandbox.deployment("dag-deploy-af3")["deploys"][:2]
    assert latest[position]["imageTag"] == "hurried"
    assert latest[1 - position]["description"] == "why"


def test_a_connection_that_the_client_closed_first_can_be_dropped(rollback_sandbox: SandboxProcess) -> None:
    """The server survives a fault for a client that has disconnected."""
    rollback_sandbox.fault("drop_after", delay=1.5)
    with pytest.raises(TIMEOUTS):
        houston(rollback_sandbox.url, timeout=0.5)
    assert rollbacks_in_the_end(rollback_sandbox) == 1


@each
def test_the_date_header_follows_the_clock(rollback_sandbox: SandboxProcess, post: Post) -> None:
    """A test can set the platform's clock, or the header alone, wrong."""
    rollback_sandbox.clock(freeze=True, set="2026-01-01T00:00:00Z")
    assert post(rollback_sandbox.url).headers["date"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    rollback_sandbox.clock(date_offset=-3600)
    dated = parsedate_to_datetime(post(rollback_sandbox.url).headers["date"])
    assert dated.isoformat() == "2025-12-31T23:00:00+00:00"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"query": "{self{id}}", "variables": [1]}',
        b'{"query": "{self{id}}", "operationName": [1]}',
    ],
)
def test_an_invalid_graphql_request_is_a_bad_request(rollback_sandbox: SandboxProcess, body: bytes) -> None:
    """HTTP 400 with an error of the usual form."""
    answer = requests.post(f"{rollback_sandbox.url}/v1", data=body, headers=HEADERS, timeout=5)
    assert (answer.status_code, answer.json()["errors"][0]["name"]) == (400, "BadRequestError")


def test_requests_are_recorded_without_tokens(rollback_sandbox: SandboxProcess) -> None:
    """The record has the names of known tokens and no value."""
    for authorization in ("sandbox-token-viewer", "Bearer secret-1", "secret-2", None):
        headers = {} if authorization is None else {"authorization": authorization}
        body = {"query": "query Who { self { id } }"}
        requests.post(f"{rollback_sandbox.url}/v1", json=body, headers=headers, timeout=5)
    recorded = rollback_sandbox.requests()
    assert [item["token"] for item in recorded] == ["viewer", "unknown", "unknown", "none"]
    assert {(item["operation"], *item["fields"]) for item in recorded} == {("Who", "self")}
    assert "secret" not in str(rollback_sandbox.state())
    assert "sandbox-token" not in str(rollback_sandbox.state())


def test_a_foreign_host_name_is_refused(rollback_sandbox: SandboxProcess) -> None:
    """A web page cannot reach the sandbox through a DNS name of its own."""
    answer = requests.get(f"{rollback_sandbox.url}/healthz", headers={"host": "evil.example.com"}, timeout=5)
    assert answer.status_code == 400
