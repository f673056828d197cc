# SPDX-License-Identifier: Apache-2.0
"""Tests of the doctor on Astro Private Cloud: what is half broken, what is not told, what words mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_rollback_provider.domain.findings import Finding, Status
from airflow_rollback_provider.http.messages import Response
from airflow_rollback_provider.platforms.registry import connect
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.http.test_retry_policy import NOW
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
    """Return a talker to the sandbox that does not repeat questions."""
    return talker("requests", sandbox.connection(token, **extra)).with_faults(tries=1)


def findings_of(
    sandbox: Sandbox, key: str | None = "image-af3", token: str = "editor", **extra: Any
) -> dict[str, Finding]:
    """Return the findings on a Deployment by code."""
    name = sandbox.deployment(key)["id"] if key else None
    talking = talk(sandbox, token, **extra)
    return {item.code: item for item in talking.run(talking.platform.diagnose(name))}


def wrong(found: dict[str, Finding]) -> set[str]:
    """Return the codes of what is an error."""
    return {code for code, item in found.items() if item.status is ERROR}


def context(sandbox: Sandbox) -> list[str]:
    """Return what was asked, in order."""
    return [request["operation"] for request in sandbox.requests()]


def test_four_questions_are_enough_where_all_is_well(rollback_sandbox: Sandbox) -> None:
    """Each operation is asked as the connection has it, once."""
    findings_of(rollback_sandbox)
    assert context(rollback_sandbox) == ["Check", "SurveyContext", "SurveyHistory", "IntrospectionQuery"]


BASICS = {"TOKEN", "PERMISSION-IMAGE"}


@pytest.mark.parametrize("kind", ["graphql_error", "status"])
@pytest.mark.parametrize(
    ("root", "lost", "kept"),
    [
        ("appConfig", {"VERSION"}, {*BASICS, "DEPLOYMENT", "HISTORY", "SCHEMA"}),
        ("deployment", {"DEPLOYMENT"}, {*BASICS, "VERSION", "HISTORY", "SCHEMA"}),
        ("paginatedDeployRevisions", {"HISTORY"}, {*BASICS, "VERSION", "DEPLOYMENT", "SCHEMA"}),
        ("__schema", set(), {*BASICS, "VERSION", "DEPLOYMENT", "HISTORY"}),
    ],
)
def test_one_thing_that_fails_does_not_hide_the_rest(
    rollback_sandbox: Sandbox, root: str, lost: set[str], kept: set[str], kind: str
) -> None:
    """What is asked for together is asked for piece by piece where the whole fails."""
    rollback_sandbox.fault(kind, root, count=None)
    found = findings_of(rollback_sandbox)
    assert lost <= wrong(found)
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
def test_one_question_without_an_answer_does_not_hide_the_others(
    rollback_sandbox: Sandbox, root: str, lost: set[str]
) -> None:
    """It is not asked again in pieces, each of which would have to be waited for."""
    rollback_sandbox.fault("drop_before", root, count=None)
    found = findings_of(rollback_sandbox)
    assert lost <= wrong(found)
    assert {found[code].status for code in ("TOKEN", "VERSION", "PERMISSION-IMAGE")} == {OK}
    assert len(context(rollback_sandbox)) == len(set(context(rollback_sandbox)))


@pytest.mark.parametrize(
    ("operation", "lost"), [("SurveyContext", "DEPLOYMENT"), ("SurveyHistory", "HISTORY")]
)
def test_a_request_that_fails_only_as_a_whole_is_told(
    rollback_sandbox: Sandbox, operation: str, lost: str
) -> None:
    """A plan asks for all of it at once: that each piece can be read is no comfort."""
    rollback_sandbox.fault("graphql_error", operation, message="Too complex", name="Limit", count=1)
    found = findings_of(rollback_sandbox)
    assert wrong(found) == {lost}
    assert "Too complex" in found[lost].what


def test_a_token_whose_owner_cannot_be_read_is_a_warning(rollback_sandbox: Sandbox) -> None:
    """It is taken all the same, as the list of Deployments shows. What was told is not asked again."""
    rollback_sandbox.fault("status", "self", count=None)
    found = findings_of(rollback_sandbox)
    assert found["TOKEN"].status is WARNING
    assert "HTTP 500" in found["TOKEN"].what
    assert not wrong(found)
    roots = [request["fields"] for request in rollback_sandbox.requests()]
    assert roots[:4] == [["appConfig", "self"], ["appConfig"], ["self"], ["paginatedDeployments"]]


def test_a_platform_that_does_not_know_who_asks_is_no_riddle(rollback_sandbox: Sandbox) -> None:
    """The list of Deployments shows whether the token is taken; whose it is stays open."""
    rollback_sandbox.settings(hidden_fields=["Query.self"])
    found = findings_of(rollback_sandbox)
    assert found["TOKEN"].what == "Astro Private Cloud 2.0.0 accepts the token."
    assert found["PERMISSION-IMAGE"].status is UNKNOWN
    assert wrong(findings_of(rollback_sandbox, token="expired")) == {"TOKEN"}


def test_permissions_and_toggle_that_are_not_told_are_not_known(rollback_sandbox: Sandbox) -> None:
    """The schema says why; nothing is wrong."""
    rollback_sandbox.settings(hide_assumed=True)
    found = findings_of(rollback_sandbox)
    assert not wrong(found)
    for code in ("PERMISSION-HISTORY", "PERMISSION-IMAGE", "DEPLOYMENT-TOGGLE", "SCHEMA-OPERATION"):
        assert found[code].status is UNKNOWN
    assert "survey_history" in found["SCHEMA-OPERATION"].what
    assert found["SCHEMA-OPERATION"].setting is None


@pytest.mark.parametrize("version", ["0.30.0", "1.0.0", "2.0.0"])
def test_every_version_is_examined_in_its_own_words(rollback_sandbox: Sandbox, version: str) -> None:
    """Older documents are no difference from the schema."""
    rollback_sandbox.settings(version=version)
    found = findings_of(rollback_sandbox)
    assert not wrong(found)
    assert f"Astro Private Cloud {version}" in found["VERSION"].what
    assert found["INSTALLATION-FLAG"].status is OK
    number = "9" if version.startswith("0.") else "8"
    assert f"Of {number} operations in use all fit it" in found["SCHEMA"].what


@pytest.mark.parametrize(
    ("version", "setting"),
    [
        ("2.0.0", "global.deploymentLifecycle.deployRollback.enabled"),
        ("1.0.0", "global.deployRollbackEnabled"),
    ],
)
@pytest.mark.parametrize("key", [None, "image-af3"])
def test_an_installation_that_is_switched_off_names_the_setting(
    rollback_sandbox: Sandbox, version: str, setting: str, key: str | None
) -> None:
    """As the chart of its version has it."""
    rollback_sandbox.settings(installation_enabled=False, version=version)
    found = findings_of(rollback_sandbox, key)
    assert wrong(found) == {"INSTALLATION-FLAG"}
    assert setting in found["INSTALLATION-FLAG"].remedy


def test_a_flag_under_another_key_is_suggested(rollback_sandbox: Sandbox) -> None:
    """Written into the connection together with what is there, it is found."""
    given = {"flags": ["somewhere.else"], "statuses": {"LIVE": "succeeded"}}
    found = findings_of(rollback_sandbox, None, assumptions=given)["INSTALLATION-FLAG"]
    assert found.status is UNKNOWN
    assert found.setting is not None
    assert found.setting["assumptions"]["statuses"] == given["statuses"]
    assert json.dumps(found.setting["assumptions"]["flags"]) in found.remedy
    mended = findings_of(rollback_sandbox, None, **found.setting)
    assert mended["INSTALLATION-FLAG"].status is OK


def test_flags_without_any_that_could_be_it_suggest_nothing(rollback_sandbox: Sandbox) -> None:
    """Other switches are not proposed."""
    document = (
        "query Check { appConfig { version baseDomain featureFlags: version } self { username permissions } }"
    )
    found = findings_of(rollback_sandbox, None, assumptions={"check": {"document": document}})[
        "INSTALLATION-FLAG"
    ]
    assert (found.status, found.setting, found.remedy) == (UNKNOWN, None, "")


def test_a_toggle_that_is_off_is_told(rollback_sandbox: Sandbox) -> None:
    """With where to switch it on."""
    found = findings_of(rollback_sandbox, "rollback-disabled")
    assert wrong(found) == {"DEPLOYMENT-TOGGLE"}


def test_dags_from_a_volume_cannot_be_rolled_back(rollback_sandbox: Sandbox) -> None:
    """It is the mechanism that is wrong, not the history."""
    assert wrong(findings_of(rollback_sandbox, "volume-af3")) == {"MECHANISM"}


@pytest.mark.parametrize(
    ("token", "key", "image", "dags"),
    [
        ("images-only", "image-af3", OK, OK),
        ("images-only", "dag-deploy-af3", OK, WARNING),
        ("dags-only", "image-af3", ERROR, OK),
        ("images-only", None, OK, WARNING),
        ("viewer", None, ERROR, ERROR),
        ("service-account", "dag-deploy-af3", OK, OK),
    ],
)
def test_permissions_are_those_on_the_deployment(
    rollback_sandbox: Sandbox, token: str, key: str | None, image: Status, dags: Status
) -> None:
    """Judged by what its mechanism takes."""
    found = findings_of(rollback_sandbox, key, token)
    assert (found["PERMISSION-IMAGE"].status, found["PERMISSION-DAGS"].status) == (image, dags)


def test_a_release_name_is_looked_up(rollback_sandbox: Sandbox) -> None:
    """In the workspace of the connection; without one the hint says so. Then that operation is in use too."""
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


def test_status_words_without_a_meaning_are_told(rollback_sandbox: Sandbox) -> None:
    """Such deploys can be no target: the setting says what they mean, which only a person knows."""
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


def test_a_row_that_cannot_be_read_is_told(rollback_sandbox: Sandbox) -> None:
    """A field that holds something else than it should."""
    extra = {"assumptions": {"deploy_fields": {"created_at": "status"}}}
    found = findings_of(rollback_sandbox, **extra)["HISTORY"]
    assert found.status is ERROR
    assert "ISO 8601" in found.what


def test_a_schema_that_may_not_be_read_is_a_warning(rollback_sandbox: Sandbox) -> None:
    """It says what that means, in the installation's own words."""
    rollback_sandbox.settings(introspection=False)
    found = findings_of(rollback_sandbox)
    assert found["SCHEMA"].status is WARNING
    assert "introspection has been disabled" in found["SCHEMA"].what
    assert "never tried" in found["SCHEMA"].remedy
    assert not wrong(found)


