# SPDX-License-Identifier: Apache-2.0
"""Tests of reads that adapt to an installation, and of the rollback request, which does not."""

from __future__ import annotations

import logging

import pytest

from airflow_rollback_provider.domain.deploys import Scope
from airflow_rollback_provider.domain.errors import UnknownField
from airflow_rollback_provider.platforms.base import walk
from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions
from airflow_rollback_provider.platforms.private_cloud.installation import MOST_EXTRA, Installation
from airflow_rollback_provider.platforms.private_cloud.schema_comparison import similar_fields
from airflow_rollback_provider.sandbox.graphql_schema import schema_for, shape_of
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.settings import Settings
from tests.platforms.private_cloud.test_client import operations, talk

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


@pytest.fixture
def sandbox(rollback_sandbox: SandboxProcess) -> SandboxProcess:
    """The embedded platform."""
    return rollback_sandbox


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
