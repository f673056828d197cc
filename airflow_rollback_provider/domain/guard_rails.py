# SPDX-License-Identifier: Apache-2.0
"""Whether a Deployment may be rolled back without asking a person. All that speaks against it is told at
once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, timezone, tzinfo
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.domain.jsonable import encode
from airflow_rollback_provider.domain.summary import describe_deploy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.history import History

REGRESSED = "regressed"
"""The one verdict that speaks for a rollback."""

_NO_REGRESSION = {
    "healthy": ("VERDICT-HEALTHY", "The Deployment was judged healthy: there is nothing to undo."),
    "inconclusive": (
        "VERDICT-INCONCLUSIVE",
        "Whether the Deployment got worse is not certain, and what is not certain rolls nothing back by "
        "itself. Let a person look.",
    ),
}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKLY = re.compile(
    r"(?P<from_day>[a-z]{3})\w* (?P<from_time>\d\d?:\d\d)\s*-\s*"
    r"(?P<to_day>[a-z]{3})\w* (?P<to_time>\d\d?:\d\d)(?: (?P<zone>[\w/+-]+))?",
    re.IGNORECASE,
)
_ONCE = re.compile(r"(?P<begin>\d{4}-\d\d-\d\dT\S+)\s*(?:/|to)\s*(?P<end>\d{4}-\d\d-\d\dT\S+)")
_WEEK = timedelta(days=7)
_FREEZE_HELP = (
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
        raise BadInput(f"{text!r} is no freeze. {_FREEZE_HELP}")
    begin, end = _time(once["begin"], text), _time(once["end"], text)
    if begin >= end:
        raise BadInput(f"The freeze {text!r} ends before it begins. {_FREEZE_HELP}")
    return Once(begin, end)


@dataclass(frozen=True)
class GuardRails:
    """What must hold before a Dag rolls back by itself. Each rail can be taken away by its own parameter.

    :param cool_down: shortest time since the last rollback of the Deployment, whoever made it. Default one
        hour; zero does not ask.
    :param max_rollbacks: most rollbacks of the Deployment in ``period``, by any author. Default 2; None does
        not count.
    :param period: the time in which rollbacks are counted. Default one day.
    :param freezes: times in which nothing is rolled back, such as ``fri 16:00 - mon 08:00 Europe/Berlin`` or
        ``2026-12-20T00:00:00+01:00 / 2027-01-02T00:00:00+01:00``.
    :param allow_after_rollback: whether a rollback may be rolled back. Default False: a Dag that
        rolls back its own rollback runs in a circle.
    :raises BadInput: for a rail that cannot hold.
    """

    cool_down: timedelta = timedelta(hours=1)
    max_rollbacks: int | None = 2
    period: timedelta = timedelta(days=1)
    freezes: Sequence[str] = ()
    allow_after_rollback: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.freezes, str):
            raise BadInput("freezes is a list of texts, each of them one freeze.")
        for text in self.freezes:
            read_freeze(text)
        if self.cool_down < timedelta(0) or self.period <= timedelta(0) or (self.max_rollbacks or 0) < 0:
            raise BadInput(
                "cool_down and max_rollbacks must not be negative, and period must be longer than zero."
            )

    @property
    def memory(self) -> timedelta:
        """How far back the history has to be read."""
        return max(self.cool_down, self.period)


@dataclass(frozen=True)
class Reason:
    """One thing that speaks against a rollback.

    :param code: the same for the same reason, for programs.
    :param message: what and until when, for people.
    """

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass(frozen=True)
class Decision:
    """Whether the rails allow a rollback.

    :param reasons: all that speaks against it; empty when it is allowed.
    :param running: the deploy that runs, None where nothing does.
    """

    reasons: tuple[Reason, ...]
    running: Deploy | None = field(default=None)

    @property
    def allowed(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "allowed": self.allowed,
            "reasons": encode(self.reasons),
            "deploy_id": self.running.id if self.running is not None else None,
        }


def decide(
    history: History,
    now: datetime,
    rails: GuardRails,
    *,
    verdict: str | None = None,
    suspect: str | None = None,
) -> Decision:
    """Say whether the rails allow a rollback now.

    :param history: the Deployment's deploys; read no further back than the rails remember.
    :param now: the time, by the platform's clock where it is known.
    :param verdict: how the Deployment was judged: ``regressed`` alone speaks for a rollback. None where
        nobody asks.
    :param suspect: id of the deploy that was judged; it must still be what runs. None where nobody asks.
    """
    found = (
        *_verdict(verdict),
        *_running(history, rails, suspect),
        *_in_progress(history),
        *_rollbacks(history, now, rails),
        *_freezes(now, rails),
    )
    return Decision(found, history.running)


def _verdict(verdict: str | None) -> Iterator[Reason]:
    if verdict is None or verdict == REGRESSED:
        return
    code, message = _NO_REGRESSION.get(
        verdict, ("VERDICT-UNKNOWN", f"{verdict!r} is no verdict that speaks for a rollback.")
    )
    yield Reason(code, message)


def _running(history: History, rails: GuardRails, suspect: str | None) -> Iterator[Reason]:
    running = history.running
    if running is None:
        yield Reason("NOTHING-RUNS", "No deploy has succeeded, so there is nothing to roll back from.")
        return
    if suspect is not None and running.id != suspect:
        yield Reason(
            "OTHER-DEPLOY-RUNS",
            f"Deploy {suspect} was judged, and {describe_deploy(running)} runs now.",
        )
    if running.is_rollback and not rails.allow_after_rollback:
        yield Reason(
            "RUNS-A-ROLLBACK",
            f"What runs was brought by a rollback ({describe_deploy(running)}), which is not rolled back by "
            "itself. Let a person look.",
        )


def _in_progress(history: History) -> Iterator[Reason]:
    unfinished = history.unfinished
    if unfinished is not None:
        yield Reason(
            "DEPLOY-IN-PROGRESS",
            f"{describe_deploy(unfinished)} is on its way; it may be the repair.",
        )


def _rollbacks(history: History, now: datetime, rails: GuardRails) -> Iterator[Reason]:
    remembered = takewhile(lambda deploy: deploy.created_at > now - rails.memory, history)
    rollbacks = [deploy for deploy in remembered if deploy.is_rollback]
    if rails.cool_down and rollbacks and rollbacks[0].created_at > now - rails.cool_down:
        yield Reason(
            "COOL-DOWN",
            f"The last rollback was made at {_written(rollbacks[0].created_at)} ({rollbacks[0].id}); nothing "
            f"is rolled back by itself before {_written(rollbacks[0].created_at + rails.cool_down)}.",
        )
    counted = [deploy for deploy in rollbacks if deploy.created_at > now - rails.period]
    if rails.max_rollbacks is not None and len(counted) >= rails.max_rollbacks:
        frees = counted[rails.max_rollbacks - 1].created_at + rails.period if rails.max_rollbacks else None
        yield Reason(
            "TOO-MANY-ROLLBACKS",
            f"{len(counted)} rollback(s) within {rails.period}; {rails.max_rollbacks} are allowed"
            + (f", so the next may be made after {_written(frees)}." if frees else "."),
        )


def _freezes(now: datetime, rails: GuardRails) -> Iterator[Reason]:
    for text in rails.freezes:
        until = read_freeze(text).until(now)
        if until is not None:
            yield Reason("FREEZE", f"Nothing is rolled back by itself before {_written(until)} ({text}).")


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"


def _moment(match: re.Match[str], which: str, text: str) -> tuple[int, time]:
    try:
        return _DAYS.index(match[f"{which}_day"].lower()), _clock(match[f"{which}_time"])
    except ValueError:
        raise BadInput(f"{text!r} names a day or time that does not exist. {_FREEZE_HELP}") from None


def _clock(text: str) -> time:
    hour, minute = text.split(":")
    return time(int(hour), int(minute))


def _zone(name: str, text: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(
            f"The freeze {text!r} names a time zone that is not known here. {_FREEZE_HELP}"
        ) from None


def _time(text: str, whole: str) -> datetime:
    try:
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput(f"{whole!r} holds a time that cannot be read or has no zone. {_FREEZE_HELP}")
    return moment
