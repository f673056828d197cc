# SPDX-License-Identifier: Apache-2.0
"""Guard rails: whether a Deployment may be rolled back automatically. All reasons against it are reported."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, timezone, tzinfo
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_rollback_provider.domain.arguments import count, flag, read_time, seconds
from airflow_rollback_provider.domain.deploys import Scope
from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.domain.jsonable import encode
from airflow_rollback_provider.domain.rejections import ACCEPT
from airflow_rollback_provider.domain.summary import describe_deploy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.history import History

REGRESSED = "regressed"
"""The only verdict that allows a rollback."""

_NO_REGRESSION = {
    "healthy": ("VERDICT-HEALTHY", "The verdict on the Deployment is healthy: there is nothing to undo."),
    "inconclusive": (
        "VERDICT-INCONCLUSIVE",
        "It is not certain that the Deployment got worse, so there is no automatic rollback. Let a user "
        "check it.",
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
    """One period.

    :param begin: its start, with a zone.
    :param end: its end, which is not part of it.
    """

    begin: datetime
    end: datetime

    def until(self, now: datetime) -> datetime | None:
        """Return its end if it contains ``now``, else None."""
        return self.end if self.begin <= now < self.end else None


@dataclass(frozen=True)
class Weekly:
    """A weekly period, in the local time of its zone.

    :param begin: weekday (Monday is 0) and time of its start.
    :param end: weekday and time of its end. If it equals the start, the period is the whole week.
    """

    begin: tuple[int, time]
    end: tuple[int, time]
    zone: tzinfo

    def until(self, now: datetime) -> datetime | None:
        """Return its end if it contains ``now``, else None."""
        local = now.astimezone(self.zone)
        began = self._latest(self.begin, local)
        ends = self._latest(self.end, began) + _WEEK
        return ends if local < ends else None

    def _latest(self, when: tuple[int, time], local: datetime) -> datetime:
        """Return the latest such moment that is not after ``local``."""
        weekday, clock = when
        day = local.date() - timedelta(days=(local.weekday() - weekday) % 7)
        moment = datetime.combine(day, clock, self.zone)
        # Compare local times: a skipped or repeated hour does not move a freeze.
        return moment if moment.replace(tzinfo=None) <= local.replace(tzinfo=None) else moment - _WEEK


Freeze = Once | Weekly


def read_freeze(text: str) -> Freeze:
    """Read a freeze that a user wrote.

    :raises BadInput: for any other text.
    """
    words = " ".join(text.split()) if isinstance(text, str) else ""
    if weekly := _WEEKLY.fullmatch(words):
        zone = _zone(weekly["zone"] or "UTC", text)
        return Weekly(_moment(weekly, "from", text), _moment(weekly, "to", text), zone)
    once = _ONCE.fullmatch(words)
    if once is None:
        raise BadInput(f"{text!r} is not a freeze. {_FREEZE_HELP}")
    begin, end = _time(once["begin"], text), _time(once["end"], text)
    if begin >= end:
        raise BadInput(f"The freeze {text!r} ends before it begins. {_FREEZE_HELP}")
    return Once(begin, end)


@dataclass(frozen=True)
class GuardRails:
    """Conditions for an automatic rollback. Each can be switched off by its parameter.

    Durations are timedeltas or numbers of seconds.

    :param cool_down: minimum time since the last rollback of the Deployment by any author. Default one hour;
        zero switches it off.
    :param max_rollbacks: maximum number of rollbacks of the Deployment in ``period``, by any author. Default
        2; None switches it off.
    :param period: the time in which rollbacks are counted. Default one day.
    :param freezes: times without automatic rollbacks, such as ``fri 16:00 - mon 08:00 Europe/Berlin`` or
        ``2026-12-20T00:00:00+01:00 / 2027-01-02T00:00:00+01:00``.
    :param allow_after_rollback: whether a rollback may be rolled back. Default False, because a Dag could
        roll back its own rollbacks endlessly.
    :raises BadInput: for values that cannot be used.
    """

    cool_down: timedelta = timedelta(hours=1)
    max_rollbacks: int | None = 2
    period: timedelta = timedelta(days=1)
    freezes: Sequence[str] = ()
    allow_after_rollback: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.freezes, str) or not isinstance(self.freezes, Iterable):
            raise BadInput("freezes is a list of texts, one for each freeze.")
        object.__setattr__(self, "freezes", tuple(self.freezes))
        for text in self.freezes:
            read_freeze(text)
        allow = flag(self.allow_after_rollback, "allow_after_rollback")
        object.__setattr__(self, "allow_after_rollback", allow)
        for name in ("cool_down", "period"):
            duration = timedelta(seconds=seconds(getattr(self, name), name))
            object.__setattr__(self, name, duration)
        if self.max_rollbacks is not None:
            count(self.max_rollbacks, "max_rollbacks")
        if not self.period:
            raise BadInput("period must be longer than zero.")

    @property
    def lookback(self) -> timedelta:
        """Length of the time for which the history must be read."""
        return max(self.cool_down, self.period)


@dataclass(frozen=True)
class Reason:
    """A reason against an automatic rollback.

    :param code: stable name, part of the public interface.
    :param message: the reason for a user, with its end if it has one.
    """

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass(frozen=True)
class Decision:
    """Result of the guard rails.

    :param reasons: all reasons against a rollback; empty if it is allowed.
    :param running: the running deploy; None if no deploy has succeeded.
    """

    reasons: tuple[Reason, ...]
    running: Deploy | None = field(default=None)

    @property
    def allowed(self) -> bool:
        """Whether the guard rails allow a rollback."""
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
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
    evaluated_id: str | None = None,
) -> Decision:
    """Decide whether the guard rails allow a rollback now.

    :param history: the Deployment's deploys; read no further back than the rails need.
    :param now: the time, by the platform's clock if it is known.
    :param verdict: verdict of the health check: only ``regressed`` allows a rollback. None skips this check.
    :param evaluated_id: id of the evaluated deploy, which must still run. None skips this check.
    """
    found = (
        *_verdict(verdict),
        *_running(history, rails, evaluated_id),
        *_in_progress(history),
        *_rollbacks(history, now, rails),
        *_freezes(now, rails),
    )
    return Decision(found, history.running)


def _verdict(verdict: str | None) -> Iterator[Reason]:
    if verdict is None or verdict == REGRESSED:
        return
    code, message = _NO_REGRESSION.get(
        verdict, ("VERDICT-UNKNOWN", f"The verdict {verdict!r} does not allow a rollback.")
    )
    yield Reason(code, message)


def _running(history: History, rails: GuardRails, evaluated_id: str | None) -> Iterator[Reason]:
    running = history.running
    if running is None:
        yield Reason("NOTHING-RUNS", "No deploy has succeeded, so there is nothing to roll back from.")
        return
    if evaluated_id is not None and running.id != evaluated_id:
        yield Reason(
            "OTHER-DEPLOY-RUNS",
            f"Deploy {evaluated_id} was evaluated, and {describe_deploy(running)} runs now.",
        )
    if running.is_rollback and not rails.allow_after_rollback:
        yield Reason(
            "RUNS-A-ROLLBACK",
            f"A rollback runs now ({describe_deploy(running)}), which is not rolled back automatically. Let "
            "a user check it.",
        )


def _in_progress(history: History) -> Iterator[Reason]:
    unfinished = history.unfinished
    if unfinished is not None:
        yield Reason(
            "DEPLOY-IN-PROGRESS",
            f"{describe_deploy(unfinished)} is in progress; it may be the repair.",
        )


def _rollbacks(history: History, now: datetime, rails: GuardRails) -> Iterator[Reason]:
    recent = takewhile(lambda deploy: deploy.created_at > now - rails.lookback, history)
    rollbacks = [deploy for deploy in recent if deploy.is_rollback]
    if rails.cool_down and rollbacks and rollbacks[0].created_at > now - rails.cool_down:
        yield Reason(
            "COOL-DOWN",
            f"The last rollback was made at {_written(rollbacks[0].created_at)} ({rollbacks[0].id}); there "
            f"is no automatic rollback before {_written(rollbacks[0].created_at + rails.cool_down)}.",
        )
    counted = [deploy for deploy in rollbacks if deploy.created_at > now - rails.period]
    if rails.max_rollbacks is not None and len(counted) >= rails.max_rollbacks:
        frees = counted[rails.max_rollbacks - 1].created_at + rails.period if rails.max_rollbacks else None
        yield Reason(
            "TOO-MANY-ROLLBACKS",
            f"{len(counted)} rollback(s) within {rails.period}; {rails.max_rollbacks} are allowed"
            + (f", so the next may be made after {_written(frees)}." if frees else ".")
            + _ping_pong(history),
        )


def _ping_pong(history: History) -> str:
    """Return whether what runs was rolled back from before: CI deploys it, and the rollbacks undo that."""
    running = history.running
    rejection = history.rejection(running, Scope.IMAGE_AND_DAGS) if running is not None else None
    if running is None or rejection is None:
        return ""
    return (
        f" CI and the rollbacks undo each other: {rejection.sentence(running.id)} Stop that release in CI, "
        f"or accept it with {ACCEPT} in the description of its deploy."
    )


def _freezes(now: datetime, rails: GuardRails) -> Iterator[Reason]:
    for text in rails.freezes:
        until = read_freeze(text).until(now)
        if until is not None:
            yield Reason("FREEZE", f"There is no automatic rollback before {_written(until)} ({text}).")


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
        moment = read_time(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput(f"{whole!r} contains a time that cannot be read or has no zone. {_FREEZE_HELP}")
    return moment
