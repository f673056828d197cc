# SPDX-License-Identifier: Apache-2.0
"""Times in which nothing is rolled back by itself, as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_rollback_provider.domain.errors import BadInput

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKLY = re.compile(
    r"(?P<from_day>[a-z]{3})\w* (?P<from_time>\d\d?:\d\d)\s*-\s*"
    r"(?P<to_day>[a-z]{3})\w* (?P<to_time>\d\d?:\d\d)(?: (?P<zone>[\w/+-]+))?",
    re.IGNORECASE,
)
_ONCE = re.compile(r"(?P<begin>\d{4}-\d\d-\d\dT\S+)\s*(?:/|to)\s*(?P<end>\d{4}-\d\d-\d\dT\S+)")
_WEEK = timedelta(days=7)
_HELP = (
    "Write it like 'fri 16:00 - mon 08:00 Europe/Berlin' (every week; UTC without a zone) or "
    "'2026-12-20T00:00:00+01:00 / 2027-01-02T00:00:00+01:00'."
)


@dataclass(frozen=True)
class Once:
    """One span of time.

    :param begin: its first moment, with a zone.
    :param end: the first moment after it.
    """

    begin: datetime
    end: datetime

    def until(self, now: datetime) -> datetime | None:
        """Return when it ends if it holds now, or None."""
        return self.end if self.begin <= now < self.end else None


@dataclass(frozen=True)
class Weekly:
    """A span that returns every week, by the clock on a wall in its zone.

    :param begin: weekday (Monday is 0) and time of its first moment.
    :param end: the same of the first moment after it. Equal to the beginning it lasts the whole week.
    :param zone: the zone.
    """

    begin: tuple[int, time]
    end: tuple[int, time]
    zone: tzinfo

    def until(self, now: datetime) -> datetime | None:
        """Return when it ends if it holds now, or None."""
        local = now.astimezone(self.zone)
        began = self._latest(self.begin, local)
        ends = self._latest(self.end, began) + _WEEK
        return ends if local < ends else None

    def _latest(self, when: tuple[int, time], local: datetime) -> datetime:
        """Return the latest such moment that is not after another one."""
        weekday, clock = when
        day = local.date() - timedelta(days=(local.weekday() - weekday) % 7)
        moment = datetime.combine(day, clock, self.zone)
        # By the clock on the wall: an hour that is skipped or repeated does not move a freeze.
        return moment if moment.replace(tzinfo=None) <= local.replace(tzinfo=None) else moment - _WEEK


Freeze = Once | Weekly


def read_freeze(text: str) -> Freeze:
    """Read a freeze from what a person wrote.

    :raises BadInput: when it is none.
    """
    words = " ".join(text.split()) if isinstance(text, str) else ""
    if weekly := _WEEKLY.fullmatch(words):
        zone = _zone(weekly["zone"] or "UTC", text)
        return Weekly(_moment(weekly, "from", text), _moment(weekly, "to", text), zone)
    once = _ONCE.fullmatch(words)
    if once is None:
        raise BadInput(f"{text!r} is no freeze. {_HELP}")
    begin, end = _time(once["begin"], text), _time(once["end"], text)
    if begin >= end:
        raise BadInput(f"The freeze {text!r} ends before it begins. {_HELP}")
    return Once(begin, end)


def _moment(match: re.Match[str], which: str, text: str) -> tuple[int, time]:
    try:
        return _DAYS.index(match[f"{which}_day"].lower()), _clock(match[f"{which}_time"])
    except ValueError:
        raise BadInput(f"{text!r} names a day or time that does not exist. {_HELP}") from None


def _clock(text: str) -> time:
    hour, minute = text.split(":")
    return time(int(hour), int(minute))


def _zone(name: str, text: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"The freeze {text!r} names a time zone that is not known here. {_HELP}") from None


def _time(text: str, whole: str) -> datetime:
    try:
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput(f"{whole!r} holds a time that cannot be read or has no zone. {_HELP}")
    return moment
