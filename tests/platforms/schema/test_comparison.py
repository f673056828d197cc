# SPDX-License-Identifier: Apache-2.0
"""Tests of comparing requests with a schema, with graphql-core as the judge."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    InputValueDefinitionNode,
    Node,
    build_ast_schema,
    build_schema,
    graphql_sync,
    parse,
    print_ast,
    validate,
    visit,
)
from graphql.language import (
    FieldNode,
    ListTypeNode,
    NamedTypeNode,
    NameNode,
    NonNullTypeNode,
    VariableNode,
    Visitor,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import airflow_rollback_provider
from airflow_rollback_provider.platforms.assumptions import Assumptions
from airflow_rollback_provider.platforms.schema.comparison import differences
from airflow_rollback_provider.platforms.schema.introspection import QUERY, NoSchema, Schema, read_schema
from airflow_rollback_provider.platforms.schema.reader import read

SDL = (Path(airflow_rollback_provider.__file__).parent / "sandbox" / "schema.graphql").read_text("utf-8")
OPERATIONS = (
    "survey_context",
    "deployment",
    "deployment_before_1_0",
    "workspace_deployments",
    "logs",
    "check",
    "survey_history",
    "deploys",
    "deploy",
    "roll_back",
)
DOCUMENTS = [text for name in OPERATIONS for text in Assumptions().operation(name).documents]
SMALL = build_schema("""
type Query {
  thing(
    id: ID!, size: Int = 3, kind: Color, filter: Filter, many: [Int!], free: Own, ok: Boolean, f: Float
  ): Thing
  same: Same
  both: Both
  words(text: String): [Color!]
}
interface Same { id: ID }
type Thing implements Same { id: ID, inside: Thing }
type Other implements Same { id: ID, else: Int }
union Both = Thing | Other
enum Color { RED GREEN }
input Filter { name: String!, deep: Filter, since: Int! = 3 }
scalar Own
""")


def told(schema: GraphQLSchema) -> Schema:
    """Return a schema as a server tells it."""
    return read_schema(graphql_sync(schema, QUERY).data)


@cache
def small() -> Schema:
    """The small schema."""
    return told(SMALL)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_comes_with_the_package_fits_the_embedded_platform(document: str) -> None:
    """Each document of each operation."""
    assert differences(read(document), told(build_schema(SDL))) == ()


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ('{ thing(id: "1") { id } }', None),
        ("{ thing(id: 1) { __typename } __typename }", None),
        ('query Q($i: ID!) { thing(id: $i, size: 4, kind: RED, filter: {name: "a"}) { id } }', None),
        ("{ nothing }", "Query has no field nothing"),
        ("{ thing(id: 1) { inside { nothing } } }", "Thing has no field nothing"),
        ("{ thing(id: 1, wrong: 2) { id } }", "Query.thing has no argument wrong"),
        ("{ thing { id } }", "Query.thing needs the argument id: ID!"),
        ("{ thing(id: null) { id } }", "Query.thing(id) takes ID!, and null is given"),
        ("{ thing(id: 1) }", "Query.thing is a Thing: which of its fields are asked for is missing"),
        ("{ words { id } }", "Query.words is a Color without fields of its own"),
        ('{ thing(id: 1, size: "x") { id } }', "Query.thing(size) takes Int, and something else is given"),
        ("{ thing(id: 1, kind: BLUE) { id } }", "Query.thing(kind) takes Color, and something else is given"),
        ('{ thing(id: 1, kind: "RED") { id } }', "Query.thing(kind) takes Color, and something else"),
        ("{ thing(id: 1, filter: {nme: 1}) { id } }", "Filter has no field nme"),
        ("{ thing(id: 1, filter: {}) { id } }", "Filter needs the field name: String!"),
        ("{ thing(id: 1, filter: 3) { id } }", "Query.thing(filter) takes Filter, and something else"),
        ('{ thing(id: 1, filter: {name: "a", deep: {name: "b", since: 1}}) { id } }', None),
        ("{ thing(id: 1, many: [1, 2]) { id } }", None),
        ("{ thing(id: 1, many: 1) { id } }", None),
        ("{ thing(id: 1, many: [null]) { id } }", "Query.thing(many) takes Int!, and null is given"),
        ("{ thing(id: 1, free: {any: [1]}) { id } }", None),
        ("{ thing(id: 1, ok: true, f: 1.5) { id } }", None),
        ("{ thing(id: 1, ok: 1) { id } }", "Query.thing(ok) takes Boolean, and something else is given"),
        ("{ words(text: 3) }", "Query.words(text) takes String, and something else is given"),
        ("query Q($a: Int) { thing(id: $a) { id } }", "Query.thing(id) takes ID!, and $a is Int"),
        ("query Q($a: ID) { thing(id: $a) { id } }", "Query.thing(id) takes ID!, and $a is ID"),
        ("query Q($a: ID = 3) { thing(id: $a) { id } }", None),
        ("query Q($a: Int) { thing(id: 1, many: [$a]) { id } }", "takes Int!, and $a is Int"),
        ("query Q($a: [Int!]!) { thing(id: 1, many: $a) { id } }", None),
        ('query Q($a: Int) { thing(id: 1, filter: {name: "a", since: $a}) { id } }', None),
        ("query Q($a: Nothing) { thing(id: $a) { id } }", "there is no type Nothing, which $a has"),
        ("query Q($a: Thing) { thing(id: $a) { id } }", "$a cannot be of the type Thing"),
        ("query Q($a: ID) { words }", "$a is declared and not used"),
        ("{ thing(id: $a) { id } }", "$a is used and not declared"),
        ("query Q($a: Boolean!) { words @skip(if: $a) }", None),
        ("query Q($a: Boolean!) { nothing @skip(if: $a) }", "Query has no field nothing"),
        ("query Q($a: ID!) { no { x(y: {z: [$a]}) } }", "Query has no field no"),
        ("query Q($a: ID!) { words { x(y: $a) ... on Thing { id } } }", "Query.words is a Color without"),
        ("{ same { id ... on Other { else } ...F } } fragment F on Same { id }", None),
        ("{ same { ... { id } } }", None),
        ("{ both { __typename ... on Thing { id } } }", None),
        ("{ both { id } }", "Both has no field id"),
        ("{ same { ... on Nothing { id } } }", "there is no type Nothing"),
        ("{ same { ... on Query { words } } }", "Same is never Query"),
        ("{ same { ...F } } fragment F on Query { words }", "Same is never Query"),
        ("{ same { ...F } }", "there is no fragment F"),
        ("{ words } fragment F on Thing { id }", "the fragment F is not used"),
        ("{ same { ...F } } fragment F on Nothing { id }", "there is no type Nothing, which the fragment F"),
        ("{ same { ...F } } fragment F on Same { nothing }", "Same has no field nothing"),
        ("mutation { change }", "the schema has no mutation"),
    ],
)
def test_each_rule(document: str, found: str | None) -> None:
    """What breaks it is told in words, and the library agrees that something is wrong."""
    told_here = differences(read(document), small())
    assert bool(told_here) is bool(validate(SMALL, parse(document)))
    assert (found is None and not told_here) or any((found or "?") in text for text in told_here), told_here


class _Change(Visitor):
    """Changes one place of a schema or request: the number tells which, among all that can be changed so."""

    def __init__(self, kind: str, number: int) -> None:
        super().__init__()
        self.kind, self.left = kind, number

    def _is_due(self, kind: str) -> bool:
        if kind != self.kind:
            return False
        self.left -= 1
        return self.left == -1

    def _renamed(self, node: Node) -> Node:
        name = NameNode(value=f"{node.name.value}Other")  # type: ignore[attr-defined]
        return type(node)(**{key: getattr(node, key) for key in node.keys if key != "name"}, name=name)

    def enter_field_definition(self, node: FieldDefinitionNode, *_: object) -> Node | None:
        return self._renamed(node) if self._is_due("field") else None

    def enter_input_value_definition(self, node: InputValueDefinitionNode, *_: object) -> object:
        if self._is_due("input gone"):
            return self.REMOVE
        return self._renamed(node) if self._is_due("input") else None

    def enter_named_type(self, node: NamedTypeNode, _: object, parent: object, *__: object) -> Node | None:
        if not isinstance(parent, NonNullTypeNode) and self._is_due("required"):
            return NonNullTypeNode(type=node)
        if self._is_due("list"):
            return ListTypeNode(type=node)
        return NamedTypeNode(name=NameNode(value="String")) if self._is_due("type") else None

    def enter_non_null_type(self, node: NonNullTypeNode, *_: object) -> Node | None:
        return node.type if self._is_due("optional") else None

    def enter_enum_value_definition(self, node: Node, *_: object) -> Node | None:
        return self._renamed(node) if self._is_due("word") else None

    def enter_field(self, node: FieldNode, *_: object) -> Node | None:
        return self._renamed(node) if self._is_due("asked") else None

    def enter_argument(self, node: ArgumentNode, *_: object) -> object:
        return self.REMOVE if self._is_due("argument gone") else None

    def enter_variable(self, node: VariableNode, *_: object) -> Node | None:
        return self._renamed(node) if self._is_due("variable") else None


_KINDS = ("field", "input", "input gone", "required", "list", "type", "optional", "word")
_ASKED = ("asked", "argument gone", "variable", "required", "list", "type", "optional")


@cache
def _schema_document() -> DocumentNode:
    return parse(SDL)


def changed(document: DocumentNode, changes: list[tuple[str, int]]) -> DocumentNode:
    """Return a document with some of its places changed."""
    for kind, number in changes:
        document = visit(document, _Change(kind, number))
    return document


@settings(max_examples=60)
@given(
    document=st.sampled_from(DOCUMENTS),
    in_schema=st.lists(st.tuples(st.sampled_from(_KINDS), st.integers(0, 60)), max_size=3),
    in_request=st.lists(st.tuples(st.sampled_from(_ASKED), st.integers(0, 12)), max_size=2),
)
def test_the_verdict_is_the_librarys(
    document: str, in_schema: list[tuple[str, int]], in_request: list[tuple[str, int]]
) -> None:
    """However schema and request are changed, both find a difference or both find none."""
    try:
        schema = build_ast_schema(changed(_schema_document(), in_schema))
    except (TypeError, GraphQLError):
        assume(False)
        return
    request = changed(parse(document), in_request)
    try:
        text = print_ast(request)
        request = parse(text)
    except GraphQLError:  # a list of a list that is required twice, and the like
        assume(False)
        return
    try:
        known = told(schema)
    except NoSchema:  # a list of lists of lists: deeper than what is asked for when a schema is read
        assume(False)
        return
    ours = differences(read(text), known)
    theirs = validate(schema, request)
    assert bool(ours) is bool(theirs), (text, ours, theirs)
