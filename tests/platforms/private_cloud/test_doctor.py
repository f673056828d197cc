# SPDX-License-Identifier: Apache-2.0
"""Tests of the doctor on Astro Private Cloud: partial failures, unknown values, unknown words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_rollback_provider.domain.findings import Finding, Status
from airflow_rollback_provider.http.messages import Response
from airflow_rollback_provider.platforms.private_cloud.installation import forget
from airflow_rollback_provider.platforms.registry import connect
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.builders import NOW
from tests.support.talking import Talker, connection, talker

Sandbox = SandboxProcess
OK, ERROR, UNKNOWN, SKIPPED, WARNING = (
    Status.OK,
    Status.ERROR,
    Status.UNKNOWN,
    Status.SKIPPED,
    Status.WARNING,
)


def talk(sandbox: Sandbox, token: str = "editor", **extra: Any) -> Talker:
    """Return a talker to the sandbox without retries."""
    return talker("requests", sandbox.connection(token, **extra)).with_faults(tries=1)


def findings_of(
    sandbox: Sandbox, key: str | None = "image-af3", token: str = "editor", **extra: Any
) -> dict[str, Finding]:
    """Return the findings on a Deployment by code."""
    name = sandbox.deployment(key)["id"] if key else None
    talking = talk(sandbox, token, **extra)
    return {item.code: item for item in talking.run(talking.platform.diagnose(name))}


def diagnosed(data: dict[str, Any], schema: bytes, password: str = "tok-3cr3t") -> dict[str, Finding]:
    """Return the findings by code of a flow that receives these first data and this schema."""
    flow = connect(connection(password=password)).platform.diagnose(None)
    next(flow)
    flow.send(Response(200, {}, json.dumps({"data": data}).encode(), NOW))
    flow.send(Response(200, {}, b'{"data": {"paginatedDeployments": []}}', NOW))
    flow.send(Response(200, {}, b'{"data": {"__typename": "Query"}}', NOW))
    with pytest.raises(StopIteration) as end:
        flow.send(Response(200, {}, schema, NOW))
    return {item.code: item for item in end.value.value}


def errors(found: dict[str, Finding]) -> set[str]:
    """Return the codes of the errors."""
    return {code for code, item in found.items() if item.status is ERROR}


def operations(sandbox: Sandbox) -> list[str]:
    """Return the operations that were requested, in order."""
    return [request["operation"] for request in sandbox.requests()]


def test_a_healthy_connection_takes_six_requests(rollback_sandbox: Sandbox) -> None:
    """Each operation is sent once, as a whole; the token once in the other form; the rollback is not run."""
    findings_of(rollback_sandbox)
    assert operations(rollback_sandbox) == [
        "Check",
        "CheckKnown",
        "SurveyContext",
        "SurveyHistory",
        "ProveRollBack",
        "IntrospectionQuery",
    ]


@pytest.mark.parametrize(
    ("accepted", "scheme", "status", "words"),
    [
        ("both", "none", OK, "It is sent without 'Bearer'; the platform accepts it with it."),
        ("both", "bearer", OK, "It is sent with 'Bearer'; the platform accepts it without it."),
        ("raw", "none", OK, "It is sent without 'Bearer'; the platform refuses it with it."),
        ("bearer", "none", ERROR, "does not accept the token without 'Bearer', but with it."),
        ("raw", "bearer", ERROR, "does not accept the token with 'Bearer', but without it."),
    ],
)
def test_the_finding_on_the_token_says_which_form_is_accepted(
    rollback_sandbox: Sandbox, accepted: str, scheme: str, status: Status, words: str
) -> None:
    """If the other form is accepted, the finding has the setting, and with it the token is accepted."""
    rollback_sandbox.settings(authorization=accepted)
    found = findings_of(rollback_sandbox, None, auth_scheme=scheme)["TOKEN"]
    assert (found.status, words in found.what) == (status, True)
    if status is ERROR:
        assert found.setting is not None
        assert findings_of(rollback_sandbox, None, **found.setting)["TOKEN"].status is OK


BASICS = {"TOKEN", "PERMISSION-IMAGE"}


@pytest.mark.parametrize("kind", ["api_error", "status"])
@pytest.mark.parametrize(
    ("root", "lost", "kept"),
    [
        ("appConfig", {"VERSION"}, {*BASICS, "DEPLOYMENT", "HISTORY", "SCHEMA"}),
        ("deployment", {"DEPLOYMENT"}, {*BASICS, "VERSION", "HISTORY", "SCHEMA"}),
        ("paginatedDeployRevisions", {"HISTORY"}, {*BASICS, "VERSION", "DEPLOYMENT", "SCHEMA"}),
        ("__schema", set(), {*BASICS, "VERSION", "DEPLOYMENT", "HISTORY"}),
    ],
)
def test_a_failing_field_does_not_hide_the_others(
    rollback_sandbox: Sandbox, root: str, lost: set[str], kept: set[str], kind: str
) -> None:
    """If an operation fails as a whole, each of its fields is read alone."""
    rollback_sandbox.fault(kind, root, count=None)
    found = findings_of(rollback_sandbox)
    assert lost <= errors(found)
    assert {code: found[code].status for code in kept} == dict.fromkeys(kept, OK)
    assert (found["SCHEMA"].status is WARNING) is (root == "__schema")


@pytest.mark.parametrize(
    ("root", "lost"),
    [
        ("deployment", {"DEPLOYMENT", "HISTORY"}),
        ("paginatedDeployRevisions", {"HISTORY"}),
        ("__schema", set()),
    ],
)
def test_a_request_without_an_answer_does_not_hide_the_others(
    rollback_sandbox: Sandbox, root: str, lost: set[str]
) -> None:
    """Its fields are not read alone, because each request would have to time out."""
    rollback_sandbox.fault("drop_before", root, count=None)
    found = findings_of(rollback_sandbox)
    assert lost <= errors(found)
    assert {found[code].status for code in ("TOKEN", "VERSION", "PERMISSION-IMAGE")} == {OK}
    assert len(operations(rollback_sandbox)) == len(set(operations(rollback_sandbox)))


@pytest.mark.parametrize(
    ("operation", "lost"), [("SurveyContext", "DEPLOYMENT"), ("SurveyHistory", "HISTORY")]
)
def test_a_request_that_fails_only_as_a_whole_is_an_error(
    rollback_sandbox: Sandbox, operation: str, lost: str
) -> None:
    """A plan sends the whole request, so it would fail although each field can be read alone."""
    rollback_sandbox.fault("api_error", operation, message="Too complex", name="Limit", count=1)
    found = findings_of(rollback_sandbox)
    assert errors(found) == {lost}
    assert "Too complex" in found[lost].what


def test_a_token_whose_owner_cannot_be_read_is_a_warning(rollback_sandbox: Sandbox) -> None:
    """The list of Deployments shows that the token is accepted. Known fields are not read again."""
    rollback_sandbox.fault("status", "self", count=None)
    found = findings_of(rollback_sandbox)
    assert found["TOKEN"].status is WARNING
    assert "HTTP 500" in found["TOKEN"].what
    assert not errors(found)
    roots = [request["fields"] for request in rollback_sandbox.requests()]
    assert roots[:4] == [["appConfig", "self"], ["appConfig"], ["self"], ["paginatedDeployments"]]


def test_a_schema_without_self(rollback_sandbox: Sandbox) -> None:
    """The list of Deployments shows whether the token is accepted; its owner stays unknown."""
    rollback_sandbox.settings(hidden_fields=["Query.self"])
    found = findings_of(rollback_sandbox)
    assert found["TOKEN"].what.startswith("Astro Private Cloud 2.0.0 accepts the token. It is sent")
    assert found["PERMISSION-IMAGE"].status is UNKNOWN
    assert errors(findings_of(rollback_sandbox, token="expired")) == {"TOKEN"}


def test_permissions_and_toggle_may_be_unknown(rollback_sandbox: Sandbox) -> None:
    """A finding on the schema has the reason; there is no error."""
    rollback_sandbox.settings(hide_assumed=True)
    found = findings_of(rollback_sandbox)
    assert not errors(found)
    for code in ("PERMISSION-HISTORY", "PERMISSION-IMAGE", "SCHEMA-OPERATION"):
        assert found[code].status is UNKNOWN
    assert found["DEPLOYMENT-TOGGLE"].status is OK, "the flags that are merged for the Deployment have it"
    assert "survey_history" in found["SCHEMA-OPERATION"].what
    assert found["SCHEMA-OPERATION"].setting is None


@pytest.mark.parametrize("version", ["0.30.0", "1.0.0", "2.0.0"])
def test_every_version_is_checked_with_its_own_documents(rollback_sandbox: Sandbox, version: str) -> None:
    """Fields that an older version lacks are left out of the requests, and cause no error."""
    rollback_sandbox.settings(version=version)
    found = findings_of(rollback_sandbox)
    assert not errors(found)
    assert f"Astro Private Cloud {version}" in found["VERSION"].what
    assert found["INSTALLATION-FLAG"].status is OK
    number = "9" if version.startswith("0.") else "8"
    assert f"Of {number} operations in use" in found["SCHEMA"].what


@pytest.mark.parametrize(
    ("version", "setting"),
    [
        ("2.0.0", "global.deploymentLifecycle.deployRollback.enabled"),
        ("1.0.0", "global.deployRollbackEnabled"),
    ],
)
def test_an_installation_that_is_switched_off_names_the_setting(
    rollback_sandbox: Sandbox, version: str, setting: str
) -> None:
    """The remedy names the setting of its version's chart."""
    rollback_sandbox.settings(installation_enabled=False, version=version)
    found = findings_of(rollback_sandbox)
    assert errors(found) == {"INSTALLATION-FLAG"}
    assert setting in found["INSTALLATION-FLAG"].remedy


