# SPDX-License-Identifier: Apache-2.0
"""Tests of reading the fields of an answer's object."""

from __future__ import annotations

import pytest

from airflow_rollback_provider.domain.errors import MalformedAnswer
from airflow_rollback_provider.platforms.rows import Row
from tests.support.builders import NOW


@pytest.mark.parametrize(
    "text", ["2026-11-23T12:00:00.000Z", "2026-11-23T14:00:00+02:00", "2026-11-23T12:00:00"]
)
def test_times_are_read(text: str) -> None:
    """Without a zone it is UTC; domain/test_arguments.py has every form."""
    assert Row("deploys", {"at": text}).needed_time("at") == NOW


@pytest.mark.parametrize("values", [None, [], "x", 1])
def test_a_value_that_is_not_an_object_is_an_error(values: object) -> None:
    """The error names the operation."""
    with pytest.raises(MalformedAnswer, match="'deploys' contains"):
        Row("deploys", values)


def test_fields_are_read_or_raise_an_error() -> None:
    """Missing, null and empty are None; another type is an error that names the field."""
    row = Row("deploys", {"a": "x", "empty": "", "null": None, "deep": {"er": "y"}, "list": [], "number": 3})
    assert [row.text(name) for name in ("a", "empty", "null", "none", "deep.er", "a.er", "number", None)] == [
        "x", None, None, None, "y", None, "3", None,
    ]  # fmt: skip
    with pytest.raises(MalformedAnswer, match="lacks the field 'empty'"):
        row.needed("empty")
    with pytest.raises(MalformedAnswer, match="has list instead of a text in the field 'list'"):
        row.text("list")
    with pytest.raises(MalformedAnswer, match="no ISO 8601 time in the field 'a'"):
        row.needed_time("a")
