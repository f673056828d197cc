# SPDX-License-Identifier: Apache-2.0
"""Remembers bookmarks without Airflow's Variables; the tests in ``tests/airflow`` use those."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from airflow_rollback_provider.domain.landing import Bookmark


@dataclass
class Shelf:
    """What outlives a triggerer."""

    texts: dict[str, str] = field(default_factory=dict)
    down: bool = False

    def place(self, identity: dict[str, Any]) -> Place:
        """Return where the bookmark of one watcher is kept."""
        return Place(self, json.dumps(identity, sort_keys=True))


@dataclass
class Place:
    """One bookmark's place, as text like in Airflow's database."""

    shelf: Shelf
    name: str

    async def recall(self) -> Bookmark | None:
        """Return what was kept, or None."""
        self._require_up()
        text = self.shelf.texts.get(self.name)
        return None if text is None else Bookmark.from_dict(json.loads(text))

    async def keep(self, bookmark: Bookmark) -> None:
        """Keep a bookmark."""
        self._require_up()
        self.shelf.texts[self.name] = json.dumps(bookmark.to_dict())

    def _require_up(self) -> None:
        if self.shelf.down:
            raise ConnectionError("Airflow's database is away.")