def test_a_flag_under_another_key_is_suggested(rollback_sandbox: Sandbox) -> None:
    """With the suggested setting in the connection, the flag is found."""
    given = {"flags": ["somewhere.else"], "statuses": {"LIVE": "succeeded"}}
    found = findings_of(rollback_sandbox, None, assumptions=given)["INSTALLATION-FLAG"]
    assert found.status is UNKNOWN
    assert found.setting is not None
    assert found.setting["assumptions"]["statuses"] == given["statuses"]
    assert json.dumps(found.setting["assumptions"]["flags"]) in found.remedy
    corrected = findings_of(rollback_sandbox, None, **found.setting)
    assert corrected["INSTALLATION-FLAG"].status is OK


def test_flags_without_a_rollback_switch_suggest_nothing(rollback_sandbox: Sandbox) -> None:
    """Other switches are not suggested."""
    document = (
        "query Check { appConfig { version baseDomain featureFlags: version } self { username permissions } }"
    )
    found = findings_of(rollback_sandbox, None, assumptions={"check": {"document": document}})[
        "INSTALLATION-FLAG"
    ]
    assert (found.status, found.setting, found.remedy) == (UNKNOWN, None, "")


@pytest.mark.parametrize(
    ("key", "code"), [("rollback-disabled", "DEPLOYMENT-TOGGLE"), ("volume-af3", "MECHANISM")]
)
def test_a_deployment_that_cannot_be_rolled_back_is_one_error(
    rollback_sandbox: Sandbox, key: str, code: str
) -> None:
    """The toggle is off, or the Dags come from a volume; no other check fails."""
    assert errors(findings_of(rollback_sandbox, key)) == {code}


