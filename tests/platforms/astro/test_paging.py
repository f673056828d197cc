# SPDX-License-Identifier: Apache-2.0
"""Tests of reading a history by offset while it changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.deploys import Deploy, DeployStatus
from airflow_rollback_provider.domain.errors import BadInput, PlatformFailed
from airflow_rollback_provider.platforms.astro.paging import FIRST_PAGE, LARGEST_PAGE, Window, read_page
from airflow_rollback_provider.platforms.base import Page, walk
from tests.support.builders import NOW


class Platform:
    """Serves a history by offset and records the requests.

    :param rows: number of deploys at first.
    :param most: maximum number of rows of an answer.
    :param meanwhile: called before each answer but the first.
    """

    def __init__(
        self, rows: int, most: int = LARGEST_PAGE, meanwhile: Callable[[Platform], None] = lambda _: None
    ) -> None:
        self.ids = [f"old-{number}" for number in range(rows)]
        self.most, self.meanwhile = most, meanwhile
        self.requests: list[tuple[int, int]] = []
        self.landed = 0

    def land(self, number: int) -> None:
        """Add deploys at the top."""
        for _ in range(number):
            self.landed += 1
            self.ids.insert(0, f"new-{self.landed}")

    def page(self, cursor: str | None = None, limit: int | None = None) -> Page:
        """Return a page as the flow reads it."""
        flow = read_page(self.fetch, cursor, limit)  # asks no request
        try:
            next(flow)
        except StopIteration as end:
            page: Page = end.value
            return page
        raise AssertionError("a request was sent")

    def fetch(self, start: int, size: int):  # type: ignore[no-untyped-def]
        """Return consecutive rows of the history."""
        if self.requests:
            self.meanwhile(self)
        assert size <= LARGEST_PAGE
        self.requests.append((start, size))
        assert len(self.requests) < 5000
        served = self.ids[start : start + min(size, self.most)]
        deploys = tuple(
            Deploy(name, "c1", NOW - timedelta(seconds=start + place), DeployStatus.SUCCEEDED)
            for place, name in enumerate(served)
        )
        return Window(start, deploys, len(self.ids))
        yield

    def read_all(self, limit: int | None = None) -> list[str]:
        """Read the whole history."""
        first = self.page(limit=limit)
        return [deploy.id for deploy in walk(first, lambda cursor: self.page(cursor, limit))]


def test_the_first_page_is_small_and_the_next_are_large() -> None:
    """Ten thousand deploys take eleven requests."""
    platform = Platform(10_000)
    assert platform.read_all() == platform.ids
    assert platform.requests[0] == (0, FIRST_PAGE)
    assert {size for _, size in platform.requests[1:]} == {LARGEST_PAGE}
    assert len(platform.requests) == 12


@pytest.mark.parametrize("rows", [0, 1, 99, 100, 101, 1080, 1081])
def test_the_end_is_known_without_another_request(rows: int) -> None:
    """The answer has the total number of rows."""
    platform = Platform(rows)
    assert platform.read_all() == platform.ids
    assert len(platform.requests) == 1 + (rows > 100) + (rows > 1080)


@pytest.mark.parametrize("limit", [1, 7, 5000, None])
def test_requests_do_not_exceed_the_largest_page(limit: int | None) -> None:
    """A page does not exceed its limit."""
    platform = Platform(3000)
    page = platform.page(limit=limit)
    assert len(page.deploys) == min(limit or FIRST_PAGE, LARGEST_PAGE)
    second = platform.page(page.next_cursor, limit)
    assert len(second.deploys) <= (limit or LARGEST_PAGE)
    assert second.deploys[0].id == platform.ids[len(page.deploys)]


@given(
    st.integers(0, 150),
    st.integers(1, 40),
    st.lists(st.integers(0, 60), max_size=12),
    st.sampled_from([3, 20, 1000]),
)
def test_deploys_that_land_leave_no_gap_and_repeat_nothing(
    rows: int, limit: int, landing: list[int], most: int
) -> None:
    """This holds for any number of new deploys between two pages, and for small answers."""
    left = list(landing)
    platform = Platform(rows, most, lambda platform: platform.land(left.pop() if left else 0))
    there = list(platform.ids)
    assert platform.read_all(limit) == there


@given(
    st.integers(1, 120), st.integers(1, 30), st.lists(st.sets(st.integers(0, 119), max_size=9), max_size=8)
)
def test_deleted_deploys_cause_no_gap(rows: int, limit: int, vanishing: list[set[int]]) -> None:
    """Every remaining deploy is read once, in its order."""
    left = list(vanishing)
    gone: set[str] = set()

    def vanish(platform: Platform) -> None:
        names = {f"old-{number}" for number in (left.pop() if left else ())}
        if len(platform.ids) > 30:
            gone.update(names)
            platform.ids = [name for name in platform.ids if name not in names]

    platform = Platform(rows, meanwhile=vanish)
    there = list(platform.ids)
    try:
        read = platform.read_all(limit)
    except PlatformFailed:
        assert len(gone) >= min(limit, 10)  # all that marked the place
        return
    assert [name for name in read if name not in gone] == [name for name in there if name not in gone]
    assert len(set(read)) == len(read)


def test_a_page_that_lost_most_of_its_end_is_read_on() -> None:
    """One of its last ten rows is enough to find the position."""
    platform = Platform(100)
    page = platform.page(limit=20)
    platform.ids = platform.ids[:11] + platform.ids[25:]
    platform.land(60)
    second = platform.page(page.next_cursor, 20)
    assert second.deploys[0].id == "old-25"


def test_a_lost_position_is_an_error() -> None:
    """If all rows of the cursor were deleted, the next page is not guessed."""
    platform = Platform(100)
    page = platform.page(limit=5)
    platform.ids = platform.ids[5:]
    with pytest.raises(PlatformFailed, match="next page cannot be found"):
        platform.page(page.next_cursor, 5)
    platform.ids = []
    with pytest.raises(PlatformFailed, match="next page cannot be found"):
        platform.page(page.next_cursor, 5)


@pytest.mark.parametrize("cursor", ["", "5", "x:y", "-1:a", "5:", "5:a b", "5:a,", "c" * 500])
def test_an_invalid_cursor_is_an_error(cursor: str) -> None:
    """No request is sent."""
    platform = Platform(5)
    with pytest.raises(BadInput, match="Begin with the first page"):
        platform.page(cursor)
    assert platform.requests == []
