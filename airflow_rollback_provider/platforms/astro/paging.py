# SPDX-License-Identifier: Apache-2.0
"""Pages of a history that is served by offset, while new deploys are added and old ones are deleted.

An offset alone would repeat rows after additions and skip rows after deletions. So a page's cursor contains
the ids of the page's last rows. The next window begins somewhat before the offset, so that one of these rows
is found again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import BadInput, PlatformFailed
from airflow_rollback_provider.http.messages import Flow
from airflow_rollback_provider.platforms.base import Page

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy

LARGEST_PAGE = 1000
"""Largest page of the platform, in rows."""

FIRST_PAGE = 100
"""Rows of the first page: more deploys than are usually added during a rollback."""

_OVERLAP = 20
_CURSOR_IDS = 10
_CURSOR = re.compile(r"(\d{1,12}):([\w-]{1,64}(?:,[\w-]{1,64})*)")


@dataclass(frozen=True)
class Window:
    """Consecutive rows of the history from one answer.

    :param start: number of rows before it.
    :param deploys: the rows, newest first.
    :param total: number of rows of the whole history.
    """

    start: int
    deploys: tuple[Deploy, ...]
    total: int

    @property
    def end(self) -> int:
        """Number of rows before its end."""
        return self.start + len(self.deploys)

    @property
    def is_last(self) -> bool:
        """Whether it is the end of the history."""
        return not self.deploys or self.end >= self.total

    def page(self, skip: int, size: int) -> Page:
        """Return a page of its rows.

        :param skip: number of its rows that an earlier page had.
        :param size: maximum number of rows of the page.
        """
        rows = self.deploys[skip : skip + size]
        end = self.start + skip + len(rows)
        if not self.deploys or end >= self.total:
            return Page(rows, None)
        last = self.deploys[: skip + len(rows)][-_CURSOR_IDS:]
        return Page(rows, f"{end}:{','.join(deploy.id for deploy in last)}")


Fetch = Callable[[int, int], Flow[Window]]


def read_page(fetch: Fetch, cursor: str | None, limit: int | None) -> Flow[Page]:
    """Read one page.

    :param fetch: returns the window for a start and a size.
    :param cursor: start of the page, from the page before; None begins with the latest deploy.
    :param limit: maximum number of rows; None takes 100 for the first page and 1,000 for others.
    :raises BadInput: when the cursor is not one of this platform.
    """
    if cursor is None:
        size = min(limit or FIRST_PAGE, LARGEST_PAGE)
        window = yield from fetch(0, size)
        return window.page(0, size)
    end, last = _read_cursor(cursor)
    size = min(limit or LARGEST_PAGE, LARGEST_PAGE)
    window, known = yield from _scan(fetch, max(0, end - _OVERLAP), min(size + _OVERLAP, LARGEST_PAGE), last)
    if not known:  # so many rows were deleted that the position is before the start of the search
        window, known = yield from _scan(fetch, 0, LARGEST_PAGE, last)
    if not known:
        raise PlatformFailed(
            "The deploy history changed so much while it was read that the next page cannot be found. Try "
            "again."
        )
    return window.page(known, size)


def _scan(fetch: Fetch, start: int, size: int, last: Sequence[str]) -> Flow[tuple[Window, int]]:
    """Search window after window for the last rows of the page before.

    :param last: ids of the rows.
    :return: a window, and the number of its rows that an earlier page had; 0 if none was found.
    """
    while True:
        window = yield from fetch(start, size)
        known = _count_known(window.deploys, last)
        if window.is_last or 0 < known < len(window.deploys):
            return window, known
        # The answer may have fewer rows than the requested size.
        start = max(start + 1, window.end - min(_OVERLAP, len(window.deploys) // 2))


def _read_cursor(cursor: str) -> tuple[int, Sequence[str]]:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise BadInput(f"{cursor[:80]!r} is not a cursor of this deploy history. Begin with the first page.")
    return int(match[1]), match[2].split(",")


def _count_known(deploys: Sequence[Deploy], last: Sequence[str]) -> int:
    """Count the rows up to the last one of an earlier page; 0 if none of its rows is there."""
    positions = [position for position, deploy in enumerate(deploys, start=1) if deploy.id in last]
    return max(positions, default=0)
