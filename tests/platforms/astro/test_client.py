# SPDX-License-Identifier: Apache-2.0
"""Tests of hosted Astro's client: addresses, names, errors of its API."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_rollback_provider.domain.deploys import Deploy, Deployment, DeployStatus, Mechanism, Scope
from airflow_rollback_provider.domain.errors import (
    AmbiguousTarget,
    DeploymentNotFound,
    DeployNotFound,
    MalformedAnswer,
    NotFound,
    OutcomeUnknown,
    PermissionMissing,
    PlanRefused,
    PlatformFailed,
    PlatformUnreachable,
    RateLimited,
    RollbackError,
    TokenExpired,
    TokenRefused,
)
from airflow_rollback_provider.http.messages import Flow, Response
from airflow_rollback_provider.platforms.astro.errors import PERMISSIONS
from airflow_rollback_provider.platforms.registry import connect
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.builders import NOW
from tests.support.connect import Connect
from tests.support.openapi import needs_document, operation
from tests.support.talking import Talker, checked_against_document, connection, talker

TOKEN = "tok-3cr3t-value"
ID = "c" + "1" * 24
DEPLOYMENT = Deployment(ID, "One", mechanism=Mechanism.DAG_DEPLOY, workspace_id="w1")
TARGET = Deploy("d1", ID, NOW, DeployStatus.SUCCEEDED)
ROW = {
    "id": "d1",
    "deploymentId": ID,
    "createdAt": "2026-11-01T00:00:00Z",
    "status": "DEPLOYED",
    "type": "IMAGE_AND_DAG",
    "imageTag": "v1",
    "imageRepository": "images.example.com/one",
    "isDagDeployEnabled": True,
}
ERROR = {"message": "No.", "requestId": "req-7", "statusCode": 400}


def talk(sandbox: SandboxProcess, token: str = "editor", **extra: Any) -> Talker:
    """Return a talker to the sandbox; the conformance suite has both transports."""
    return talker("requests", sandbox.connection(token, "astro", **extra))


def hosted(**extra: Any) -> Any:
    """Return the platform of a connection."""
    fields = {"conn_type": "astro", "host": "", "password": TOKEN}
    return connect(connection(**fields, extra={"organization_id": "org1", **extra})).platform


def test_a_bundle_that_only_its_own_request_rolls_back(sandbox: SandboxProcess) -> None:
    """The history has names and versions; `previous` is the deploy before the bundle's, and is refused."""
    key = "dag-deploy-af3"
    before = sandbox.land_deploy(key, type="BUNDLE", named_bundles={"dbt/prices": "v1"})
    sandbox.land_deploy(key, type="BUNDLE", named_bundles={"dbt/prices": "v2"})
    deployment, hook = sandbox.deployment(key)["id"], Connect(sandbox, "astro")()
    rows = list(islice(hook.deploys(deployment), 3))
    plan = hook.plan(deployment)
    hook.close()
    assert [[str(bundle) for bundle in row.bundles] for row in rows] == [
        ["dbt/prices v2"],
        ["dbt/prices v1"],
        [],
    ]
    assert plan.target.id == before["id"]
    (failure,) = plan.failed_checks
    assert failure.code == "NAMED-BUNDLE-DIFFERS"
    assert f"deployments/{deployment}/bundles/{{bundleId}}/rollback" in failure.remedy
    assert '{"version": "v1"}' in failure.remedy


def flow_of(method: str) -> Flow[Any]:
    """Return the flow of a method."""
    platform = hosted()
    methods: dict[str, Any] = {
        "deploys": lambda: platform.deploys(ID),
        "deploy": lambda: platform.deploy(ID, "d1"),
        "deployment": lambda: platform.deployment(ID),
        "by name": lambda: platform.deployment("One deployment"),
        "roll_back": lambda: platform.roll_back(DEPLOYMENT, TARGET, Scope.IMAGE_AND_DAGS, "why"),
        "check": platform.check,
    }
    flow: Flow[Any] = methods[method]()
    return flow


def answered(status: int, body: Any, verb: str = "deploys", **headers: str) -> Any:
    """Return the result of a method for an answer."""
    flow = flow_of(verb)
    next(flow)
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        flow.send(Response(status, {"content-type": "application/json", **headers}, text, NOW))
    except StopIteration as end:
        return end.value
    raise AssertionError("a second request")


