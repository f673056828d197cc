# SPDX-License-Identifier: Apache-2.0
"""The sandbox's clock: real time, which a test can move or stop.

Everything that changes on the embedded platform is a function of this clock, so a test that needs a
rollback to end advances the clock and does not wait.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def utc_now() -> datetime:
    """Return the machine's time as an aware UTC value."""
    return datetime.now(timezone.utc)


def iso(moment: datetime) -> str:
    """Format an aware time as the platform does: UTC, milliseconds, a final ``Z``."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """Parse an ISO 8601 time; without a zone it is UTC.

    :raises ValueError: if the text is not such a time.
    """
    # Python 3.10 does not parse a final Z.
    moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


class Clock:
    """A clock that runs with its source, plus an offset, until it is frozen.

    :param source: returns the real time; tests pass their own.
    """

    def __init__(self, source: Callable[[], datetime] = utc_now) -> None:
        self._source = source
        self._offset = timedelta()
        self._frozen_at: datetime | None = None

    def now(self) -> datetime:
        """Return the platform's time."""
        return self._frozen_at or self._source() + self._offset

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still."""
        return self._frozen_at is not None

    def set(self, moment: datetime) -> None:
        """Jump to a time; a running clock runs on from there."""
        self._offset = moment - self._source()
        if self.frozen:
            self._frozen_at = moment

    def advance(self, seconds: float) -> None:
        """Jump ahead by so many seconds (back, when negative)."""
        self.set(self.now() + timedelta(seconds=seconds))

    def freeze(self) -> None:
        """Stop the clock."""
        self._frozen_at = self.now()

    def resume(self) -> None:
        """Let a frozen clock run again from its time."""
        moment = self.now()
        self._frozen_at = None
        self.set(moment)
