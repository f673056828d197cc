# SPDX-License-Identifier: Apache-2.0
"""Where a watcher remembers how far it has read a history.

A trigger that watches for an asset has no task, no run and no XCom. What it and its successor in another
triggerer share is its arguments, so an Airflow Variable that is named after them keeps the bookmark.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Protocol

from airflow_rollback_provider.compat import aget_variable, aset_variable
from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.domain.landing import Bookmark

PREFIX = "rollback_watch_"
_DESCRIPTION = "How far a watcher has read a deploy history. Deleted, it begins with what lands next."


class Bookmarks(Protocol):
    """Keeps one bookmark."""

    async def recall(self) -> Bookmark | None:
        """Return what was kept, or None."""

    async def keep(self, bookmark: Bookmark) -> None:
        """Keep a bookmark, in the place of an earlier one."""


class VariableBookmarks:
    """Keeps a bookmark in an Airflow Variable. It holds ids and a time, and no secret.

    :param identity: what tells one watcher from another, in JSON-ready values.
    """

    def __init__(self, identity: dict[str, Any]) -> None:
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self.name = f"{PREFIX}{digest[:20]}"

    async def recall(self) -> Bookmark | None:
        """Return what was kept, or None.

        :raises BadInput: when the Variable holds something else.
        """
        text = await aget_variable(self.name)
        try:
            return Bookmark.from_text(text) if text is not None else None
        except ValueError as error:
            raise BadInput(
                f"The Airflow Variable {self.name}, in which it is kept how far the history was read, cannot "
                f"be read ({error}). Delete it, and the watcher begins anew: with what lands next, or after "
                "what its argument after names."
            ) from error

    async def keep(self, bookmark: Bookmark) -> None:
        """Keep a bookmark, in the place of an earlier one."""
        await aset_variable(self.name, bookmark.to_text(), _DESCRIPTION)
