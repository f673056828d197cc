# SPDX-License-Identifier: Apache-2.0
"""The platform's own log lines of one rollback: each once, and limited in number."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.redaction import printable, redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_rollback_provider.platforms.base import LogLine
    from airflow_rollback_provider.rollback.poller import Tracking

_MOST_LINES = 500
_LONGEST_LINE = 1000
# Lines of several components reach the platform's index out of order; reading the last ones once more finds
# late lines.
_LATE = timedelta(seconds=30)


class LogFeed:
    """Yields the new lines of what a platform logged so far.

    :param since: when the rollback was submitted; older lines do not belong to it. The attribute moves on
        with the lines, and is the time from which to read the next time.
    """

    def __init__(self, since: datetime) -> None:
        self.since = since
        self._seen: set[str] = set()
        self._complained = False

    @property
    def full(self) -> bool:
        """Whether the limit of lines for a task log is reached."""
        return len(self._seen) >= _MOST_LINES

    def new(self, lines: Iterable[LogLine]) -> Iterator[str]:
        """Yield the lines that were not yielded before, shortened and limited in number."""
        for line in lines:
            if line.id in self._seen or self.full:
                continue
            self._seen.add(line.id)
            self.since = max(self.since, line.at - _LATE)
            yield _shown(line)
            if self.full:
                yield f"({_MOST_LINES} lines of the platform shown; the rest is in the platform's own log.)"

    def complain_once(self) -> bool:
        """Return True the first time, when unavailable logs are to be mentioned, and False afterwards."""
        first, self._complained = not self._complained, True
        return first


def feed_for(tracking: Tracking) -> LogFeed:
    """Return the feed of a rollback that is tracked."""
    return LogFeed(datetime.fromtimestamp(tracking.submitted_at or tracking.started_at, timezone.utc))


def _shown(line: LogLine) -> str:
    text = printable(redact(line.message.rstrip()))
    cut = text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…"
    return f"[{line.component}] {cut}" if line.component else cut
