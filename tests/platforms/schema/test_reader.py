# SPDX-License-Identifier: Apache-2.0
"""Tests of reading and writing requests, with graphql-core as the judge."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLError, parse, print_ast

import airflow_rollback_provider
from airflow_rollback_provider.platforms.assumptions import FIELDS_MARK
from airflow_rollback_provider.platforms.schema.introspection import QUERY
from airflow_rollback_provider.platforms.schema.reader import NotGraphQL, read
from airflow_rollback_provider.platforms.schema.syntax import (
    Field,
    Inline,
    Literal,
    Spread,
    Type,
    asks_for,
    write,
)

FOLDER = Path(airflow_rollback_provider.__file__).parent / "platforms" / "documents"
OURS = sorted(FOLDER.glob("*/*.graphql"))
EVERYTHING = """\
# a comment with "quotes" and { braces
query Q($a: [Int!]! = [1, -2.5e3, 0], $b: X = {a: "x\\"}", c: [], n: null}) @d(x: 1) {
  first: second(c: {}, d: \"\"\" block "quoted" \\\"\"\" text \"\"\", e: RED, f: [], t: true)
  @skip(if: $a) @again {
    ... on T @x { y },
    ...F @include(if: true)
    ... @y { z }
    ... { query mutation on fragment: fragment }
  }
}
fragment F on T @z { q }
"""


@pytest.mark.parametrize(
    "text",
    [*(file.read_text("utf-8") for file in OURS), QUERY, EVERYTHING, "{a}", "mutation { a { b } }"],
    ids=[*(file.stem for file in OURS), "introspection", "everything", "short", "mutation"],
)
def test_what_is_read_and_written_is_the_same_request(text: str) -> None:
    """The library sees no difference between a request and what was read of it; neither does the reader."""
    written = write(read(text))
    assert print_ast(parse(written)) == print_ast(parse(text))
    assert read(written) == read(text)
    assert "\n" not in written.partition('"""')[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   # nothing",
        "{",
        "{a",
        "{a()}",
        "{a(}",
        "{a(b)}",
        "{a(b: )}",
        "{a(b: %)}",
        "{a(b: !)}",
        '{a(b:"x)}',
        "{a b:}",
        "{a(b: $)}",
        "{a(b: [1)}",
        "{a(b: {c 1})}",
        "query Q() {a}",
        "query Q($a) {a}",
        "query Q(a: Int) {a}",
        "query Q",
        "nonsense {a}",
        "01 {a}",
        "fragment F {a}",
        "{...}",
        "{a}}",
    ],
)
def test_what_is_no_request_is_refused(text: str) -> None:
    """The library refuses it too; the complaint is a sentence."""
    with pytest.raises(GraphQLError):
        parse(text)
    with pytest.raises(NotGraphQL, match=r"stands where|where one belongs|that no GraphQL has"):
        read(text)


@pytest.mark.parametrize("text", ["{}", "{a{}}"])
def test_an_empty_selection_is_refused(text: str) -> None:
    """Newer releases of the library let it pass; the specification does not."""
    with pytest.raises(NotGraphQL, match="stands where a name belongs"):
        read(text)


@pytest.mark.parametrize("text", ["query A {a} query B {b}", "fragment F on T {a}"])
def test_a_request_has_one_operation(text: str) -> None:
    """More than one or none is GraphQL, and nothing that could be asked."""
    parse(text)
    with pytest.raises(NotGraphQL, match="where one belongs"):
        read(text)


def test_a_complaint_names_the_line() -> None:
    """Where a sign is that cannot be read."""
    with pytest.raises(NotGraphQL, match=r"line 3 has .* '\?'"):
        read("{\n a\n ?\n}")


def test_the_parts_are_there() -> None:
    """Fields, arguments, types and fragments can be looked at."""
    document = read(EVERYTHING)
    (field,) = document.operation.selections
    assert isinstance(field, Field)
    assert (field.key, field.name) == ("first", "second")
    assert [type(item) for item in field.selections] == [Inline, Spread, Inline, Inline]
    variable = document.operation.variables[0]
    assert str(variable.type) == "[Int!]!"
    assert variable.type.named == "Int"
    assert variable.type.is_list
    assert not Type("Int").is_list
    words = {item.name: item.value for item in field.arguments}
    assert words["e"] == Literal("RED")
    assert isinstance(words["t"], Literal)


def test_the_mark_for_the_fields_of_a_deploy_is_a_spread() -> None:
    """It can be told from other fragments before the fields are written in."""
    (field,) = read(f"{{ a {{ {FIELDS_MARK} }} }}").operation.selections
    assert isinstance(field, Field)
    assert field.selections == (Spread("DeployFields"),)


@pytest.mark.parametrize(
    ("path", "asked"),
    [("a", True), ("a.c", True), ("a.b", False), ("d", False), ("a.c.e", False), ("a.f", False)],
)
def test_what_a_request_asks_for(path: str, asked: bool) -> None:
    """By the names in its answer, at the top and below; what a fragment holds is not looked for."""
    document = read("query { a { c: b ... on T { f } } }")
    assert asks_for(document, path) is asked