def test_where_the_schema_may_not_be_read_a_refusal_says_what_it_can(rollback_sandbox: Sandbox) -> None:
    """The name that is unknown and the setting to fill in; with the schema it leads there."""
    rollback_sandbox.settings(introspection=False, renamed_fields={"DeployRevision.imageTag": "tag"})
    found = findings_of(rollback_sandbox)["HISTORY"]
    assert '{"assumptions": {"deploy_fields": {"image_tag": ' in found.remedy
    rollback_sandbox.settings(introspection=True)
    found = findings_of(rollback_sandbox)["HISTORY"]
    assert "findings on the schema" in found.remedy


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"data": {"__schema": {"types": 3}}}', b'{"data": {"other": 1}}']
)
def test_a_schema_that_is_none_is_a_warning(body: bytes) -> None:
    """Whatever stands in its place."""
    flow = connect(connection()).platform.diagnose(None)
    answer = {
        "data": {
            "appConfig": {"version": "2.0.0", "featureFlags": {}},
            "self": {"username": "me", "permissions": []},
        }
    }
    next(flow)
    flow.send(Response(200, {}, json.dumps(answer).encode(), NOW))
    with pytest.raises(StopIteration) as end:
        flow.send(Response(200, {}, body, NOW))
    found = {item.code: item for item in end.value.value}
    assert found["SCHEMA"].status is WARNING


