# SPDX-License-Identifier: Apache-2.0
"""Finds the new deploys of a history. Each is reported once, oldest first, however rarely it is polled."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.domain.arguments import optional, read_time
from airflow_rollback_provider.domain.deploys import Deploy, DeployStatus
from airflow_rollback_provider.domain.errors import (
    BadInput,
    DeployEndedOtherwise,
    RollbackError,
    WaitBrokenOff,
    WaitFailed,
)
from airflow_rollback_provider.domain.jsonable import JsonDataclass
from airflow_rollback_provider.domain.redaction import quote_error
from airflow_rollback_provider.domain.rejections import Rejection  # noqa: TC001 - decode() reads it

if TYPE_CHECKING:
    from typing_extensions import Self

_MOST_OPEN = 50
_BEGINS_LIKE_A_TIME = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class DeployFilter:
    """The deploys that count.

    :param statuses: a deploy counts as soon as it has one of these.
    :param types: the platform's names of the types that count; empty accepts every type.
    :param rollbacks: whether rollbacks count too.
    """

    statuses: tuple[DeployStatus, ...] = (DeployStatus.SUCCEEDED,)
    types: tuple[str, ...] = ()
    rollbacks: bool = False

    @classmethod
    def parse(
        cls, statuses: Iterable[str] = ("succeeded",), types: Iterable[str] = (), *, rollbacks: bool = False
    ) -> DeployFilter:
        """Read names that a user wrote, in any order.

        :raises BadInput: for a status that does not exist, or for none at all.
        """
        listed = _listed(statuses, "statuses")
        names = sorted({str(name).strip().lower().replace("_", " ") for name in listed})
        known = {status.value: status for status in DeployStatus if status is not DeployStatus.UNKNOWN}
        wrong = [name for name in names if name not in known]
        if wrong or not names:
            found = f"has {wrong}, which is not a deploy status" if wrong else "has no deploy status"
            raise BadInput(f"statuses {found}. Use some of: {', '.join(known)}.")
        kinds = sorted({str(kind).strip().upper() for kind in _listed(types, "types")})
        return cls(tuple(known[name] for name in names), tuple(kinds), rollbacks)

    def fits(self, deploy: Deploy) -> bool:
        """Return whether a deploy counts now."""
        return self._concerns(deploy) and deploy.status in self.statuses

    def may_fit(self, deploy: Deploy) -> bool:
        """Return whether a deploy may count later: its type fits and it has not ended."""
        return self._concerns(deploy) and not deploy.status.settled

    def _concerns(self, deploy: Deploy) -> bool:
        if deploy.is_rollback and not self.rollbacks:
            return False
        return not self.types or deploy.type.upper() in self.types


@dataclass(frozen=True)
class Cursor(JsonDataclass):
    """The position up to which a history was read: all that is stored between two polls.

    :param latest: the latest deploy that was read; None if only a time is known, or nothing.
    :param since: when that deploy was created. If it has vanished, older deploys are not read.
    :param open: deploys that were read and do not count yet, oldest first: they may count later.
    """

    deployment_id: str
    latest: str | None = None
    since: datetime | None = None
    open: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read the output of :meth:`to_dict`, without the fields that a later version of the package adds.

        :raises ValueError: when a field is missing or of another type.
        """
        known = {field.name for field in fields(cls)}
        if isinstance(values, dict):
            values = {name: value for name, value in values.items() if name in known}
        return super().from_dict(values)

    def to_text(self) -> str:
        """Return JSON; :meth:`from_text` reads it back."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_text(cls, text: str) -> Cursor:
        """Read the output of :meth:`to_text`.

        :raises ValueError: for any other text.
        """
        return cls.from_dict(json.loads(text))


@dataclass(frozen=True)
class PollResult:
    """The result of one poll.

    :param news: the deploys that count now and did not count at an earlier poll, oldest first.
    :param rejections: by id, the rejections of those deploys that bring rejected content back.
    """

    news: tuple[Deploy, ...]
    cursor: Cursor
    rejections: Mapping[str, Rejection] = field(default_factory=dict)


def baseline(deployment_id: str, latest: Iterable[Deploy], deploy_filter: DeployFilter) -> Cursor:
    """Return the first cursor: deploys that have landed are not new, those in progress will be.

    :param latest: the latest deploys, newest first.
    """
    rows = tuple(latest)
    if not rows:
        return Cursor(deployment_id)
    return Cursor(deployment_id, rows[0].id, rows[0].created_at, on_their_way(rows, deploy_filter))


def on_their_way(latest_first: Iterable[Deploy], deploy_filter: DeployFilter) -> tuple[str, ...]:
    """Return the deploys that do not count yet and may count later, oldest first.

    They may be older than a deploy that has succeeded: an image takes longer than Dags.
    """
    names = [
        deploy.id
        for deploy in latest_first
        if deploy_filter.may_fit(deploy) and not deploy_filter.fits(deploy)
    ]
    return tuple(reversed(names[:_MOST_OPEN]))


def unread(latest_first: Iterable[Deploy], cursor: Cursor) -> Iterator[Deploy]:
    """Yield the deploys that are newer than the cursor, newest first, and read no further than needed."""
    for deploy in latest_first:
        if deploy.id == cursor.latest or _is_before(deploy, cursor):
            return
        yield deploy


def sort_out(
    cursor: Cursor,
    newer: Iterable[Deploy],
    reread: Iterable[Deploy],
    deploy_filter: DeployFilter,
    *,
    waiting: tuple[str, ...] = (),
    only_first: bool,
) -> PollResult:
    """Find the deploys that are new.

    :param newer: the deploys that are newer than the cursor, newest first.
    :param reread: the cursor's open deploys, read again, if the history still contains them.
    :param waiting: the oldest open deploys, which were not read this time and stay open.
    :param only_first: stop after the first deploy that counts; the next poll reports later ones.
    """
    fresh = tuple(reversed(tuple(newer)))
    fresh_ids = {deploy.id for deploy in fresh}
    order = {name: position for position, name in enumerate(cursor.open) if name not in fresh_ids}
    older = sorted((deploy for deploy in reread if deploy.id in order), key=lambda one: order[one.id])
    candidates = (*older, *fresh)
    stop = _end_of_first(candidates, deploy_filter) if only_first else len(candidates)
    read = candidates[:stop]
    still_open = on_their_way(reversed(read), deploy_filter) + tuple(deploy.id for deploy in older[stop:])
    last = read[-1] if stop > len(older) else None
    latest, since = (last.id, last.created_at) if last is not None else (cursor.latest, cursor.since)
    news = tuple(deploy for deploy in read if deploy_filter.fits(deploy))
    still_open = (*waiting, *still_open)[-_MOST_OPEN:]
    return PollResult(news, Cursor(cursor.deployment_id, latest, since, still_open))


def _end_of_first(candidates: Sequence[Deploy], deploy_filter: DeployFilter) -> int:
    ends = (number for number, deploy in enumerate(candidates, 1) if deploy_filter.fits(deploy))
    return next(ends, len(candidates))


class WaitStatus(str, Enum):
    """Status at the end of a wait for a deploy."""

    ARRIVED = "arrived"
    OTHERWISE = "otherwise"
    TIMED_OUT = "timed_out"
    BROKEN_OFF = "broken_off"


@dataclass(frozen=True)
class WaitResult(JsonDataclass):
    """The result of waiting for a deploy, small enough for a trigger's event.

    :param status: status at the end of the wait.
    :param message: one sentence for a user.
    :param deploy: the deploy, if it arrived.
    :param cursor: the cursor after that deploy, if the wait was for the next deploy that counts.
    :param refusal: class name of the error that ended the wait, if no retry can cure it.
    :param rejection: the rejection of the deploy, if it brings rejected content back.
    """

    status: WaitStatus
    message: str
    deploy: Deploy | None = None
    cursor: Cursor | None = None
    refusal: str | None = None
    rejection: Rejection | None = None

    def require(self) -> Deploy:
        """Return the deploy.

        :raises DeployEndedOtherwise: when it can no longer reach the expected status.
        :raises WaitBrokenOff: when it did not arrive, or when that is not known.
        :raises RollbackError: the class that ``refusal`` names.
        """
        if self.deploy is not None:
            return self.deploy
        if self.refusal is not None:
            raise _refusal(self.refusal)(self.message)
        raise (DeployEndedOtherwise if self.status is WaitStatus.OTHERWISE else WaitBrokenOff)(self.message)


def broken_off(deployment: str, error: Exception) -> WaitResult:
    """Return the result of a wait that an error ended; the error defines whether a retry may help."""
    if isinstance(error, RollbackError) and not error.retryable:
        return WaitResult(WaitStatus.BROKEN_OFF, str(error), refusal=type(error).__name__)
    return WaitResult(
        WaitStatus.BROKEN_OFF,
        f"The wait for a deploy of Deployment {deployment} was interrupted ({quote_error(error)}). "
        "Nothing was changed; the task's next try continues to wait.",
    )


def _refusal(name: str) -> type[RollbackError]:
    """Return the error class with a name; ``WaitFailed`` if this version lacks it."""
    kind = getattr(errors, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, RollbackError) else WaitFailed


def wait_result_of(deploy: Deploy, statuses: Iterable[DeployStatus]) -> WaitResult | None:
    """Return the result once a deploy has one of some statuses or can no longer reach them, else None."""
    expected = tuple(statuses)
    if deploy.status in expected:
        return WaitResult(WaitStatus.ARRIVED, f"Deploy {deploy.id}: {deploy.status}.", deploy)
    if not deploy.status.settled:
        return None
    reason = f": {deploy.status_reason.rstrip('. ')}" if deploy.status_reason else ""
    return WaitResult(
        WaitStatus.OTHERWISE,
        f"The task waited until deploy {deploy.id} of Deployment {deploy.deployment_id} was "
        f"{' or '.join(map(str, expected))}. The deploy ended as {deploy.status}{reason}, which is final. "
        "Read the deploy history.",
    )


def time_in(after: str) -> datetime | None:
    """Read a time from the user's parameter ``after``; return None if it is the id of a deploy.

    :raises BadInput: for a time that cannot be read or has no zone.
    """
    if not _BEGINS_LIKE_A_TIME.match(after):
        return None
    try:
        moment = read_time(after)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput(
            f"{after!r} is not a time with a zone. Write it like 2026-11-01T00:00:00+00:00, or give the id "
            "of a deploy."
        )
    return moment


def cursor_in(after: object) -> Cursor | None:
    """Read a cursor from the parameter ``after``; return None if it is an id, a time or nothing.

    :param after: a text, or a mapping, a number or a datetime if a template returned one.
    :raises BadInput: for a cursor that cannot be read.
    """
    text = json.dumps(after) if isinstance(after, Mapping) else optional(after, "after") or ""
    if not text.startswith("{"):
        return None
    try:
        return Cursor.from_text(text)
    except ValueError as error:
        raise BadInput(
            f"{text[:80]!r} is not a cursor of an earlier run ({error}). Pass the cursor's text unchanged, "
            "or give the id of a deploy or a time."
        ) from None


def landed_deploys(triggering_asset_events: Mapping[Any, Iterable[Any]]) -> list[dict[str, Any]]:
    """Return the deploys that started a Dag run through an asset, oldest first, each once.

    Events of another origin, such as an event that a user created, contain no deploy and are left out.

    :param triggering_asset_events: the value with this name in the task's context.
    :return: each deploy in the form of :meth:`Deploy.to_dict`, and ``rejected``: None, or the
        :class:`Rejection` of the content that it brings back.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for events in triggering_asset_events.values():
        for deploy in (deploy for event in events for deploy in _deploys_in(event)):
            found.setdefault((deploy["deployment_id"], deploy["id"]), deploy)
    return sorted(found.values(), key=lambda deploy: datetime.fromisoformat(deploy["created_at"]))


def _deploys_in(event: Any) -> list[dict[str, Any]]:
    payload = (getattr(event, "extra", None) or {}).get("payload")
    deploys = payload.get("deploys") if isinstance(payload, dict) else None
    return deploys if isinstance(deploys, list) else []


def _is_before(deploy: Deploy, cursor: Cursor) -> bool:
    if cursor.since is None:
        return False
    # The latest deploy that was read is found by its id. Its time decides only if it has vanished.
    return deploy.created_at < cursor.since or (cursor.latest is None and deploy.created_at == cursor.since)


def _listed(names: object, name: str) -> Iterable[object]:
    if names is None:
        return ()
    if isinstance(names, str):
        return (names,)
    if not isinstance(names, Iterable):
        raise BadInput(f"{name} is {names!r}; it must be a list of names.")
    return names
