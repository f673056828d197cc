# SPDX-License-Identifier: Apache-2.0
"""The parameters of a request for a history."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_rollback_provider.ui.history_query import Cursor, HistoryQuery
from airflow_rollback_provider.ui.problems import Problem

_IDS = st.text(max_size=40)


@given(_IDS, st.none() | _IDS)
@example("\U00010000" * 40, "\U00010000" * 40)
def test_a_cursor_can_be_parsed_again(after: str, rollback: str | None) -> None:
    """Its text needs no quoting in a URL."""
    cursor = Cursor(after, rollback)
    text = str(cursor)
    assert Cursor.read(text) == cursor
    assert text.replace("-", "").replace("_", "").isalnum()


def _text(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "text",
    ["x", "%%%", "ä", _text("a"), _text(["a"]), _text([1, None]), _text(["a", 1]), _text(["a" * 3000, None])],
)
def test_another_cursor_is_refused(text: str) -> None:
    """A cursor of another source causes no request to the platform."""
    with pytest.raises(Problem) as caught:
        HistoryQuery.read(cursor=text)
    assert (caught.value.status, caught.value.code) == (400, "BAD-REQUEST")


def test_the_greatest_age() -> None:
    """It is zero for an update by hand, short for polling, and longest for older pages."""
    update, polling = HistoryQuery.read(fresh="now"), HistoryQuery.read(fresh="1")
    ages = [update, polling, HistoryQuery.read(), HistoryQuery.read(cursor=str(Cursor("a")))]
    seconds = [query.max_age for query in ages]
    assert seconds == sorted(set(seconds))
    assert (seconds[0], seconds[1] >= 1) == (0, True)