def test_a_schema_that_repeats_the_token_is_not_quoted() -> None:
    """Findings show names of the schema: one with the token among them is refused as a whole."""
    values = connection(password="tok3cr3tvalue")
    flow = connect(values).platform.diagnose(None)
    next(flow)
    data = {"appConfig": {"version": "2.0.0"}, "self": None}
    flow.send(Response(200, {}, json.dumps({"data": data}).encode(), NOW))
    answer = {"data": {"__schema": {"queryType": {"name": "tok3cr3tvalue"}, "types": []}}}
    with pytest.raises(StopIteration) as end:
        flow.send(Response(200, {}, json.dumps(answer).encode(), NOW))
    found = {item.code: item for item in end.value.value}
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
def test_who_asks_may_not_be_told(data: dict[str, Any], status: Status) -> None:
    """Null is neither yes nor no; a version that is not told is not known."""
    flow = connect(connection()).platform.diagnose(None)
    next(flow)
    flow.send(Response(200, {}, json.dumps({"data": data}).encode(), NOW))
    with pytest.raises(StopIteration) as end:
        flow.send(Response(200, {}, b"{}", NOW))
    found = {item.code: item for item in end.value.value}
    assert found["TOKEN"].status is status
    version = data["appConfig"]["version"]
    assert found["VERSION"].status is (OK if version else UNKNOWN)


def test_a_check_that_asks_for_nothing_else_says_nothing_of_the_token(rollback_sandbox: Sandbox) -> None:
    """The installation's settings are told to anybody: they prove nothing."""
    document = "query Check { appConfig { version baseDomain featureFlags } }"
    found = findings_of(rollback_sandbox, None, "expired", assumptions={"check": {"document": document}})
    assert found["TOKEN"].status is UNKNOWN


def test_a_token_with_a_wrong_beginning_is_refused(rollback_sandbox: Sandbox) -> None:
    """One that the platform never issued."""
    values = {**rollback_sandbox.connection(), "password": "tok-never-issued"}
    talking = talker("requests", values)
    found = {item.code: item for item in talking.run(talking.platform.diagnose(None))}
    assert found["TOKEN"].status is ERROR
    assert "does not accept the token" in found["TOKEN"].what
    assert found["VERSION"].status is OK
    assert found["PERMISSION-IMAGE"].status is SKIPPED
