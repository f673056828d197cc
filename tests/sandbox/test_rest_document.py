# SPDX-License-Identifier: Apache-2.0
"""Hosted Astro's API compared with the platform's own OpenAPI document, and tests of that comparison."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.sandbox.astro_api import OPERATIONS, handle
from airflow_rollback_provider.sandbox.astro_parameters import RequestContext
from airflow_rollback_provider.sandbox.clock import Clock
from airflow_rollback_provider.sandbox.factories import RUNTIMES, Draft, from_drafts, make_deployment
from airflow_rollback_provider.sandbox.model import DEPLOYED, FAILED, MECHANISMS, ORGANIZATION, make_id
from airflow_rollback_provider.sandbox.sessions import HostedSession
from airflow_rollback_provider.sandbox.tokens import TOKENS
from airflow_rollback_provider.sandbox.world import World
from tests.support.openapi import (
    BEYOND,
    Undocumented,
    check_answer,
    check_request,
    document,
    needs_document,
)

pytestmark = needs_document

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
BY_NAME = {item.name: item for item in OPERATIONS}
NOT_OFFERED = {"CreateDeploy", "UpdateDeploy", "FinalizeDeploy"}
DAY = 86_400.0

BASE = "/v1/organizations/o/deployments/d"
ROLLBACK = f"{BASE}/deploys/x/rollback"
TOKEN = {"Authorization": "Bearer t"}
JSON = {"Content-Type": "application/json; charset=utf-8"}
DEPLOY = {
    "id": "i",
    "deploymentId": "d",
    "type": "IMAGE_AND_DAG",
    "status": "DEPLOYED",
    "imageTag": "t",
    "imageRepository": "r",
    "isDagDeployEnabled": True,
    "createdAt": "2026-01-01T00:00:00Z",
}


def test_every_operation_has_its_name_and_place_from_the_document() -> None:
    """The three that write deploys otherwise are left out, see ``docs/sandbox.md``."""
    described = {
        details["operationId"]: (method.upper(), f"/v1{path}")
        for path, methods in document()["paths"].items()
        for method, details in methods.items()
    }
    ours = {item.name: (item.method, item.path) for item in OPERATIONS}
    assert ours == {name: place for name, place in described.items() if name not in NOT_OFFERED}
    assert set(described) >= NOT_OFFERED


_DRAFTS = st.builds(
    Draft,
    age=st.floats(0, 200 * DAY),
    type=st.sampled_from(["IMAGE_AND_DAG", "IMAGE_ONLY", "DAG_ONLY", *BEYOND]),
    runtime=st.none() | st.sampled_from(sorted(RUNTIMES)),
    tag=st.none() | st.text(max_size=5),
    mechanism=st.none() | st.sampled_from(MECHANISMS),
    outcome=st.sampled_from([DEPLOYED, FAILED]),
    author=st.sampled_from(["github-actions", "ana.silva", "somebody"]),
    description=st.none() | st.text(max_size=8),
    commit=st.none() | st.just("abc123"),
    reason=st.none() | st.text(max_size=5),
    seconds=st.none() | st.floats(0, DAY),
    shows_runtime=st.booleans(),
    applies=st.booleans(),
)
_TEXTS = st.sampled_from(["", "0", "3", "1000", "1001", "-1", "x", "é"])
_BODIES = st.one_of(
    st.binary(max_size=4),
    st.text(max_size=600).map(lambda text: json.dumps({"description": text}).encode()),
    st.sampled_from([b"{}", b"[]", b'{"description": null}', b'{"description": 1}', b'{"more": true}']),
)


@given(
    drafts=st.lists(_DRAFTS, max_size=4),
    name=st.sampled_from(sorted(BY_NAME)),
    token=st.sampled_from([*sorted(TOKENS), None]),
    organization=st.sampled_from([ORGANIZATION.id] * 9 + ["other"]),
    query=st.fixed_dictionaries({}, optional={"offset": _TEXTS, "limit": _TEXTS, "sorts": _TEXTS}),
    row=st.integers(0, 4),
    body=_BODIES,
)
def test_each_response_is_as_documented(
    drafts: list[Draft],
    name: str,
    token: str | None,
    organization: str,
    query: dict[str, str],
    row: int,
    body: bytes,
) -> None:
    """This holds for any history, any token, good and bad parameters."""
    deployment = make_deployment(
        "mine", from_drafts(lambda: drafts), NOW, label="M", release="m", runtime="3.1-12", mechanism="image"
    )
    session = HostedSession(
        World(Clock(lambda: NOW), [deployment]), f"Bearer {TOKENS[token].value}" if token else None
    )
    path = {
        "organizationId": organization,
        "deploymentId": deployment.id,
        "deployId": make_id("mine", "deploy", row),
    }
    asked = RequestContext(path, {key: [value] for key, value in query.items()}, "application/json", body)
    answer = handle(BY_NAME[name], session, asked, "request-1")
    whole = BY_NAME[name].path.format(**path)
    check_answer(BY_NAME[name].method, whole, answer.status, JSON, json.dumps(answer.body))


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "problem"),
    [
        ("GET", f"{BASE}/deploys?limit=1001", TOKEN, None, "limit: .*1001"),
        ("GET", f"{BASE}/deploys?page=1", TOKEN, None, "no query parameter 'page'"),
        ("GET", f"{BASE}/deploys", {}, None, "Security"),
        ("GET", f"{BASE}/logs", TOKEN, None, "Path not found"),
        ("DELETE", f"{BASE}/deploys/x", TOKEN, None, "Operation delete not found"),
        ("POST", ROLLBACK, TOKEN | JSON, None, "Missing required request body"),
        ("POST", ROLLBACK, TOKEN, "{}", "mimetype"),
        ("POST", ROLLBACK, TOKEN | JSON, "{", "deserialize"),
        ("POST", ROLLBACK, TOKEN | JSON, '{"scope": "IMAGE"}', "'scope' was unexpected"),
        ("POST", ROLLBACK, TOKEN | JSON, json.dumps({"description": "x" * 501}), "is too long"),
    ],
)
def test_any_other_request_is_an_error(method: str, url: str, headers: Any, body: Any, problem: str) -> None:
    """Names that are not in the document are errors too."""
    with pytest.raises(AssertionError, match=problem):
        check_request(method, url, headers, body)


def _error(**changes: Any) -> dict[str, Any]:
    return {"message": "m", "requestId": "r", "statusCode": 404} | changes


@pytest.mark.parametrize(
    ("status", "headers", "body", "problem"),
    [
        (200, JSON, DEPLOY | {"status": "LOST"}, "status: 'LOST'"),
        (200, JSON, DEPLOY | {"description": None}, "description: None"),
        (200, JSON, DEPLOY | {"createdAt": "yesterday"}, "date-time"),
        (200, JSON, DEPLOY | {"scope": "IMAGE"}, "'scope' was unexpected"),
        (200, JSON, {"id": "i"}, "'status' is a required property"),
        (200, {"content-type": "text/html"}, DEPLOY, "mimetype"),
        (404, JSON, _error(statusCode="404"), "statusCode: '404'"),
    ],
)
def test_any_other_response_is_an_error(
    status: int, headers: dict[str, str], body: dict[str, Any], problem: str
) -> None:
    """Wrong values, missing ones, nulls, and unknown fields."""
    with pytest.raises(AssertionError, match=problem):
        check_answer("GET", f"{BASE}/deploys/i", status, headers, json.dumps(body))


def test_an_undocumented_status_has_its_own_error() -> None:
    """The caller can expect it, because of a gateway in between."""
    with pytest.raises(Undocumented, match="429"):
        check_answer("GET", f"{BASE}/deploys/i", 429, JSON, "{}")


def test_each_exception_is_missing_in_the_document() -> None:
    """When the document has the type, the exception can be deleted."""
    schemas = document()["components"]["schemas"]
    assert not set(BEYOND) & set(schemas["Deploy"]["properties"]["type"]["enum"])
