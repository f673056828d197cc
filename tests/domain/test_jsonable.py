# SPDX-License-Identifier: Apache-2.0
"""Dataclasses to JSON and back, strictly."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

import pytest

from airflow_rollback_provider.domain.jsonable import JsonDataclass, decode, encode


class Colour(str, Enum):
    """Some enum."""

    RED = "red"


@dataclass(frozen=True)
class Inner:
    """Some dataclass inside another."""

    name: str
    flag: bool = False


@dataclass(frozen=True)
class Outer(JsonDataclass):
    """One field of each kind."""

    text: str
    number: int
    colour: Colour
    share: float
    at: datetime
    lasts: timedelta
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
    0.25,
    datetime(2026, 1, 2, 3, 4, 5, 6, ZONE),
    timedelta(minutes=1.5),
    Inner("a"),
    (Inner("b", True), Inner("c")),
    ("x",),
)


def test_round_trip() -> None:
    """Through JSON text, with zones and microseconds."""
    for value in (
        VALUE,
        Outer(**{**vars(VALUE), "maybe": Colour.RED, "flag": True, "many": (), "words": ()}),
    ):
        assert decode(Outer, json.loads(json.dumps(encode(value)))) == value
        assert Outer.from_dict(value.to_dict()) == value
    assert encode(VALUE)["lasts"] == 90.0
    assert encode(VALUE)["at"] == "2026-01-02T03:04:05.000006-05:00"
    assert encode(VALUE)["colour"] == "red"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("text", None, "text is of type NoneType instead of str"),
        ("number", True, "number is of type bool instead of int"),
        ("number", "7", "number is of type str instead of int"),
        ("share", True, "share is of type bool instead of float"),
        ("lasts", "90", "lasts is of type str instead of float"),
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
def test_error_names_the_field(name: str, value: Any, said: str) -> None:
    """The error names the field, the type found and the type expected."""
    with pytest.raises(ValueError, match=said):
        decode(Outer, {**encode(VALUE), name: value})
