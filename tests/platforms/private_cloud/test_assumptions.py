# SPDX-License-Identifier: Apache-2.0
"""Tests of the assumptions that a connection can replace."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_rollback_provider.domain.deploys import DeployStatus, Scope
from airflow_rollback_provider.domain.errors import InvalidConnection
from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions, read_assumptions

MUTATION = "mutation M($deploymentUuid: Uuid!) { undo(id: $deploymentUuid) { deploy { ...DeployFields } } }"


def test_the_built_in_assumptions_are_the_default() -> None:
    """A connection without assumptions replaces none."""
    assert read_assumptions(None, "x") == read_assumptions({}, "x") == Assumptions()


def test_a_document_and_its_path_are_replaced_together() -> None:
    """A replaced operation has the given document, with the deploy fields, and the given path."""
    given = {"roll_back": {"document": MUTATION, "path": "undo.deploy"}}
    operation = read_assumptions(given, "x").operation("roll_back")
    assert operation.paths["result"] == "undo.deploy"
    assert "createdAt" in operation.documents[0]
    assert len(operation.documents) == 1


def test_replaced_deploys_are_used_by_the_survey_too() -> None:
    """A replaced document of the history replaces that of the survey too."""
    query = "query D($deploymentUuid: Uuid!) { deployHistory(id: $deploymentUuid) { ...DeployFields } }"
    changed = read_assumptions({"deploys": {"document": query, "path": "deployHistory"}}, "x")
    survey = changed.operation("survey_history")
    assert survey.documents == changed.operation("deploys").documents
    assert survey.paths == {"result": "deployHistory"}


def test_words_are_added_to_the_known_ones() -> None:
    """Statuses, scopes, flags and the log component can have the platform's words."""
    changed = read_assumptions(
        {
            "statuses": {"live": "succeeded"},
            "scopes": {"dags": "DAG_ONLY"},
            "flags": ["rollbacks.on"],
            "log_component": "airflow-downgrade",
        },
        "x",
    )
    assert changed.status("Live") is changed.status("DEPLOYED") is DeployStatus.SUCCEEDED
    assert changed.scope("DAG_ONLY") is Scope.DAGS
    assert changed.scope("IMAGE") is Scope.IMAGE
    assert changed.flags == ("rollbacks.on",)
    assert changed.log_component == "airflow-downgrade"


@pytest.mark.parametrize("word", [None, "", "PAUSED"])
def test_an_unknown_status_is_neither_success_nor_failure(word: str | None) -> None:
    """An unknown word becomes UNKNOWN."""
    assert Assumptions().status(word) is DeployStatus.UNKNOWN


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], None),
        (["x"], "must be a JSON object"),
        ({"rollback": {}}, "Known: survey_context"),
        ({"roll_back": "x"}, "assumptions.roll_back must be a JSON object"),
        ({"roll_back": {"query": "x"}}, "Known: document, path"),
        ({"roll_back": {"document": ""}}, "not empty"),
        ({"roll_back": {"document": "query Q { a }"}}, "a mutation"),
        ({"roll_back": {"document": "{ a }"}}, "a mutation"),
        ({"roll_back": {"document": MUTATION + MUTATION}}, "exactly one"),
        ({"deploys": {"document": MUTATION}}, "a query"),
        ({"deploys": {"document": "# query Q { a }\n" + MUTATION}}, "a query"),
        ({"deploy_fields": {"tag": "x"}}, "Known: id, deployment_id"),
        ({"deploy_fields": {"id": None}}, "cannot be null"),
        ({"deploy_fields": {"image_tag": "a b"}}, "names with dots"),
        ({"deploy_fields": {"image_tag": "a } evil {"}}, "names with dots"),
        ({"statuses": {"X": "fine"}}, "must be one of: in progress"),
        ({"scopes": {"everything": "ALL"}}, "image, dags, image_and_dags"),
        ({"scopes": {"image": "DAGS"}}, "two scopes have the same word"),
        ({"flags": "x"}, "list of keys"),
        ({"log_component": 3}, "component's name"),
    ],
)
def test_an_invalid_assumption_is_named(given: Any, message: str | None) -> None:
    """Every message names the connection's field and the valid values; no other error is raised."""
    if message is None:
        assert read_assumptions(given, "x") == Assumptions()
        return
    with pytest.raises(InvalidConnection, match=message) as caught:
        read_assumptions(given, "Connection 'apc': assumptions")
    assert str(caught.value).startswith("Connection 'apc': assumptions")


@pytest.mark.parametrize(
    "document",
    [
        "query Q { a { b } }",
        "{ a }",
        "query Q($x: In = {y: 1}) { a(x: $x) }",
        "query Q { a } fragment F on T { b }",
        'query Q { a(text: "mutation { x }") }',
    ],
)
def test_every_form_of_a_query_is_accepted(document: str) -> None:
    """The check of a document's kind supports arguments, texts, defaults and fragments."""
    assert read_assumptions({"deploys": {"document": document}}, "x").operation("deploys").documents == (
        document,
    )
