# SPDX-License-Identifier: Apache-2.0
"""Tests of reads that adapt to an installation, and of the rollback request, which does not."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from airflow_rollback_provider.domain.deploys import Scope
from airflow_rollback_provider.domain.errors import (
    DeployNotFound,
    InvalidConnection,
    MalformedAnswer,
    UnknownField,
)
from airflow_rollback_provider.domain.selector import DeploySelector
from airflow_rollback_provider.http.messages import Response
from airflow_rollback_provider.platforms.base import walk
from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions, read_assumptions
from airflow_rollback_provider.platforms.private_cloud.installation import MOST_EXTRA, Installation
from airflow_rollback_provider.platforms.private_cloud.schema_comparison import similar_fields
from airflow_rollback_provider.platforms.registry import connect as platform_of
from airflow_rollback_provider.sandbox.graphql_schema import schema_for, shape_of
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.settings import Settings
from tests.platforms.private_cloud.test_client import operations, talk
from tests.support.builders import NOW
from tests.support.connect import Connect
from tests.support.talking import connection

OPTIONAL = {
    "Deployment.label": "the name of the Deployment",
    "Deployment.workspace": "the settings of the workspace",
    "Deployment.deployInfo": "the image that runs",
    "Deployment.dagDeployment": "how Dags are deployed",
    "Deployment.deployRollbackEnabled": "whether rollbacks are switched on for the Deployment",
    "Query.self": "the permissions of the token",
    "AppConfig.version": "the version of the platform",
    "DeployRevision.gitCommit": "git commit of a deploy",
    "DeployRevision.createdBy": "created by of a deploy",
}


@pytest.mark.parametrize("extensions", [True, False], ids=["code", "text"])
@pytest.mark.parametrize("hidden", OPTIONAL)
def test_an_optional_field_is_left_out(
    sandbox: SandboxProcess, hidden: str, extensions: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes at most two more requests, once, and has one warning with what a plan does not know then."""
    sandbox.settings(hidden_fields=[hidden], introspection=False, error_extensions=extensions)
    deployment = sandbox.deployment("image-af3")["id"]
    first, before = talk(sandbox), len(sandbox.requests())
    with caplog.at_level(logging.WARNING):
        survey = first.run(first.platform.survey(deployment))
        taken = len(operations(sandbox, before))
        again = talk(sandbox)
        again.run(again.platform.survey(deployment))
    assert [deploy.image_tag for deploy in survey.page.deploys][:2] == ["release-44", "release-43"]
    assert taken <= 2 + MOST_EXTRA
    assert len(operations(sandbox, before)) == taken + 2
    (warning,) = [item.getMessage() for item in caplog.records if "does not know" in item.getMessage()]
    assert f"a plan does not know: {OPTIONAL[hidden]}." in warning


def test_several_fields_take_two_more_requests(sandbox: SandboxProcess) -> None:
    """Each refusal names all that it does not know; what is left is read."""
    sandbox.settings(
        hidden_fields=["Deployment.label", "Deployment.status", "DeployRevision.scope", "Self.user"],
        hide_assumed=True,
        introspection=False,
    )
    talking, before = talk(sandbox), len(sandbox.requests())
    survey = talking.run(talking.platform.survey(sandbox.deployment("image-af3")["id"]))
    assert operations(sandbox, before) == [
        "SurveyContext",
        "SurveyContext",
        "SurveyHistory",
        "SurveyHistory",
    ]
    assert survey.access.enabled_on_deployment is True, "the flags are still merged for the Deployment"


def test_the_toggle_is_in_the_flags_that_are_merged_for_the_deployment(
    sandbox: SandboxProcess,
) -> None:
    """From 2.0.0 it is known where the Deployment has no field for it."""
    sandbox.settings(hide_assumed=True)
    talking = talk(sandbox)
    access = talking.run(talking.platform.survey(sandbox.deployment("rollback-disabled")["id"])).access
    assert (access.enabled_on_installation, access.enabled_on_deployment) == (True, False)


def test_flags_without_the_deployment_are_not_taken_for_its_own() -> None:
    """An argument that is refused takes its field with it, because the answer would have another meaning."""
    document = Assumptions().operation("survey_history").documents[0]
    installation = Installation(Assumptions())
    refused = 'Unknown argument "deploymentUuid" on field "Query.appConfig".'
    assert installation.learn("survey_history", document, [refused])
    fitting = installation.document("survey_history")
    assert fitting is not None
    assert "appConfig" not in fitting
    assert "$workspaceUuid" not in fitting


