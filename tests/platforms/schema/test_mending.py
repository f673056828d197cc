# SPDX-License-Identifier: Apache-2.0
"""Tests of writing requests so that they would fit another schema."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_rollback_provider.platforms.schema.arguments import CannotMend
from airflow_rollback_provider.platforms.schema.comparison import differences
from airflow_rollback_provider.platforms.schema.mending import Mended, Wanted, mend
from airflow_rollback_provider.platforms.schema.reader import read
from airflow_rollback_provider.platforms.schema.syntax import write
from tests.platforms.schema.telling import schema_of

ROWS = (
    "query Rows($owner: ID!, $take: Int, $cursor: ID) "
    "{ rows(owner: $owner, take: $take, cursor: $cursor) { ...Row } }"
)
UNDO = (
    "mutation Undo($owner: ID!, $row: ID!, $scope: Scope!, $why: String!) "
    "{ undo(owner: $owner, row: $row, scope: $scope, why: $why) { ...Row } }"
)
ONE = "query One($id: ID!) { thing(where: {id: $id}) { id label inside { kind } flag } other { a } }"
FIELDS = ("id", "createdAt", "status", "imageTag", "runtime", "note")
ROW = (
    "type Row { id: ID, createdAt: String, status: String, imageTag: String, runtime: String, note: String }"
)
WANTED = Wanted("Row", frozenset(FIELDS), "", "rows", many=True, dispensable=("take",), sometimes=("cursor",))


def mended(document: str, sdl: str, **changes: Any) -> Mended:
    """Mend a request, and require that what comes of it fits."""
    schema = schema_of(sdl)
    found = mend(read(document), schema, replace(WANTED, **changes))
    text = write(found.document).replace("...Row", "__typename")
    assert differences(read(text), schema) == ()
    return found


def query(field: str, more: str = ROW) -> str:
    """Return a schema with one field at the top."""
    return f"type Query {{ {field} }} {more}"


@pytest.mark.parametrize(
    ("field", "written"),
    [
        (
            "rows(owner: ID!, take: Int, cursor: ID): [Row!]!",
            "rows(owner: $owner, take: $take, cursor: $cursor)",
        ),
        (
            "allRows(owner: ID!, take: Int, cursor: ID): [Row]",
            "rows: allRows(owner: $owner, take: $take, cursor",
        ),
        (
            "rows(ownerId: ID!, first: Int, after: ID): [Row]",
            "(ownerId: $owner, first: $take, after: $cursor)",
        ),
        ("rows(owner: ID!, cursor: ID): [Row]", "rows(owner: $owner, cursor: $cursor) {"),
        ("rows(who: ID!, take: Int, cursor: ID): [Row]", "rows(who: $owner, take: $take, cursor: $cursor) {"),
        (
            "rows(owner: String!, take: Int, cursor: String): [Row]",
            "($owner: String!, $take: Int, $cursor: String)",
        ),
        ("rows(owner: ID, take: Int! = 3, cursor: ID): [Row]", "($owner: ID!, $take: Int, $cursor: ID)"),
        ("rows(owner: ID!, take: Int!, cursor: ID): [Row]", "($owner: ID!, $take: Int!, $cursor: ID)"),
    ],
)
def test_another_field_or_other_arguments(field: str, written: str) -> None:
    """Names that resemble, the only place that is left, types as the schema has them."""
    found = mended(ROWS, query(field))
    assert written in write(found.document)
    assert (found.result, found.row_kind) == ("rows", "Row")


@pytest.mark.parametrize(
    ("field", "more", "result"),
    [
        ("rows(owner: ID!, take: Int, cursor: ID): Page", "total: Int, nodes: [Row!]!", "rows.nodes"),
        (
            "rows(owner: ID!, take: Int, cursor: ID): Page!",
            "few(n: Int!): [Row], all: [Row], one: Row, id: ID, status: String",
            "rows.all",
        ),
        ("listRows(owner: ID!, take: Int, cursor: ID): Page!", "rows: [Row]", "rows.rows"),
    ],
)
def test_rows_inside_the_result(field: str, more: str, result: str) -> None:
    """The path of the result goes one step deeper, to what is a list of rows."""
    found = mended(ROWS, query(field, f"{ROW} type Page {{ {more} }}"))
    assert (found.result, found.row_kind) == (result, "Row")
    assert f"{result.partition('.')[2]} {{ ...Row }}" in write(found.document)


@pytest.mark.parametrize(
    ("field", "more", "why"),
    [
        ("nothing: Int", ROW, "nothing like rows"),
        ("rows(owner: ID!, take: Int): [Row]", ROW, r"no place for \$cursor"),
        ("rows(take: Int, cursor: ID): [Row]", ROW, r"no place for \$owner"),
        ("rows(owner: ID!, take: Int, cursor: ID!): [Row]", ROW, r"\$cursor is needed, and not always known"),
        ("rows(owner: ID!, take: Int, cursor: ID, secret: ID!): [Row]", ROW, "needs secret: ID!"),
        ("rows(owner: Int!, take: Int, cursor: ID): [Row]", ROW, r"no place for \$owner"),
        ("rows(owner: ID!, take: Int, cursor: ID): Row", ROW, "no list"),
        ("rows(owner: ID!, take: Int, cursor: ID): [ID]", ROW, "has no fields"),
        ("rows(owner: ID!, take: Int, cursor: ID): Page", "type Page { total: Int }", "no list"),
    ],
)
def test_what_cannot_be_mended_says_why(field: str, more: str, why: str) -> None:
    """Nothing is left out that changes what is asked, nothing is made up."""
    with pytest.raises(CannotMend, match=why):
        mend(read(ROWS), schema_of(query(field, more if "type Row" in more else ROW + more)), WANTED)


@pytest.mark.parametrize(
    ("mutation", "more", "written"),
    [
        (
            "undoRow(owner: ID!, row: ID!, scope: Part!, why: String!): Row",
            "enum Part { A }",
            "($owner: ID!, $row: ID!, $scope: Part!, $why: String!) { undo: undoRow(owner: $owner",
        ),
        (
            "undo(input: In!): Row",
            "input In { ownerId: ID!, rowId: ID!, parts: Part!, reason: String! } enum Part { A }",
            "undo(input: {ownerId: $owner, rowId: $row, parts: $scope, reason: $why}) {",
        ),
        (
            "undo(owner: ID!, row: ID!, scope: String, why: String): Payload",
            "type Payload { ok: Boolean, row: Row }",
            "{ row { ...Row } }",
        ),
    ],
)
def test_a_mutation_of_another_form(mutation: str, more: str, written: str) -> None:
    """Another name, one object instead of arguments, another type of words, a payload around the row."""
    sdl = f"type Query {{ a: Int }} type Mutation {{ {mutation} }} {ROW} {more}"
    found = mended(UNDO, sdl, result="undo", many=False, dispensable=())
    assert written in write(found.document)
    assert found.row_kind == "Row"


@pytest.mark.parametrize(
    "mutation",
    [
        "deleteOwner(owner: ID!): Row",
        "removeUndo(owner: ID!, row: ID!, scope: String!, why: String!): Row",
        "undo(owner: ID!, row: ID!, why: String!): Row",
        "undo(owner: ID!, row: ID!, scope: String!): Row",
        "undo(owner: ID!, row: ID!, scope: String!, why: String!): Boolean",
        "undo(owner: ID!, row: ID!, scope: String!, why: String!): [Row]",
        "undo(owner: ID!, row: ID!, scope: Boolean!, why: String!): Row",
    ],
)
def test_a_mutation_that_does_less_or_something_else_is_not_suggested(mutation: str) -> None:
    """Without the row, the scope or the reason it would not do what was planned."""
    sdl = f"type Query {{ a: Int }} type Mutation {{ {mutation} }} {ROW}"
    with pytest.raises(CannotMend):
        mend(read(UNDO), schema_of(sdl), replace(WANTED, result="undo", many=False, dispensable=()))
    with pytest.raises(CannotMend, match="no mutation"):
        mend(read(UNDO), schema_of(query("a: Int")), replace(WANTED, result="undo", many=False))


def test_fields_below_the_result() -> None:
    """One of another name is asked for by it and keeps its own; what is not there is left out."""
    sdl = query(
        "thing(where: Filter!): Thing",
        "type Thing { id: ID!, labelText: String, within: Inside } type Inside { kind: String } "
        "input Filter { thingId: ID! }",
    )
    found = mended(ONE, sdl, result="thing", many=False)
    text = write(found.document)
    assert "thing(where: {thingId: $id}) { id label: labelText inside: within { kind } }" in text
    assert set(found.left_out) == {"thing.flag", "other"}
    assert any("labelText instead of label" in item for item in found.instead)


def test_a_result_without_its_id_is_of_no_use() -> None:
    """What is needed is not left out."""
    with pytest.raises(CannotMend, match="nothing like id"):
        mend(
            read(ONE),
            schema_of(query("thing(where: F): Thing", "type Thing { label: String } input F { id: ID }")),
            replace(WANTED, result="thing", many=False),
        )


def test_fragments_are_mended_too() -> None:
    """Those with a name and those without."""
    sdl = query("thing: Thing", "type Thing { id: ID!, labelText: String }")
    text = "{ thing { id ... on Thing { label } ... { label } ...F } } fragment F on Thing { label }"
    found = mended(text, sdl, result="thing", many=False)
    assert write(found.document).count("label: labelText") == 3
    for bad in ("{ thing { id ... on No { a } } }", "{ thing { id ...F } } fragment F on No { a }"):
        with pytest.raises(CannotMend, match="there is no type No"):
            mend(read(bad), schema_of(sdl), replace(WANTED, result="thing", many=False))


def test_a_variable_cannot_be_of_two_types() -> None:
    """Nothing is suggested that a server would refuse."""
    sdl = query("a(x: ID!): Int, b(x: String!): Int")
    with pytest.raises(CannotMend, match=r"\$x stands for ID and for String"):
        mend(
            read("query Q($x: Uuid!) { a(x: $x) b(x: $x) }"),
            schema_of(sdl),
            replace(WANTED, result="a", many=False),
        )


def test_a_leaf_and_an_object_are_not_mistaken() -> None:
    """A field with fields of its own cannot stand for one without, nor the other way round."""
    sdl = query(
        "thing: Thing", "type Thing { id: ID!, label: Inside, inside: String } type Inside { x: Int }"
    )
    found = mended("{ thing { id label inside { kind } } }", sdl, result="thing", many=False)
    assert found.left_out == ("thing.label", "thing.inside")
