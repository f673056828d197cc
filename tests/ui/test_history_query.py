# SPDX-License-Identifier: Apache-2.0
"""What a request for a history may say."""

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
def test_a_cursor_comes_back_as_it_was(after: str, rollback: str | None) -> None:
    """It survives a URL without being quoted."""
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
    """A cursor that this page did not give is no request to the platform."""
    with pytest.raises(Problem) as caught:
        HistoryQuery.read(cursor=text)
    assert (caught.value.status, caught.value.code) == (400, "BAD-REQUEST")


def test_how_old_an_answer_may_be() -> None:
    """Who asks for news gets them at once, who waits for them soon, who reads on does not care."""
    asked, waits = HistoryQuery.read(fresh="now"), HistoryQuery.read(fresh="1")
    ages = [asked, waits, HistoryQuery.read(), HistoryQuery.read(cursor=str(Cursor("a")))]
    seconds = [query.max_age for query in ages]
    assert seconds == sorted(set(seconds))
    assert (seconds[0], seconds[1] >= 1) == (0, True)
