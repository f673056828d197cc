# SPDX-License-Identifier: Apache-2.0
"""Reading on in a history that is served by offset, while deploys land at its top and old ones vanish.

An offset alone would repeat rows when deploys land and pass over rows when some vanish. So a page's cursor
names the last rows of the page, and the next window begins a little before the place where it should, so that
one of them is found again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import BadInput, MalformedAnswer, PlatformFailed
from airflow_rollback_provider.http.messages import Flow
from airflow_rollback_provider.platforms.base import Page

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy

LARGEST_PAGE = 1000
"""Rows that the platform serves at most."""

FIRST_PAGE = 100
"""Rows of a first look: more than rarely land while a rollback goes on, and far from the largest page."""

_OVERLAP = 20
_REMEMBERED = 10
_CURSOR = re.compile(r"(\d{1,12}):([\w-]{1,64}(?:,[\w-]{1,64})*)")


@dataclass(frozen=True)
class Window:
    """A stretch of the history as it was served.

    :param start: how many rows lie before it.
    :param deploys: the rows, newest first.
    :param total: how many rows there are at all.
    """

    start: int
    deploys: tuple[Deploy, ...]
    total: int

    @property
    def end(self) -> int:
        """How many rows lie before its end."""
        return self.start + len(self.deploys)

    @property
    def is_last(self) -> bool:
        """Whether the history ends with it."""
        return not self.deploys or self.end >= self.total

    def require_latest_first(self) -> None:
        """Do nothing if the latest rows come first.

        :raises MalformedAnswer: otherwise: everything here takes the first row for the latest deploy.
        """
        if self.deploys and self.deploys[0].created_at < self.deploys[-1].created_at:
            raise MalformedAnswer(
                "The platform lists the deploy history with the oldest deploy first, and this version of the "
                "package relies on the latest being first. Nothing was done. Look for a newer version of "
                "this package."
            )

    def page(self, skip: int, size: int) -> Page:
        """Return a page of it.

        :param skip: how many of its rows an earlier page had.
        :param size: how many rows the page has at most.
        """
        rows = self.deploys[skip : skip + size]
        end = self.start + skip + len(rows)
        if not self.deploys or end >= self.total:
            return Page(rows, None)
        last = self.deploys[: skip + len(rows)][-_REMEMBERED:]
        return Page(rows, f"{end}:{','.join(deploy.id for deploy in last)}")


Fetch = Callable[[int, int], Flow[Window]]


def read_page(fetch: Fetch, cursor: str | None, limit: int | None) -> Flow[Page]:
    """Read one page.

    :param fetch: serves so many rows behind so many.
    :param cursor: where the page begins, from the page before; None begins with the latest deploy.
    :param limit: how many rows it has at most.
    :raises BadInput: when the cursor is none of this platform's.
    """
    if cursor is None:
        size = min(limit or FIRST_PAGE, LARGEST_PAGE)
        window = yield from fetch(0, size)
        return window.page(0, size)
    end, last = _read_cursor(cursor)
    size = min(limit or LARGEST_PAGE, LARGEST_PAGE)
    window, known = yield from _scan(fetch, max(0, end - _OVERLAP), min(size + _OVERLAP, LARGEST_PAGE), last)
    if not known:  # so many rows have vanished that the place is above where the search began
        window, known = yield from _scan(fetch, 0, LARGEST_PAGE, last)
    if not known:
        raise PlatformFailed(
            "The deploy history changed so much while it was read that the place where reading had come to "
            "is gone. Try again."
        )
    return window.page(known, size)


def _scan(fetch: Fetch, start: int, size: int, last: Sequence[str]) -> Flow[tuple[Window, int]]:
    """Look for the rows that mark the place, and what follows them, from one window to the next.

    :param last: ids of the rows.
    :return: a window, and how many of its rows an earlier page had; 0 where the place was not found.
    """
    while True:
        window = yield from fetch(start, size)
        known = _count_known(window.deploys, last)
        if window.is_last or 0 < known < len(window.deploys):
            return window, known
        # Fewer rows may have been served than were asked for.
        start = max(start + 1, window.end - min(_OVERLAP, len(window.deploys) // 2))


def _read_cursor(cursor: str) -> tuple[int, Sequence[str]]:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise BadInput(f"{cursor[:80]!r} is not where a page of this deploy history ended. Begin anew.")
    return int(match[1]), match[2].split(",")


def _count_known(deploys: Sequence[Deploy], last: Sequence[str]) -> int:
    """Count the rows up to the last one that an earlier page ended with; 0 where there is none of them."""
    places = [place for place, deploy in enumerate(deploys, start=1) if deploy.id in last]
    return max(places, default=0)
