# SPDX-License-Identifier: Apache-2.0
"""The parameters of a request for a part of a history."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from airflow_rollback_provider.ui.problems import bad_request
from airflow_rollback_provider.ui.snapshot import (
    SECONDS_SHARED,
    SECONDS_SHARED_FOR_OLDER_DEPLOYS,
    SECONDS_SHARED_WHEN_TRACKING,
)

_LONGEST_CURSOR = 2000


@dataclass(frozen=True)
class Cursor:
    """The position after a page of a history. The browser gets it as text and sends it back.

    :param after: the platform's own cursor.
    :param rollback: id of the last rollback above this position whose superseded deploy is below it.
    """

    after: str
    rollback: str | None = None

    def __str__(self) -> str:
        text = json.dumps([self.after, self.rollback], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Parse the output of :meth:`__str__`.

        :raises Problem: if it is anything else.
        """
        match _decoded(text):
            case [str() as after, str() | None as rollback]:
                return cls(after, rollback)
            case _:
                raise bad_request("The parameter cursor is not one that this page was given.")


def _decoded(text: str) -> object:
    padded = text[:_LONGEST_CURSOR] + "=" * (-len(text) % 4)
    try:
        return json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class HistoryQuery:
    """A request for a part of a history.

    :param cursor: the position to continue from; None begins with the latest deploy.
    :param searching: whether the user searches for a deploy that may be far back.
    :param fresh: ``1`` if the page polls by itself, ``now`` if the user requested an update.
    """

    cursor: Cursor | None = None
    searching: bool = False
    fresh: str = ""

    @classmethod
    def read(cls, cursor: str = "", searching: str = "", fresh: str = "") -> HistoryQuery:
        """Parse the parameters of a request.

        :raises Problem: if one of them is invalid.
        """
        return cls(Cursor.read(cursor) if cursor else None, searching == "1", fresh)

    @property
    def max_age(self) -> float:
        """The greatest age of the cached latest deploys, in seconds."""
        if self.fresh == "now":  # another server process may already have shown newer deploys
            return 0.0
        if self.fresh:
            return SECONDS_SHARED_WHEN_TRACKING
        return SECONDS_SHARED if self.cursor is None else SECONDS_SHARED_FOR_OLDER_DEPLOYS