@pytest.mark.parametrize(
    ("token", "key", "image", "dags"),
    [
        ("images-only", "dag-deploy-af3", OK, WARNING),
        ("dags-only", "image-af3", ERROR, OK),
        ("images-only", None, OK, WARNING),
    ],
)
def test_permissions_are_those_on_the_deployment(
    rollback_sandbox: Sandbox, token: str, key: str | None, image: Status, dags: Status
) -> None:
    """They are evaluated for the Deployment's mechanism."""
    found = findings_of(rollback_sandbox, key, token)
    assert (found["PERMISSION-IMAGE"].status, found["PERMISSION-DAGS"].status) == (image, dags)


def test_a_release_name_is_searched(rollback_sandbox: Sandbox) -> None:
    """The connection's workspace is searched; without one, the error has a hint."""
    talking = talk(rollback_sandbox)
    truth = talking.run(talking.platform.deployment(rollback_sandbox.deployment("image-af3")["id"]))
    with_workspace = talk(rollback_sandbox, workspace_id=truth.workspace_id)
    found = {
        item.code: item for item in with_workspace.run(with_workspace.platform.diagnose("stellar-orbit-4821"))
    }
    assert found["DEPLOYMENT"].status is OK
    assert "Of 9 operations" in found["SCHEMA"].what
    lost = {item.code: item for item in talking.run(talking.platform.diagnose("stellar-orbit-4821"))}
    assert "field Workspace ID" in lost["DEPLOYMENT"].what
    gone = {item.code: item for item in with_workspace.run(with_workspace.platform.diagnose("no-such-name"))}
    assert gone["DEPLOYMENT"].status is ERROR


