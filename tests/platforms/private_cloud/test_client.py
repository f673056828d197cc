# SPDX-License-Identifier: Apache-2.0
"""Tests of Astro Private Cloud's client: versions, assumptions, errors of its API."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from airflow_rollback_provider.domain.deploys import Deployment, Mechanism, Scope
from airflow_rollback_provider.domain.errors import (
    DeploymentNotFound,
    DeployNotFound,
    MalformedAnswer,
    OutcomeUnknown,
    PermissionMissing,
    PlanRefused,
    PlatformFailed,
    RollbackError,
    TokenExpired,
    TokenRefused,
    UnknownField,
)
from airflow_rollback_provider.http.messages import Flow, Response
from airflow_rollback_provider.platforms.registry import connect
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.builders import NOW, deploy
from tests.support.talking import Talker, connection, talker

TOKEN = "tok-3cr3t-value"
DENIED = "You do not have the appropriate permissions for that"


def talk(sandbox: SandboxProcess, token: str = "editor", **extra: Any) -> Talker:
    """Return a talker to the sandbox; the conformance suite has both transports."""
    return talker("requests", sandbox.connection(token, **extra))


def operations(sandbox: SandboxProcess, since: int) -> list[str]:
    """Return the names of the requested operations."""
    return [request["operation"] for request in sandbox.requests()[since:]]


def test_a_list_of_deployments_that_does_not_go_on(sandbox: SandboxProcess) -> None:
    """An installation that ignores the assumed cursor sends a full page again: the list is not complete."""
    document = "query All($take: Int) { paginatedDeployments(take: $take) { id label releaseName } }"
    talker = talk(sandbox, assumptions={"all_deployments": {"document": document}})
    few = talker.run(talker.platform.list_deployments())
    assert len(few) == len(sandbox.state()["deployments"])
    for number in range(100):
        sandbox.add_deployment(f"d{number}")
    with pytest.raises(MalformedAnswer, match="repeats a page"):
        talker.run(talker.platform.list_deployments())


def answered(status: int, body: Any, method: str = "deploys") -> Any:
    """Return the result of a method for an answer."""
    platform = connect(connection(password=TOKEN)).platform
    deployment = Deployment("c1", "One")
    target = deploy("d1", deployment_id="c1")
    methods: dict[str, Any] = {
        "deploys": lambda: platform.deploys("c1"),
        "deploy": lambda: platform.deploy("c1", "d1"),
        "deployment": lambda: platform.deployment("c" * 25),
        "roll_back": lambda: platform.roll_back(deployment, target, Scope.IMAGE_AND_DAGS, "why"),
    }
    flow: Flow[Any] = methods[method]()
    next(flow)
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        flow.send(Response(status, {}, text, NOW))
    except StopIteration as end:
        return end.value
    raise AssertionError("a second request")


ROW = {"id": "d1", "createdAt": "2026-11-01T00:00:00Z", "status": "DEPLOYED"}


def error(message: str, name: str = "", data: Any = None) -> dict[str, Any]:
    """Return an answer with one error."""
    return {"errors": [{"message": message, "name": name}], "data": data}


def test_the_raw_token_goes_into_the_header() -> None:
    """There is no Bearer before it, and the request's representation does not contain it."""
    flow = connect(connection(password=TOKEN)).platform.deploys("c1")
    request: Any = next(flow)
    assert request.headers["authorization"] == TOKEN
    assert TOKEN not in repr(request)
    assert request.url == "https://houston.example.com/v1"
    assert request.repeatable


@pytest.mark.parametrize(("version", "requests"), [("2.0.0", 2), ("1.0.0", 2), ("0.37.0", 3)])
def test_older_installations_have_their_own_documents(
    sandbox: SandboxProcess, version: str, requests: int
) -> None:
    """The document that fits is found once and used for all later requests."""
    sandbox.settings(version=version)
    deployment_id = sandbox.deployment("image-af3")["id"]
    talking, before = talk(sandbox), len(sandbox.requests())
    survey = talking.run(talking.platform.survey(deployment_id))
    assert survey.access.enabled_on_installation is True
    assert len(operations(sandbox, before)) == requests
    talking.run(talking.platform.survey(deployment_id))
    assert len(operations(sandbox, before)) == requests + 2


def test_a_deployment_without_a_version_is_read_with_the_older_fields(sandbox: SandboxProcess) -> None:
    """Before 1.0.0 the versions may be in other fields."""
    sandbox.settings(
        version="0.30.0", hidden_fields=["Deployment.runtimeVersion", "Deployment.runtimeAirflowVersion"]
    )
    talking = talk(sandbox)
    survey = talking.run(talking.platform.survey(sandbox.deployment("image-af2")["id"]))
    assert str(survey.deployment.versions.runtime) == "13.2.0"


