# SPDX-License-Identifier: Apache-2.0
"""A deploy history across pages, while deploys land and old ones vanish."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.platforms.base import Page

_REMEMBERED = 500


def walk(page: Page, fetch: Callable[[str], Page]) -> Iterator[Deploy]:
    """Yield the deploys of a page and of all that follow, each once, asking for a page when it is needed.

    Memory does not grow with the history: a deploy can only repeat near where it was, and a platform that
    leads in a circle is found by comparing cursors with one that was kept (Brent's method).

    :param page: the first page.
    :param fetch: returns the page that begins at a cursor.
    """
    recent: deque[str] = deque(maxlen=_REMEMBERED)
    kept, steps, limit = None, 0, 1
    while True:
        known = set(recent)
        for deploy in page.deploys:
            if deploy.id not in known:
                known.add(deploy.id)
                recent.append(deploy.id)
                yield deploy
        cursor = page.next_cursor
        if cursor is None or cursor == kept:
            return
        steps += 1
        if steps == limit:
            kept, steps, limit = cursor, 0, limit * 2
        page = fetch(cursor)
