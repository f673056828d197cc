# SPDX-License-Identifier: Apache-2.0
"""Tests of the parts of a request, and of where its variables stand."""

from __future__ import annotations

import pytest
from graphql import build_schema, parse, validate

from airflow_rollback_provider.platforms.assumptions import Assumptions
from airflow_rollback_provider.platforms.schema.reader import read
from airflow_rollback_provider.platforms.schema.syntax import write
from airflow_rollback_provider.platforms.schema.variables import places_of, split
from tests.platforms.schema.telling import schema_of
from tests.platforms.schema.test_comparison import DOCUMENTS, SDL

SMALL = """
type Query { a(x: ID!, y: Int, z: In, w: [Int], v: Int! = 3): A, b: A }
type A { c(x: String): A, d: Int }
input In { i: Int!, n: In }
"""


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_part_is_a_request_of_its_own(document: str) -> None:
    """It fits the schema by itself: nothing is left that is not used, nothing is missing."""
    schema = build_schema(SDL)
    parts = split(read(document))
    assert parts
    for name, part in parts.items():
        assert validate(schema, parse(write(part))) == []
        assert [item.key for item in part.operation.selections] == [name]  # type: ignore[union-attr]


def test_a_part_keeps_the_fragments_it_uses() -> None:
    """Those inside of others too, with their variables, and no others."""
    text = """
      query Q($x: ID!, $y: Int, $z: Boolean!) {
        one: a(x: $x) { ...F }
        b { ...G @skip(if: $z) }
      }
      fragment F on A { c { ...H } }
      fragment G on A { d }
      fragment H on A { d, c(x: "1") @include(if: true) { ... on A { d } } }
    """
    parts = split(read(text.replace("$y: Int, ", "")))
    assert set(parts) == {"one", "b"}
    assert {item.name for item in parts["one"].fragments} == {"F", "H"}
    assert [item.name for item in parts["one"].operation.variables] == ["x"]
    assert {item.name for item in parts["b"].fragments} == {"G"}
    assert [item.name for item in parts["b"].operation.variables] == ["z"]
    assert all(validate(build_schema(SMALL), parse(write(part))) == [] for part in parts.values())


def test_places_of_variables_are_found() -> None:
    """In arguments, objects, fragments and directives; a default of the place makes it optional."""
    text = """
      query Q($id: ID!, $n: Int, $s: String, $b: Boolean!, $no: Int) {
        a(x: $id, y: $n, z: {i: $n, n: {i: 1}}, v: $n) { ...F ... on A { d @skip(if: $b) } ... { d } }
        nothing(x: $no)
        b { d(x: $no) }
      }
      fragment F on A { c(x: $s) { d } }
    """
    found = places_of(read(text), schema_of(SMALL))
    assert {name: [str(place) for place in places] for name, places in found.items()} == {
        "id": ["ID!"],
        "n": ["Int", "Int!", "Int"],
        "b": ["Boolean!"],
        "s": ["String"],
    }


def test_a_replaced_document_can_be_split_too() -> None:
    """Its fields go by their names in the answer."""
    documents = Assumptions().operation("survey_history").documents
    assert set(split(read(documents[0]))) == {"self", "deployment", "paginatedDeployRevisions"}