def test_a_release_name_is_searched_in_the_workspace(sandbox: SandboxProcess) -> None:
    """With a workspace in the connection, a release name takes one more request."""
    truth = sandbox.deployment("image-af3")
    workspace = talk(sandbox).run(talk(sandbox).platform.deployment(truth["id"])).workspace_id
    talking, before = talk(sandbox, workspace_id=workspace), len(sandbox.requests())
    survey = talking.run(talking.platform.survey("stellar-orbit-4821"))
    assert survey.deployment.id == truth["id"]
    assert operations(sandbox, before) == ["WorkspaceDeployments", "SurveyContext", "SurveyHistory"]
    with pytest.raises(DeploymentNotFound, match="no Deployment with the release name"):
        talking.run(talking.platform.survey("distant-shore-7070"))


@pytest.mark.parametrize(
    ("version", "setting"),
    [
        ("2.0.0", "global.deploymentLifecycle.deployRollback.enabled"),
        ("1.0.0", "global.deployRollbackEnabled"),
    ],
)
def test_a_flag_that_is_off_is_named_as_in_the_chart(
    sandbox: SandboxProcess, version: str, setting: str
) -> None:
    """The survey names the chart's setting."""
    sandbox.settings(installation_enabled=False, version=version)
    talking = talk(sandbox)
    survey = talking.run(talking.platform.survey(sandbox.deployment("image-af3")["id"]))
    assert survey.access.enabled_on_installation is False
    assert survey.access.installation_flag == setting


def test_an_absent_flag_is_unknown(sandbox: SandboxProcess) -> None:
    """Absent does not mean off."""
    talking = talk(sandbox, assumptions={"flags": ["somewhere.else"]})
    survey = talking.run(talking.platform.survey(sandbox.deployment("image-af3")["id"]))
    assert survey.access.enabled_on_installation is None


def test_no_type_of_the_dag_deployment_means_image(sandbox: SandboxProcess) -> None:
    """A Deployment without the object too; where the field is not read, the mechanism is not known."""
    deployment_id = "c" * 25
    for value in ({"type": None}, {"type": ""}, {}, None):
        body = {"data": {"deployment": {"id": deployment_id, "dagDeployment": value}}}
        assert answered(200, body, "deployment").mechanism is Mechanism.IMAGE
    body = {"data": {"deployment": {"id": deployment_id}}}
    assert answered(200, body, "deployment").mechanism is Mechanism.UNKNOWN


def test_the_log_of_some_days_is_read_in_windows_of_two_days() -> None:
    """No line is lost over midnight or between windows, and one on the edge of two is read once."""
    flow = connect(connection()).platform.logs(Deployment("c1", "One"), NOW)
    request: Any = next(flow)
    windows, found = [], []
    line = {"id": "l1", "timestamp": (NOW + timedelta(days=2)).isoformat(), "message": "half way"}
    try:
        while True:
            windows.append((request.body["variables"]["startTime"], request.body["variables"]["endTime"]))
            body = json.dumps({"data": {"logs": [line]}}).encode()
            request = flow.send(Response(200, {}, body, NOW + timedelta(days=3)))
    except StopIteration as end:
        found = [line.message for line in end.value]
    assert found == ["half way"]
    edges = [(NOW + timedelta(days=days)).isoformat() for days in (0, 2, 4)]
    assert windows == list(pairwise(edges))


def test_log_lines_can_be_limited_to_a_component(sandbox: SandboxProcess) -> None:
    """The assumption log_component filters the lines."""
    talking = talk(sandbox, assumptions={"log_component": "airflow-downgrade"})
    deployment = talking.run(talking.platform.deployment(sandbox.deployment("moved-to-af3")["id"]))
    target = talking.run(talking.platform.deploys(deployment.id)).deploys[2]
    rollback = talking.run(talking.platform.roll_back(deployment, target, Scope.IMAGE_AND_DAGS, "why"))
    sandbox.clock(advance=60)
    lines = talking.run(talking.platform.logs(deployment, rollback.created_at))
    assert lines
    assert all("airflow-downgrade" in line.message for line in lines)


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    ("message", "name", "method", "kind"),
    [
        (DENIED, "", "deploys", PermissionMissing),
        (DENIED, "PermissionError", "roll_back", PermissionMissing),
        (DENIED, "AuthenticationError", "deploys", TokenRefused),
        ("Forbidden", "FORBIDDEN", "deploys", PermissionMissing),
        ("No", "AuthorizationError", "deploys", PermissionMissing),
        ("Unauthorized", "UNAUTHENTICATED", "deploys", TokenRefused),
        ("Unauthorized", "UNAUTHORIZED", "roll_back", TokenRefused),
        ("AUTH_TOKEN_REFRESH_FAILED", "", "deploys", TokenExpired),
        ("AUTH_TOKEN_REFRESH_FAILED", "AuthenticationError", "roll_back", TokenExpired),
        ("No deployment exists with releaseName: x", "", "deployment", DeploymentNotFound),
        ("No deployment exists with releaseName: x", "", "roll_back", DeploymentNotFound),
        ("Deploy revision with id d1 was not found", "", "deploy", DeployNotFound),
        ("Deploy revision with id d1 was not found", "", "roll_back", OutcomeUnknown),
        ("Deploy revision with id d1 was not found", "ResourceNotFoundError", "roll_back", DeployNotFound),
        ("4 DEADLINE_EXCEEDED", "", "roll_back", OutcomeUnknown),
        ("helm failed", "DOWNSTREAM_SERVICE_ERROR", "roll_back", OutcomeUnknown),
        ('Cannot query field "x" on type "Y".', "", "deploys", UnknownField),
        ('Unknown argument "take" on field "Query.f".', "", "deploys", UnknownField),
        ('Unknown type "Uuid".', "", "roll_back", UnknownField),
        (
            'Field "f" argument "a" of type "A!" is required, but it was not provided.',
            "",
            "deploys",
            UnknownField,
        ),
        ('Field "f" of type "T" must have a selection of subfields.', "", "deploys", UnknownField),
        (
            'Variable "$id" of type "String!" used in position expecting type "Uuid!".',
            "",
            "deploys",
            UnknownField,
        ),
        ('Variable "$scope" got invalid value "IMAGE"; not in enum.', "", "roll_back", UnknownField),
        ("Something broke", "", "deploys", PlatformFailed),
    ],
)
def test_each_error_of_the_api_has_its_meaning(
    status: int, message: str, name: str, method: str, kind: type[RollbackError]
) -> None:
    """The message and name decide, with HTTP 200 or any other status."""
    with pytest.raises(RollbackError) as caught:
        answered(status, error(message, name), method)
    assert type(caught.value) is kind


