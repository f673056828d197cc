# SPDX-License-Identifier: Apache-2.0
"""Dataclasses to JSON and back, strictly."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

import pytest

from airflow_rollback_provider.domain.jsonable import decode, encode


class Colour(str, Enum):
    """Some enum."""

    RED = "red"


@dataclass(frozen=True)
class Inner:
    """Some dataclass inside another."""

    name: str
    flag: bool = False


@dataclass(frozen=True)
class Outer:
    """One field of each kind."""

    text: str
    number: int
    colour: Colour
    at: datetime
    inner: Inner
    many: tuple[Inner, ...]
    words: tuple[str, ...]
    maybe: Colour | None = None
    flag: bool | None = None
    extra: str = field(default_factory=str)


ZONE = timezone(timedelta(hours=-5))
VALUE = Outer(
    "ü",
    7,
    Colour.RED,
    datetime(2026, 1, 2, 3, 4, 5, 6, ZONE),
    Inner("a"),
    (Inner("b", True), Inner("c")),
    ("x",),
)


def test_what_was_written_is_read() -> None:
    """Through JSON text, with zones and microseconds."""
    for value in (
        VALUE,
        Outer(**{**vars(VALUE), "maybe": Colour.RED, "flag": True, "many": (), "words": ()}),
    ):
        assert decode(Outer, json.loads(json.dumps(encode(value)))) == value
    assert encode(VALUE)["at"] == "2026-01-02T03:04:05.000006-05:00"
    assert encode(VALUE)["colour"] == "red"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("text", None, "text is of type NoneType instead of str"),
        ("number", True, "number is of type bool instead of int"),
        ("number", "7", "number is of type str instead of int"),
        ("flag", 1, "flag is of type int instead of bool"),
        ("colour", "blue", "blue"),
        ("colour", 7, "colour is of type int instead of str"),
        ("at", "2026-01-02T03:04:05", "at is a time without a zone"),
        ("at", "soon", "soon"),
        ("inner", [], "Inner is of type list instead of dict"),
        ("inner", {}, r"Inner lacks \['name'\]"),
        ("inner", {"name": "a", "x": 1}, r"Inner lacks nothing and has unknown \['x'\]"),
        ("many", "abc", "many is of type str instead of list"),
        ("many", [{"name": 7}], "name is of type int instead of str"),
        ("words", ["a", 7], "words is of type int instead of str"),
    ],
)
def test_what_does_not_fit_is_named(name: str, value: Any, said: str) -> None:
    """The field, what was found and what was expected."""
    with pytest.raises(ValueError, match=said):
        decode(Outer, {**encode(VALUE), name: value})