def test_unknown_status_words_are_a_warning(rollback_sandbox: Sandbox) -> None:
    """Such deploys cannot be a target; a user has to set the meaning in the connection."""
    rollback_sandbox.add_deployment(
        "mine",
        mechanism="image",
        runtime="13.2.0",
        deploys=[{"age": 7200, "tag": "a"}, {"age": 60, "tag": "b"}],
    )
    found = findings_of(rollback_sandbox, "mine", assumptions={"deploy_fields": {"status": "type"}})[
        "HISTORY"
    ]
    assert found.status is WARNING
    assert "IMAGE_AND_DAG" in found.what
    assert '{"assumptions": {"statuses": {"IMAGE_AND_DAG": "<' in found.remedy


def test_a_malformed_row_is_an_error(rollback_sandbox: Sandbox) -> None:
    """A field has a value of another type."""
    extra: dict[str, Any] = {"assumptions": {"deploy_fields": {"created_at": "status"}}}
    found = findings_of(rollback_sandbox, **extra)["HISTORY"]
    assert found.status is ERROR
    assert "ISO 8601" in found.what


def test_a_schema_that_may_not_be_read_is_a_warning(rollback_sandbox: Sandbox) -> None:
    """The finding quotes the installation's message and has the consequence."""
    rollback_sandbox.settings(introspection=False)
    found = findings_of(rollback_sandbox)
    assert found["SCHEMA"].status is WARNING
    assert "introspection has been disabled" in found["SCHEMA"].what
    assert "never tried" in found["SCHEMA"].remedy
    assert not errors(found)


def test_without_the_schema_a_refusal_has_the_setting(rollback_sandbox: Sandbox) -> None:
    """It has the unknown name and the setting; with the schema it refers to the findings on it."""
    rollback_sandbox.settings(introspection=False, renamed_fields={"DeployRevision.status": "outcome"})
    found = findings_of(rollback_sandbox)["HISTORY"]
    assert '{"assumptions": {"deploy_fields": {"status": ' in found.remedy
    rollback_sandbox.settings(introspection=True)
    forget()
    found = findings_of(rollback_sandbox)["HISTORY"]
    assert "findings on the schema" in found.remedy


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"data": {"__schema": {"types": 3}}}', b'{"data": {"other": 1}}']
)
def test_an_answer_that_is_not_a_schema_is_a_warning(body: bytes) -> None:
    """The answer may be anything."""
    data = {
        "appConfig": {"version": "2.0.0", "featureFlags": {}},
        "self": {"username": "me", "permissions": []},
    }
    assert diagnosed(data, body)["SCHEMA"].status is WARNING


def test_a_schema_with_the_token_is_not_quoted() -> None:
    """Findings show names of the schema, so a schema that contains the token is refused."""
    data = {"appConfig": {"version": "2.0.0"}, "self": None}
    answer = {"data": {"__schema": {"queryType": {"name": "tok3cr3tvalue"}, "types": []}}}
    found = diagnosed(data, json.dumps(answer).encode(), password="tok3cr3tvalue")
    assert found["SCHEMA"].status is WARNING
    assert "tok3cr3tvalue" not in repr(found)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"appConfig": {"version": "2.0.0"}, "self": None}, UNKNOWN),
        ({"appConfig": {"version": "2.0.0"}, "self": {"username": None, "permissions": None}}, OK),
        ({"appConfig": {"version": None, "featureFlags": None}, "self": {"username": "me"}}, OK),
    ],
)
def test_null_values_are_unknown(data: dict[str, Any], status: Status) -> None:
    """Owner, permissions and version may be null."""
    found = diagnosed(data, b"{}")
    assert found["TOKEN"].status is status
    version = data["appConfig"]["version"]
    assert found["VERSION"].status is (OK if version else UNKNOWN)


def test_the_installations_settings_do_not_prove_the_token(rollback_sandbox: Sandbox) -> None:
    """They can be read without a token."""
    document = "query Check { appConfig { version baseDomain featureFlags } }"
    found = findings_of(rollback_sandbox, None, "expired", assumptions={"check": {"document": document}})
    assert found["TOKEN"].status is UNKNOWN
