# SPDX-License-Identifier: Apache-2.0
"""Tests of walking a history across pages."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.platforms.base import Page, walk
from tests.support.builders import deploy


def page(ids: list[str], cursor: str | None) -> Page:
    """Return a page with these deploys."""
    return Page(tuple(map(deploy, ids)), cursor)


class Platform:
    """Serves pages by cursor and counts them."""

    def __init__(self, pages: dict[str, Page]) -> None:
        self.pages = pages
        self.fetched: list[str] = []

    def fetch(self, cursor: str) -> Page:
        """Return the page at a cursor."""
        self.fetched.append(cursor)
        assert len(self.fetched) < 1000
        return self.pages[cursor]


def names(first: Page, platform: Platform) -> list[str]:
    """Walk through the whole history."""
    return [deploy.id for deploy in walk(first, platform.fetch)]


def test_a_page_is_fetched_when_it_is_needed() -> None:
    """The deploys of the first page take no request."""
    platform = Platform({"b": page(["c", "d"], None)})
    walking = walk(page(["a", "b"], "b"), platform.fetch)
    assert [deploy.id for deploy in islice(walking, 2)] == ["a", "b"]
    assert platform.fetched == []
    assert [deploy.id for deploy in walking] == ["c", "d"]
    assert platform.fetched == ["b"]


def test_a_deploy_on_two_pages_is_yielded_once() -> None:
    """New deploys move others onto the next page."""
    platform = Platform({"b": page(["b", "c"], "c"), "c": page(["b", "c", "d"], None)})
    assert names(page(["a", "b"], "b"), platform) == ["a", "b", "c", "d"]


def test_an_empty_page_does_not_end_the_walk() -> None:
    """All rows of a page may have been deleted while more follow."""
    platform = Platform({"b": page([], "x"), "x": page(["c"], None)})
    assert names(page(["a", "b"], "b"), platform) == ["a", "b", "c"]


@given(st.integers(1, 12), st.integers(0, 12))
def test_a_cycle_of_cursors_ends(length: int, tail: int) -> None:
    """The walk ends for a cycle of any length and start."""
    total = tail + length
    pages = {
        f"c{number}": page([f"d{number}"], f"c{number + 1 if number + 1 < total else tail}")
        for number in range(total)
    }
    platform = Platform(pages)
    assert names(pages["c0"], platform)[:total] == [f"d{number}" for number in range(total)]
    assert len(platform.fetched) <= 6 * total + 6