REQUESTS = [
    ("deploys", "GET", f"deployments/{ID}/deploys", {"offset": ["0"], "limit": ["100"]}, None),
    ("deploy", "GET", f"deployments/{ID}/deploys/d1", {}, None),
    ("deployment", "GET", f"deployments/{ID}", {}, None),
    ("by name", "GET", "deployments", {"limit": ["100"], "names": ["One deployment"]}, None),
    ("roll_back", "POST", f"deployments/{ID}/deploys/d1/rollback", {}, {"description": "why"}),
    ("check", "GET", "deployments", {"limit": ["1"]}, None),
]


@pytest.mark.parametrize(("verb", "method", "path", "query", "body"), REQUESTS)
def test_each_method_sends_a_request_of_the_api(
    verb: str, method: str, path: str, query: dict[str, list[str]], body: Any
) -> None:
    """Method, address, parameters and body; the token behind Bearer; only the rollback is not repeatable."""
    request: Any = next(flow_of(verb))
    url = urlsplit(request.url)
    assert (request.method, request.body) == (method, body)
    assert (
        f"{url.scheme}://{url.netloc}{url.path}" == f"https://api.astronomer.io/v1/organizations/org1/{path}"
    )
    assert parse_qs(url.query) == query
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in repr(request)
    assert request.repeatable is (verb != "roll_back")


@needs_document
@pytest.mark.parametrize("verb", [case[0] for case in REQUESTS])
def test_each_request_is_one_of_the_document(verb: str) -> None:
    """Names and descriptions that need quoting are included, and the largest page."""
    next(checked_against_document(flow_of(verb)))
    next(checked_against_document(hosted().deployment("Zoë's & co? #1 / 50%")))
    text = "“quoted” \n \N{ROCKET} " * 20
    next(checked_against_document(hosted().roll_back(DEPLOYMENT, TARGET, Scope.IMAGE_AND_DAGS, text)))
    largest: Any = next(checked_against_document(hosted().deploys(ID, limit=5000)))
    assert "limit=1000" in largest.url


@pytest.mark.parametrize("name", ["Billing", "stellar-orbit-4821"])
def test_a_deployment_is_found_by_name_or_namespace(sandbox: SandboxProcess, name: str) -> None:
    """The list has all fields for a plan, so the Deployment itself is not read again."""
    truth = sandbox.deployment("image-af3")
    talking, before = talk(sandbox), len(sandbox.requests())
    survey = talking.run(talking.platform.survey(name))
    assert survey.deployment == talking.run(talking.platform.deployment(truth["id"]))
    operations = [request["operation"] for request in sandbox.requests()[before:-1]]
    assert operations == ["ListDeployments"] * (1 if name == "Billing" else 2) + ["ListDeploys"]


def test_a_namespace_is_searched_on_every_page(sandbox: SandboxProcess) -> None:
    """In an Organization with more Deployments than one page, each is read once."""
    sandbox.reset("empty")
    for number in range(101):
        sandbox.add_deployment(f"d-{number}", release=f"far-away-{number:04d}", mechanism="image")
    talking, before = talk(sandbox), len(sandbox.requests())
    found = talking.run(talking.platform.deployment("far-away-0100"))
    assert found.id == sandbox.deployment("d-100")["id"]
    assert len(sandbox.requests()) - before == 3
    with pytest.raises(DeploymentNotFound, match="far-away-0101"):
        talking.run(talking.platform.deployment("far-away-0101"))


def test_a_name_that_several_deployments_have_is_not_guessed() -> None:
    """The error lists them, with their Workspaces."""
    rows = [{"id": f"c{n}", "name": "One deployment", "workspaceId": f"w{n}"} for n in (1, 2)]
    with pytest.raises(AmbiguousTarget, match=r"c1 \(Workspace w1\), c2 \(Workspace w2\)"):
        answered(200, {"deployments": rows, "totalCount": 2, "limit": 100, "offset": 0}, "by name")


def test_a_name_like_another_is_not_taken_for_it() -> None:
    """A loose filter of the platform does not lead to the wrong Deployment."""
    row = {"id": "c1", "name": "One deployment more", "workspaceId": "w1"}
    with pytest.raises(DeploymentNotFound):
        answered(200, {"deployments": [row], "totalCount": 1, "limit": 100, "offset": 0}, "by name")


@pytest.mark.parametrize("odd", ["..", "../x", "", "a/b", "?x", "x" * 65])
def test_ids_cannot_change_the_address(odd: str) -> None:
    """An invalid id is refused before it becomes a part of a path."""
    platform = hosted()
    foreign = Deploy(odd, ID, NOW, DeployStatus.SUCCEEDED)
    for flow in (platform.deploys(odd), platform.deploy(odd, "d1")):
        with pytest.raises(DeploymentNotFound):
            next(flow)
    for flow in (
        platform.deploy(ID, odd),
        platform.roll_back(DEPLOYMENT, foreign, Scope.IMAGE_AND_DAGS, "why"),
    ):
        with pytest.raises(DeployNotFound):
            next(flow)