@pytest.mark.parametrize("name", ["id", "createdAt", "status", "description"])
def test_a_needed_field_is_an_error_with_the_setting(sandbox: SandboxProcess, name: str) -> None:
    """It is not left out, and the history is not read without it."""
    sandbox.settings(renamed_fields={f"DeployRevision.{name}": "somethingElse"}, introspection=False)
    talking, before = talk(sandbox), len(sandbox.requests())
    with pytest.raises(UnknownField, match=f'"deploy_fields": .*{name}|"deploy_fields"'):
        talking.run(talking.platform.survey(sandbox.deployment("image-af3")["id"]))
    assert len(operations(sandbox, before)) <= 2 + MOST_EXTRA


def test_a_renamed_field_is_found_in_the_schema(sandbox: SandboxProcess) -> None:
    """The schema is read once; the name is kept for the process and said by the doctor."""
    sandbox.settings(renamed_fields={"DeployRevision.imageTag": "tag", "DeployRevision.createdAt": "created"})
    deployment = sandbox.deployment("image-af3")["id"]
    talking, before = talk(sandbox), len(sandbox.requests())
    survey = talking.run(talking.platform.survey(deployment))
    assert survey.page.deploys[0].image_tag == "release-44"
    assert len(operations(sandbox, before)) == 4
    found = {item.code: item for item in talking.run(talking.platform.diagnose(deployment))}
    assert "image_tag is read from tag" in found["HISTORY"].what


def test_a_name_is_not_guessed() -> None:
    """Of two similar names none is taken, a description never, and what the connection sets is kept."""
    renamed = {"DeployRevision.imageTag": "tag", "DeployRevision.description": "descriptions"}
    schema = schema_for(shape_of(Settings(renamed_fields=renamed)))
    assert similar_fields(schema, Assumptions()) == {"image_tag": "tag"}
    given = Assumptions(given={"deploy_fields": {"image_tag": "imageTag"}})
    assert similar_fields(schema, given) == {}
    two = schema_for(shape_of(Settings(renamed_fields={"DeployRevision.gitCommit": "gitBranches"})))
    assert similar_fields(two, Assumptions())["git_commit"] is None


