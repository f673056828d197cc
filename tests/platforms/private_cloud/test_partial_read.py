# SPDX-License-Identifier: Apache-2.0
"""Tests of splitting a document into one for each root field."""

from __future__ import annotations

from graphql import build_schema, parse, validate

from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions
from airflow_rollback_provider.platforms.private_cloud.partial_read import split
from airflow_rollback_provider.platforms.private_cloud.schema_comparison import USES
from tests.platforms.private_cloud.test_schema_comparison import SDL


def test_each_part_of_each_operation_is_valid() -> None:
    """A server refuses unused variables and fragments, so a part has none."""
    schema = build_schema(SDL)
    for name in set(USES) - {"deploys_by_release_name"}:  # of another schema
        for text in Assumptions().operation(name).documents:
            parts = split(parse(text))
            assert parts
            for piece in parts.values():
                assert validate(schema, parse(piece)) == []


def test_a_part_has_its_name_in_the_answer_and_what_it_uses() -> None:
    """Aliases, fragments in fragments, variables in directives."""
    parts = split(
        parse(
            "query Q($a: Boolean!, $b: Int, $c: Int) { one: x(b: $b) { ...F } y @include(if: $a) ...G }"
            " fragment F on X { ...H } fragment H on X { z(c: $c) } fragment G on Query { y }"
        )
    )
    flat = {name: " ".join(text.split()) for name, text in parts.items()}
    assert flat == {
        "one": "query Q($b: Int, $c: Int) { one: x(b: $b) { ...F } }"
        " fragment F on X { ...H } fragment H on X { z(c: $c) }",
        "y": "query Q($a: Boolean!) { y @include(if: $a) }",
    }


def test_a_document_without_a_name_is_split_too() -> None:
    """It is the short form of a query."""
    assert {name: " ".join(text.split()) for name, text in split(parse("{ a b }")).items()} == {
        "a": "query { a }",
        "b": "query { b }",
    }