def test_a_deploy_of_another_deployment_is_an_error() -> None:
    """The platform may return it under the wrong address."""
    with pytest.raises(DeployNotFound, match="belongs to Deployment other"):
        answered(200, {**ROW, "deploymentId": "other"}, "deploy")


@pytest.mark.parametrize(
    ("status", "message", "verb", "kind"),
    [
        (400, "Invalid request", "deploys", NotFound),
        (400, "Cannot roll back", "roll_back", PlanRefused),
        (409, "Another deploy goes on", "roll_back", PlanRefused),
        (422, "Cannot roll back", "roll_back", PlanRefused),
        (401, "Unauthorized", "deploys", TokenRefused),
        (401, "Unauthorized", "roll_back", TokenRefused),
        (401, "The token has Expired", "deploys", TokenExpired),
        (401, "token is expired", "roll_back", TokenExpired),
        (404, "Not found", "deployment", DeploymentNotFound),
        (404, "Not found", "deploys", DeploymentNotFound),
        (404, "Not found", "deploy", DeployNotFound),
        (404, "Not found", "roll_back", DeployNotFound),
        (408, "Too slow", "deploys", PlatformFailed),
        (408, "Too slow", "roll_back", OutcomeUnknown),
        (429, "Slow down", "deploys", RateLimited),
        (429, "Slow down", "roll_back", RateLimited),
        (500, "Internal", "deploys", PlatformFailed),
        (500, "Internal", "roll_back", OutcomeUnknown),
        (599, "Odd", "roll_back", OutcomeUnknown),
    ],
)
def test_each_error_of_the_api_has_its_meaning(
    status: int, message: str, verb: str, kind: type[RollbackError]
) -> None:
    """The status decides; the message has the platform's words and the id of the request."""
    with pytest.raises(RollbackError) as caught:
        answered(status, {**ERROR, "message": message, "statusCode": status}, verb)
    assert type(caught.value) is kind
    if status != 429:
        assert f"HTTP {status}, request req-7: {message}" in str(caught.value)


def test_the_message_has_the_refused_fields() -> None:
    """Each has its reason and the platform's code; their number is bounded."""
    fields = [{"field": f"f{n}", "message": f"is too long {n}", "code": "max"} for n in range(9)]
    with pytest.raises(PlanRefused) as caught:
        answered(400, {**ERROR, "fieldErrors": fields}, "roll_back")
    assert "(f0: is too long 0 (max); f1: is too long 1 (max); " in str(caught.value)
    assert "f5" not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [None, "no", 7, {}, ["no"], [None], [{}], [{"field": None}], [{"field": {"a": 1}, "message": []}]],
)
def test_malformed_fields_raise_no_other_error(fields: Any) -> None:
    """Values that are not a list of objects are omitted or quoted."""
    with pytest.raises(PlanRefused, match="No"):
        answered(400, {**ERROR, "fieldErrors": fields}, "roll_back")


@pytest.mark.parametrize("status", [302, 400, 404, 405, 409, 422])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"message": 1}', b'{"error": "x"}'])
@pytest.mark.parametrize("verb", ["deploys", "roll_back"])
def test_an_answer_of_another_server_is_distinguished(status: int, body: bytes, verb: str) -> None:
    """A proxy's 404 is not about a deploy: the address is wrong, and a rollback may have been started."""
    kind: type[Exception] = PlatformUnreachable
    words = "Check the base URL"
    if verb == "roll_back":
        kind, words = OutcomeUnknown, "failed on the platform"
    with pytest.raises(kind, match=words):
        answered(status, body, verb)


@pytest.mark.parametrize(
    ("verb", "permission"),
    [
        ("deployment", "deployment.get"),
        ("deploys", "deployment.deploys.get"),
        ("deploy", "deployment.deploys.get"),
        ("roll_back", "deployment.deploys.update"),
        ("by name", "organization.deployments.get"),
        ("check", "organization.deployments.get"),
    ],
)
def test_the_error_names_the_missing_permission(verb: str, permission: str) -> None:
    """The API's document has a permission for each operation."""
    with pytest.raises(PermissionMissing, match=f"lacks the permission {permission} ") as caught:
        answered(403, {**ERROR, "statusCode": 403}, verb)
    assert ("by its id" in str(caught.value)) is (permission == "organization.deployments.get")