def test_the_error_names_the_missing_permissions() -> None:
    """The history and each scope have permissions of their own."""
    denied = error(DENIED)
    with pytest.raises(PermissionMissing, match=r"deployment\.deployRevisions\.get"):
        answered(200, denied, "deploys")
    with pytest.raises(PermissionMissing, match=r"deployment\.images\.push and deployment\.dags\.push"):
        answered(200, denied, "roll_back")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, error("Runtime 3.0-4 takes no part", "RollbackNotAllowedError"), PlanRefused),
        (200, error("Something went wrong", "InternalError"), OutcomeUnknown),
        (200, error("Something went wrong", "INTERNAL_SERVER_ERROR"), OutcomeUnknown),
        (500, error("Something went wrong", "X"), OutcomeUnknown),
        (200, {"data": {"rollbackDeployment": None}}, OutcomeUnknown),
        (200, {"data": {"rollbackDeployment": {"id": "d9"}}}, OutcomeUnknown),
        (200, {"data": {"other": 1}}, OutcomeUnknown),
        (400, b"bad", OutcomeUnknown),
        (404, b"", OutcomeUnknown),
    ],
)
def test_the_outcome_of_a_rollback_is_never_guessed(
    status: int, body: Any, kind: type[RollbackError]
) -> None:
    """It is refused if the platform refused before execution, and unknown if it may have executed it."""
    with pytest.raises(RollbackError) as caught:
        answered(status, body, "roll_back")
    assert type(caught.value) is kind


def test_a_rollback_with_data_and_errors_was_started() -> None:
    """The answer has its row."""
    started = answered(
        200, error("publishing a metric failed", data={"rollbackDeployment": ROW}), "roll_back"
    )
    assert started.id == "d1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b'{"data": null}',
        b'{"data": []}',
        b'{"data": {}}',
        b'{"errors": "no"}',
        b'{"data": {"paginatedDeployRevisions": null}}',
        b'{"data": {"paginatedDeployRevisions": {}}}',
        b'{"data": {"paginatedDeployRevisions": [1]}}',
        b'{"data": {"paginatedDeployRevisions": [{}]}}',
        b"[" * 100_000,
        b"\xff\xfe",
        json.dumps({"data": {"paginatedDeployRevisions": [{**ROW, "createdAt": "yesterday"}]}}).encode(),
        json.dumps({"data": {"paginatedDeployRevisions": [{**ROW, "imageTag": {"x": 1}}]}}).encode(),
    ],
)
def test_malformed_answers_raise_one_error(body: bytes) -> None:
    """The error names the operation."""
    with pytest.raises(MalformedAnswer, match="'deploys'"):
        answered(200, body)


def test_texts_of_the_platform_are_cut_and_have_no_token() -> None:
    """An exception does not contain the token even if the platform echoes it."""
    with pytest.raises(PlatformFailed) as caught:
        answered(200, error(f"bad header {TOKEN}\n" + "x" * 10_000))
    assert TOKEN not in str(caught.value)
    assert len(str(caught.value)) < 800


def test_errors_in_other_forms_are_read() -> None:
    """An error may be a text, have no message, or have its code in extensions."""
    with pytest.raises(PlatformFailed, match="boom"):
        answered(200, {"errors": ["boom"]})
    with pytest.raises(PlatformFailed, match="no message"):
        answered(200, {"errors": [{}]})
    with pytest.raises(TokenRefused):
        answered(200, {"errors": [{"message": "no", "extensions": {"code": "UNAUTHENTICATED"}}]})


def test_of_several_errors_the_most_specific_counts() -> None:
    """A failure beside a missing permission is probably its consequence."""
    body = {"errors": [{"message": "boom"}, {"message": DENIED}]}
    with pytest.raises(PermissionMissing):
        answered(200, body)
