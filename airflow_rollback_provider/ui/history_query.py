# SPDX-License-Identifier: Apache-2.0
"""Which part of a history a request asks for."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from airflow_rollback_provider.ui.problems import bad_request
from airflow_rollback_provider.ui.snapshot import (
    SECONDS_SHARED,
    SECONDS_SHARED_FOR_OLDER_DEPLOYS,
    SECONDS_SHARED_WHEN_FOLLOWING,
)

_LONGEST_CURSOR = 2000


@dataclass(frozen=True)
class Cursor:
    """Where a history goes on; as a text, the browser hands it back.

    :param after: the platform's own cursor.
    :param rollback: the rollback that was passed last, whose predecessor is still to come.
    """

    after: str
    rollback: str | None = None

    def __str__(self) -> str:
        text = json.dumps([self.after, self.rollback], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Read what :meth:`__str__` wrote.

        :raises Problem: when it is something else.
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
    """Which part of a history is wanted.

    :param cursor: where to go on; None begins with the latest deploy.
    :param searching: whether somebody looks for a deploy that may be far back.
    :param fresh: ``1`` where the page looks for news by itself, ``now`` where a person asked for them.
    """

    cursor: Cursor | None = None
    searching: bool = False
    fresh: str = ""

    @classmethod
    def read(cls, cursor: str = "", searching: str = "", fresh: str = "") -> HistoryQuery:
        """Read the parameters of a request.

        :raises Problem: when one of them makes no sense.
        """
        return cls(Cursor.read(cursor) if cursor else None, searching == "1", fresh)

    @property
    def max_age(self) -> float:
        """How old the latest deploys may be, in seconds."""
        if self.fresh == "now":  # another server process may have told that there is something newer
            return 0.0
        if self.fresh:
            return SECONDS_SHARED_WHEN_FOLLOWING
        return SECONDS_SHARED if self.cursor is None else SECONDS_SHARED_FOR_OLDER_DEPLOYS