@needs_document
def test_the_permissions_are_those_of_the_document() -> None:
    """The permission of each operation is that of the document."""
    for verb, method, path, _, _ in REQUESTS:
        described = operation(method, f"/v1/organizations/org1/{path}")
        assert described is not None
        name = "deployments" if verb == "by name" else verb
        assert [PERMISSIONS[name]] == [item["action"] for item in described["x-permission"]]


@pytest.mark.parametrize("after", ["7", "Mon, 23 Nov 2026 18:00:00 GMT"])
def test_a_rate_limit_is_an_error(after: str) -> None:
    """The message has the Retry-After header."""
    with pytest.raises(RateLimited, match=f"Retry-After '{after}'"):
        answered(429, b"", **{"retry-after": after})


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"[]"),
        (200, b"null"),
        (200, {}),
        (200, {**ROW, "id": None}),
        (200, {**ROW, "status": None}),
        (200, {**ROW, "createdAt": "yesterday"}),
        (202, b""),
        (204, b""),
    ],
)
def test_the_outcome_of_a_rollback_is_never_guessed(status: int, body: Any) -> None:
    """After a successful answer that cannot be read, the outcome is unknown."""
    with pytest.raises(OutcomeUnknown, match="cannot be read"):
        answered(status, body, "roll_back")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b"[" * 100_000,
        b"\xff\xfe",
        {"deploys": None, "totalCount": 1},
        {"deploys": {}, "totalCount": 1},
        {"deploys": [1], "totalCount": 1},
        {"deploys": [{}], "totalCount": 1},
        {"deploys": [ROW]},
        {"deploys": [ROW], "totalCount": None},
        {"deploys": [ROW], "totalCount": "1"},
        {"deploys": [{**ROW, "imageTag": {"x": 1}}], "totalCount": 1},
    ],
)
def test_malformed_answers_raise_one_error(body: Any) -> None:
    """The error names the operation."""
    with pytest.raises(MalformedAnswer, match="'deploys'"):
        answered(200, body)


def test_a_history_with_the_oldest_deploy_first_is_refused() -> None:
    """Every decision would use the wrong deploy."""
    older, newer = ROW, {**ROW, "id": "d2", "createdAt": "2026-11-02T00:00:00Z"}
    page = answered(200, {"deploys": [newer, older], "totalCount": 2})
    assert [deploy.id for deploy in page.deploys] == ["d2", "d1"]
    with pytest.raises(MalformedAnswer, match="oldest deploy first"):
        answered(200, {"deploys": [older, newer], "totalCount": 2})


def test_texts_of_the_platform_are_cut_and_have_no_token() -> None:
    """An exception does not contain the token even if the platform echoes it."""
    echo = f"bad header {TOKEN}\n" + "x" * 10_000
    error = {
        "message": echo,
        "requestId": echo,
        "statusCode": 400,
        "fieldErrors": [{"field": echo, "message": echo, "code": echo}],
    }
    with pytest.raises(PlanRefused) as caught:
        answered(400, error, "roll_back")
    assert TOKEN not in str(caught.value)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    ("extra", "deployment", "url"),
    [
        ({}, DEPLOYMENT, f"https://cloud.astronomer.io/w1/deployments/{ID}/overview"),
        ({}, Deployment(ID, "One"), None),
        ({"history_url": "{app}/{organization_id}/{deployment_id}"}, Deployment("c1", "One"), "org1/c1"),
        ({"history_url": "https://ui/{release_name}"}, Deployment("c1", "One", "a/b"), "https://ui/a%2Fb"),
    ],
)
def test_the_history_page_is_derived_or_given(
    extra: dict[str, Any], deployment: Deployment, url: str | None
) -> None:
    """The Overview tab shows the deploy history; its address needs the Workspace."""
    found = hosted(**extra).history_url(deployment)
    assert found == url or (url and found.endswith(url))


def test_the_latest_deploy_may_be_rolled_back_to_at_any_age() -> None:
    """The capabilities have this and the other rules of the platform."""
    capabilities = hosted(retention_days=30).capabilities
    assert capabilities.latest_always_allowed
    assert capabilities.retention_days == 30
    assert capabilities.permissions == dict.fromkeys(("image", "dags"), "deployment.deploys.update")
    absent = ("scopes", "logs", "reasons", "reports_access", "reports_switches")
    assert not any(getattr(capabilities, name) for name in absent)