def test_a_history_by_release_name_is_read_page_by_page(
    sandbox: SandboxProcess, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes one more request for the process; the doctor says how the history is read."""
    sandbox.settings(history_shape="releaseName", introspection=False)
    truth = sandbox.deployment("image-af3")
    talking, before = talk(sandbox), len(sandbox.requests())
    survey = talking.run(talking.platform.survey(truth["id"]))
    assert operations(sandbox, before) == ["SurveyContext", "SurveyHistory", "Deploys"]
    page = talking.run(talking.platform.deploys(truth["id"], limit=2))
    fetched = walk(page, lambda cursor: talking.run(talking.platform.deploys(truth["id"], cursor, 2)))
    ids = [deploy.id for deploy in fetched]
    assert ids == [deploy["id"] for deploy in truth["deploys"]] == [item.id for item in survey.page.deploys]
    found = {item.code: item for item in talking.run(talking.platform.diagnose(truth["id"]))}
    assert "It is read by release name." in found["HISTORY"].what
    assert "does not know" not in caplog.text


def test_a_first_page_by_release_name_looks_the_name_up(sandbox: SandboxProcess) -> None:
    """A wait begins with the id alone."""
    sandbox.settings(history_shape="releaseName")
    talking, before = talk(sandbox), len(sandbox.requests())
    truth = sandbox.deployment("image-af3")
    assert talking.run(talking.platform.deploys(truth["id"])).deploys[0].id == truth["deploys"][0]["id"]
    assert operations(sandbox, before) == ["Deploys", "Deployment", "Deploys"]


def test_the_rollback_request_never_adapts(sandbox: SandboxProcess) -> None:
    """An unknown name is an error after one request; optional fields of the history are not in it."""
    deployment_id = sandbox.deployment("image-af3")["id"]
    sandbox.settings(hidden_fields=["DeployRevision.gitCommit"], rollback_seconds=0)
    talking = talk(sandbox)
    deployment = talking.run(talking.platform.deployment(deployment_id))
    target = talking.run(talking.platform.deploys(deployment_id)).deploys[2]
    rollback = talking.run(talking.platform.roll_back(deployment, target, Scope.IMAGE, "why"))
    assert rollback.rolled_back_to == target.id
    sandbox.settings(renamed_fields={"Mutation.rollbackDeployment": "rollbackDeploy"})
    before = len(sandbox.requests())
    with pytest.raises(UnknownField, match="rollbackDeploy"):
        talking.run(talking.platform.roll_back(deployment, target, Scope.IMAGE, "why"))
    assert operations(sandbox, before) == ["RollBack"]


def test_without_image_tags_only_an_id_is_sure(sandbox: SandboxProcess) -> None:
    """Contents cannot be distinguished, so no other selector is followed; the refusal has the setting."""
    sandbox.settings(hidden_fields=["DeployRevision.imageTag"], introspection=False)
    truth = sandbox.deployment("image-af3")
    hook = Connect(sandbox, "astro_private_cloud")()
    with pytest.raises(DeployNotFound, match=r"by its id.*\"image_tag\": "):
        hook.plan(truth["id"])
    plan = hook.plan(truth["id"], DeploySelector("id", truth["deploys"][2]["id"]))
    assert plan.allowed
    assert "FIELDS-NOT-KNOWN" in {warning.code for warning in plan.warnings}
    hook.close()


def test_a_history_without_rollbacks_is_not_read(sandbox: SandboxProcess) -> None:
    """A rollback would look like any other deploy, and what was rolled back from would be chosen again."""
    sandbox.settings(hidden_fields=["DeployRevision.rollbackFromId"])
    talking = talk(sandbox)
    with pytest.raises(UnknownField, match="rolled_back_to"):
        talking.run(talking.platform.survey(sandbox.deployment("image-af3")["id"]))


@pytest.mark.parametrize(
    "required",
    [
        'Field "paginatedDeployRevisions" argument "releaseName" of type "String!" is required, but it was '
        "not provided.",
        "Argument 'Query.paginatedDeployRevisions(releaseName:)' of type 'String!' is required, but it was "
        "not provided.",
    ],
)
def test_a_required_argument_leaves_the_other_history(required: str) -> None:
    """The wordings of several versions of graphql-js name the field, which stays."""
    installation = Installation(Assumptions())
    document = Assumptions().operation("deploys").documents[0]
    unknown = 'Unknown argument "deploymentUuid" on field "Query.paginatedDeployRevisions".'
    assert installation.learn("deploys", document, [required, unknown])
    assert installation.by_release_name
    assert installation.document("deploys") is None
    assert installation.document("deploys_by_release_name") is not None


def test_a_type_that_differs_elsewhere_leaves_the_history() -> None:
    """Of the arguments with one variable, the optional field's goes first."""
    installation = Installation(Assumptions())
    document = Assumptions().operation("survey_history").documents[0]
    text = 'Variable "$deploymentUuid" of type "Uuid!" used in position expecting type "ID".'
    assert installation.learn("survey_history", document, [text])
    assert not installation.by_release_name


def test_a_nested_description_is_needed_too() -> None:
    """The idempotency key is in it."""
    given = read_assumptions({"deploy_fields": {"description": "note.text"}}, "a connection")
    document = given.operation("deploys").documents[0]
    text = 'Cannot query field "note" on type "DeployRevision".'
    assert Installation(given).needed("deploys", document, [text]) == text
    with pytest.raises(InvalidConnection, match="cannot be null"):
        read_assumptions({"deploy_fields": {"description": None}}, "a connection")


def refused(*texts: str) -> Response:
    """An answer of a server that does not know some names."""
    errors = [{"message": text, "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}} for text in texts]
    return Response(400, {}, json.dumps({"errors": errors}).encode(), NOW)


def answer(**data: object) -> Response:
    """An answer with data."""
    return Response(200, {}, json.dumps({"data": data}).encode(), NOW)


def ended(flow: Any, response: Response) -> Any:
    """Send the last response into a flow and return its value."""
    with pytest.raises(StopIteration) as end:
        flow.send(response)
    return end.value.value


ROW = {"id": "d1", "createdAt": "2026-11-20T12:00:00Z", "status": "DEPLOYED", "description": ""}
NO_TAKE = 'Unknown argument "take" on field "Query.paginatedDeployRevisions".'


def test_reads_at_the_same_time_adapt_all() -> None:
    """One learns what the installation does not know; the other sends the document that fits now."""
    platform = platform_of(connection()).platform
    flows: list[Any] = [platform.deploys("c1"), platform.deploys("c1")]
    for flow in flows:
        next(flow)
    for flow in flows:
        assert "take" not in flow.send(refused(NO_TAKE)).body["query"]
    for flow in flows:
        assert ended(flow, answer(paginatedDeployRevisions=[ROW])).deploys[0].id == "d1"


def test_a_history_that_begins_with_the_oldest_deploy_is_malformed() -> None:
    """The latest deploy decides what runs, and a rollback is searched for among the latest."""
    flow = platform_of(connection()).platform.deploys("c1")
    next(flow)
    later = {**ROW, "id": "d2", "createdAt": "2026-11-21T12:00:00Z"}
    with pytest.raises(MalformedAnswer, match="not sorted"):
        flow.send(answer(paginatedDeployRevisions=[ROW, later]))


def test_a_deployment_without_a_release_name_has_no_history_by_name() -> None:
    """An empty name would be the history of any Deployment."""
    flow: Any = platform_of(connection()).platform.deploys("c1")
    next(flow)
    flow.send(refused('Unknown argument "deploymentUuid" on field "Query.paginatedDeployRevisions".'))
    with pytest.raises(UnknownField, match="deploymentUuid"):
        flow.send(answer(deployment={"id": "c1", "releaseName": ""}))
