# SPDX-License-Identifier: Apache-2.0
"""Tests of reading a schema from an installation's own answer."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, graphql_sync, parse, validate

from airflow_rollback_provider.platforms.schema.introspection import QUERY, NoSchema, Schema, read_schema

SDL = """
type Query { a(needed: [Int!]!, optional: Int, usual: Int! = 3, in: In): [[Thing!]]! @deprecated, one: One }
type Mutation { change: Color }
interface One { id: ID }
type Thing implements One { id: ID }
union Both = Thing | Query
enum Color { RED GREEN @deprecated }
input In { x: Int!, y: [String] = [] }
scalar Own
"""


def told(schema: GraphQLSchema) -> dict[str, Any]:
    """Return what a server with this schema answers."""
    result = graphql_sync(schema, QUERY)
    assert result.errors is None
    assert result.data is not None
    return result.data


@pytest.fixture(scope="module")
def schema() -> Schema:
    """The schema above, as it was told."""
    return read_schema(told(build_schema(SDL)))


def test_the_query_is_one_that_every_server_knows() -> None:
    """It is valid against any schema: it asks for the standard's own fields."""
    assert validate(build_schema(SDL), parse(QUERY)) == []


def test_types_are_read(schema: Schema) -> None:
    """Lists and required values, nested as they are."""
    field = schema.kinds["Query"].fields["a"]
    assert str(field.type) == "[[Thing!]]!"
    assert str(field) == "a(needed: [Int!]!, optional: Int, usual: Int!, in: In): [[Thing!]]!"
    assert str(schema.kinds["Query"].fields["one"]) == "one: One"
    assert {item.name: item.needed for item in field.arguments.values()} == {
        "needed": True,
        "optional": False,
        "usual": False,
        "in": False,
    }
    assert schema.of(field.type) == schema.kinds["Thing"]
    assert {name: item.needed for name, item in schema.kinds["In"].inputs.items()} == {"x": True, "y": False}


def test_kinds_are_read(schema: Schema) -> None:
    """Leaves, words of an enum (those on their way out too), members of a union."""
    kinds = schema.kinds
    assert kinds["Color"].words == ("RED", "GREEN")
    assert set(kinds["Both"].members) == {"Thing", "Query"}
    assert {name for name in kinds if kinds[name].is_leaf} >= {"Color", "Own", "Int", "ID"}
    assert not kinds["In"].is_leaf
    assert kinds["In"].is_input
    assert not kinds["Thing"].is_input


def test_roots_are_read(schema: Schema) -> None:
    """Under whatever name; a schema may have no mutations."""
    assert schema.root("mutation") == schema.kinds["Mutation"]
    other = build_schema("schema { query: Begin } type Begin { a: Int }")
    assert read_schema(told(other)).root("query") == read_schema(told(other)).kinds["Begin"]
    assert read_schema(told(other)).root("mutation") is None


def test_every_object_has_its_name(schema: Schema) -> None:
    """The one field that no schema lists."""
    assert schema.output(schema.kinds["Thing"], "__typename") is not None
    assert schema.output(schema.kinds["Thing"], "nothing") is None


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        [],
        "x",
        {"__schema": None},
        {"__schema": {"types": None}},
        {"__schema": {"types": [{}], "queryType": None, "mutationType": None}},
        {"__schema": {"types": [3]}},
        {"__schema": {"types": [], "queryType": 3, "mutationType": None}},
        {"__schema": {"types": [], "queryType": {"name": 3}, "mutationType": None}},
    ],
)
def test_something_else_is_no_schema(data: object) -> None:
    """Whatever an answer holds instead is told apart."""
    with pytest.raises(NoSchema):
        read_schema(data)
