# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.sandbox.factories import base_content
from airflow_rollback_provider.sandbox.model import Author, Deploy, History

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)


def deploy(number: int, minutes: int) -> Deploy:
    content = base_content("3.1-12", "image", "registry")
    moment = NOON + timedelta(minutes=minutes)
    return Deploy(f"id{number}", "d", "IMAGE_ONLY", content, moment, moment, Author("a", "a", "A"))


@given(st.lists(st.integers(0, 50), max_size=20))
def test_a_history_is_in_the_order_of_time_however_rows_come(minutes: list[int]) -> None:
    """Rows come out newest first, and a cursor goes on exactly behind its row."""
    history = History(list)
    for number, minute in enumerate(minutes):
        history.add(deploy(number, minute))
    rows = list(history.latest_first())
    assert [row.created_at for row in rows] == sorted((row.created_at for row in rows), reverse=True)
    for position, row in enumerate(rows):
        assert history.get(row.id) is row
        assert list(history.latest_first(row.id)) == rows[position + 1 :]
