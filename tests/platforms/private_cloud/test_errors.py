# SPDX-License-Identifier: Apache-2.0
"""Tests of the setting that an error of the server leads to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_rollback_provider.domain.errors import OutcomeUnknown
from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions
from airflow_rollback_provider.platforms.private_cloud.errors import (
    error_of_answer,
    is_invalid,
    suggested_setting,
)
from airflow_rollback_provider.platforms.private_cloud.graphql import Answer, GraphQLError
from airflow_rollback_provider.platforms.request_context import RequestContext


def setting(operation: str, text: str) -> dict[str, Any]:
    """Return the assumptions in the setting for an error."""
    found: dict[str, Any] = json.loads(suggested_setting(text, RequestContext(operation), Assumptions()))
    return dict(found["assumptions"])


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("roll_back", "Unknown argument 'description' on field 'Mutation.rollbackDeployment'."),
        ("roll_back", "Unknown argument 'scope' on field 'Mutation.rollbackDeployment'."),
        ("roll_back", 'Unknown argument "deploymentUuid" on field "Mutation.rollbackDeployment".'),
        ("deploys", "Unknown argument 'deploymentUuid' on field 'Query.paginatedDeployRevisions'."),
        ("roll_back", "Variable '$description' of type 'String!' used in position expecting type 'Reason!'."),
        ("survey_history", "Cannot query field 'status' on type 'Deployment'."),
        ("deploy", "Argument 'Query.deployRevision(id:)' of type 'Uuid!' is required, but it was not …"),
        ("deploy", "Field 'deployRevision' argument 'id' of type 'Uuid!' is required, but it was not …"),
    ],
)
def test_an_argument_or_another_type_is_no_field_of_a_deploy(operation: str, text: str) -> None:
    """They have names that fields of a deploy have too. The setting is the document."""
    assert set(setting(operation, text)) == {operation}


@pytest.mark.parametrize(
    "text",
    [
        "Argument 'Mutation.rollbackDeployment(parts:)' of type 'Parts!' is required, but it was not …",
        "Field 'rollbackDeployment' argument 'parts' of type 'Parts!' is required, but it was not …",
        "Value 'IMAGE' does not exist in 'RollbackScope' enum.",
        "Variable '$scope' got invalid value 'IMAGE'; Value 'IMAGE' does not exist in 'RollbackScope' enum.",
    ],
)
def test_a_refusal_is_recognized_by_its_text_alone(text: str) -> None:
    """A server need not send a code. Taken for another error, the outcome of a rollback would be unknown."""
    assert is_invalid(GraphQLError(text))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("upstream request timeout", "AUTHORIZATION_SERVICE_TIMEOUT"),
        ("14 UNAVAILABLE", "AUTHENTICATION_SERVICE_UNAVAILABLE"),
        ("pods is forbidden", "KubernetesPermissionError"),
        ("an answer has another form", "ResponseValidationError"),
        ("no manifest", "RegistryImageNotFoundError"),
        ("helm upgrade failed: User does not have the appropriate permissions", ""),
        ("No deployment exists in commander (timeout)", "INTERNAL_SERVER_ERROR"),
    ],
)
def test_what_may_fail_while_it_is_executed_is_no_refusal(text: str, name: str) -> None:
    """The outcome of a rollback is unknown then, however much the error looks like a refusal."""
    answer = Answer("roll_back", {}, (GraphQLError(text, name),))
    assert type(error_of_answer(answer, RequestContext("roll_back"), Assumptions())) is OutcomeUnknown


@pytest.mark.parametrize(
    ("before", "similar", "word"),
    [
        # Where the request could not be proven, the word is refused only as the value of a variable.
        ("Variable '$scope' got invalid value 'IMAGE'; ", "IMAGE_ONLY", "IMAGE_ONLY"),
        # A word of another scope would be accepted, and roll back another part.
        ("", "DAGS", "<the word there>"),
    ],
)
def test_a_similar_word_for_the_scope_is_suggested(before: str, similar: str, word: str) -> None:
    """Unless it means another scope."""
    text = f"Value 'IMAGE' does not exist in 'RollbackScope' enum. Did you mean the enum value '{similar}'?"
    assert setting("roll_back", before + text) == {"scopes": {"image": word}}


def test_the_suggested_document_keeps_its_variables() -> None:
    """Their values are sent under their own names."""
    text = (
        "Unknown argument 'deployRevisionUuid' on field 'Mutation.rollbackDeployment'. "
        "Did you mean 'deployRevisionId'?"
    )
    document = setting("roll_back", text)["roll_back"]["document"]
    assert "deployRevisionId: $deployRevisionUuid " in document
    assert "$deployRevisionUuid: Uuid!" in document


def test_a_name_that_has_another_meaning_is_not_suggested() -> None:
    """A server suggests similar names, also one that another field of a deploy has already."""
    text = "Cannot query field 'status' on type 'DeployRevision'. Did you mean 'statusReason'?"
    assert setting("deploys", text)["deploy_fields"]["status"].startswith("<")
