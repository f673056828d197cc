# SPDX-License-Identifier: Apache-2.0
"""Tests of the GraphQL documents against the embedded platform's schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse, validate

import airflow_rollback_provider
from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions, read_assumptions
from airflow_rollback_provider.platforms.private_cloud.schema_comparison import USES
from airflow_rollback_provider.sandbox.graphql_schema import schema_for, shape_of
from airflow_rollback_provider.sandbox.settings import Settings

PACKAGE = Path(airflow_rollback_provider.__file__).parent
FILES = sorted((PACKAGE / "platforms" / "private_cloud" / "documents").glob("*/*.graphql"))
OPERATIONS = (*USES, "all_deployments")


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_built_in_document_fits_the_schema(name: str) -> None:
    """Each document of each operation, with its deploy fields, is valid for the schema of its version."""
    by_name = schema_for(shape_of(Settings(history_shape="releaseName")))
    old = schema_for(shape_of(Settings(version="0.37.0")))
    schemas = [schema_for(shape_of(Settings())), *({"deploys_by_release_name": [by_name]}.get(name, [])), old]
    for document in Assumptions().operation(name).documents:
        assert any(validate(schema, parse(document)) == [] for schema in schemas)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_documents_have_the_paths_of_the_results(name: str) -> None:
    """The first document of each operation requests every path that is read from its answer."""
    operation = Assumptions().operation(name)
    for path in operation.paths.values():
        selections: Any = _operation(operation.documents[0]).selection_set
        for field in path.split("."):
            found = [node for node in selections.selections if node.name.value == field]
            assert found, f"{name}: {path}"
            selections = found[0].selection_set or selections


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_file_has_one_operation_and_its_source(file: Path) -> None:
    """The comment at the top names the source and marks assumptions."""
    text = file.read_text(encoding="utf-8")
    assert isinstance(_operation(text), OperationDefinitionNode)
    head = text.partition("\n")[2]
    assert head.startswith(
        {"known": "# Known", "likely": "# LIKELY", "assumed": "# ASSUMED"}[file.parent.name]
    )


def test_every_file_is_used() -> None:
    """There is no unused document."""
    used = {text for name in OPERATIONS for text in _raw(name)}
    assert {file.read_text(encoding="utf-8") for file in FILES} == used


def test_an_omitted_field_is_not_requested() -> None:
    """Deploy fields can be renamed and omitted, and the documents change accordingly."""
    changed = read_assumptions(
        {"deploy_fields": {"dag_bundle": None, "created_by": "createdBy.fullName"}}, "x"
    )
    document = changed.operation("deploys").documents[0]
    assert "dagBundleVersion" not in document
    assert "createdBy { fullName }" in document
    assert validate(schema_for(shape_of(Settings())), parse(document)) == []


def _raw(name: str) -> tuple[str, ...]:
    from airflow_rollback_provider.platforms.private_cloud import assumptions

    return assumptions._built_in(name).documents


def _operation(text: str) -> OperationDefinitionNode:
    (definition,) = parse(text).definitions
    assert isinstance(definition, OperationDefinitionNode)
    return definition
