# SPDX-License-Identifier: Apache-2.0
"""Which deploys of a history are news: each is reported once, oldest first, however seldom one looks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.domain.deploys import Deploy, DeployStatus
from airflow_rollback_provider.domain.errors import (
    BadInput,
    DeployEndedOtherwise,
    RollbackError,
    WaitBrokenOff,
    WaitFailed,
)
from airflow_rollback_provider.domain.jsonable import JsonDataclass

if TYPE_CHECKING:
    from typing_extensions import Self

_MOST_OPEN = 50
_BEGINS_LIKE_A_TIME = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class DeployFilter:
    """Which deploys count.

    :param statuses: a deploy counts as soon as it has one of these.
    :param types: the platform's words for the types that count; empty takes every type.
    :param rollbacks: whether rollbacks count too.
    """

    statuses: tuple[DeployStatus, ...] = (DeployStatus.SUCCEEDED,)
    types: tuple[str, ...] = ()
    rollbacks: bool = False

    @classmethod
    def parse(
        cls, statuses: Iterable[str] = ("succeeded",), types: Iterable[str] = (), *, rollbacks: bool = False
    ) -> DeployFilter:
        """Read what a person wrote; the order of names makes no difference.

        :raises BadInput: for a status that does not exist, or none at all.
        """
        names = sorted({str(name).strip().lower().replace("_", " ") for name in _listed(statuses)})
        known = {status.value: status for status in DeployStatus if status is not DeployStatus.UNKNOWN}
        wrong = [name for name in names if name not in known]
        if wrong or not names:
            raise BadInput(f"{wrong or 'Nothing'} is no status of a deploy. Use some of: {', '.join(known)}.")
        kinds = sorted({str(kind).strip().upper() for kind in _listed(types)})
        return cls(tuple(known[name] for name in names), tuple(kinds), rollbacks)

    def fits(self, deploy: Deploy) -> bool:
        """Tell whether a deploy counts as it is now."""
        return self._concerns(deploy) and deploy.status in self.statuses

    def may_fit(self, deploy: Deploy) -> bool:
        """Tell whether a deploy that does not count yet can still come to it."""
        return self._concerns(deploy) and not deploy.status.settled

    def _concerns(self, deploy: Deploy) -> bool:
        if deploy.is_rollback and not self.rollbacks:
            return False
        return not self.types or deploy.type.upper() in self.types


@dataclass(frozen=True)
class Cursor(JsonDataclass):
    """How far a history was read. It is all that has to be remembered from look to look.

    :param deployment_id: the Deployment.
    :param head: the latest deploy that was read; None where only a time is known, or nothing.
    :param since: when that was made: where the head has vanished from the history, what is older is not read.
    :param open: deploys that were read and are not told yet, oldest first: they may still come to count.
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
        """Read what :meth:`to_text` wrote.

        :raises ValueError: when it is something else.
        """
        return cls.from_dict(json.loads(text))


@dataclass(frozen=True)
class PollResult:
    """What one look showed.

    :param news: the deploys that count and were not seen to count before, oldest first.
    :param cursor: where the next look goes on.
    """

    news: tuple[Deploy, ...]
    cursor: Cursor


def baseline(deployment_id: str, latest: Iterable[Deploy], deploy_filter: DeployFilter) -> Cursor:
    """Begin to look: what has landed already is no news, what is on its way will be.

    :param latest: the latest deploys, newest first.
    """
    rows = tuple(latest)
    if not rows:
        return Cursor(deployment_id)
    return Cursor(deployment_id, rows[0].id, rows[0].created_at, on_their_way(rows, deploy_filter))


def on_their_way(latest_first: Iterable[Deploy], deploy_filter: DeployFilter) -> tuple[str, ...]:
    """Return the deploys that do not count yet and may come to it, oldest first.

    One that is older than a deploy which has succeeded is among them: an image takes longer than Dags.
    """
    names = [
        deploy.id
        for deploy in latest_first
        if deploy_filter.may_fit(deploy) and not deploy_filter.fits(deploy)
    ]
    return tuple(reversed(names[:_MOST_OPEN]))


def unread(latest_first: Iterable[Deploy], cursor: Cursor) -> Iterator[Deploy]:
    """Yield the deploys that are newer than the cursor, newest first, reading no further than needed."""
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
    only_first: bool = False,
) -> PollResult:
    """Say what is news.

    :param newer: the deploys that are newer than the cursor, newest first.
    :param reread: the cursor's open deploys as they are now, as far as the history still holds them.
    :param waiting: the oldest of them, which were not read this time and stay open.
    :param only_first: stop behind the first one that counts: what comes later is news to the next look.
    """
    fresh = tuple(reversed(tuple(newer)))
    met = {deploy.id for deploy in fresh}
    places = {name: place for place, name in enumerate(cursor.open) if name not in met}
    older = sorted((deploy for deploy in reread if deploy.id in places), key=lambda one: places[one.id])
    candidates = (*older, *fresh)
    stop = _behind_the_first(candidates, deploy_filter) if only_first else len(candidates)
    read = candidates[:stop]
    still_open = on_their_way(reversed(read), deploy_filter) + tuple(deploy.id for deploy in older[stop:])
    last = read[-1] if stop > len(older) else None
    latest, since = (last.id, last.created_at) if last is not None else (cursor.latest, cursor.since)
    news = tuple(deploy for deploy in read if deploy_filter.fits(deploy))
    still_open = (*waiting, *still_open)[-_MOST_OPEN:]
    return PollResult(news, Cursor(cursor.deployment_id, latest, since, still_open))


def _behind_the_first(candidates: Sequence[Deploy], deploy_filter: DeployFilter) -> int:
    places = (place for place, deploy in enumerate(candidates, 1) if deploy_filter.fits(deploy))
    return next(places, len(candidates))


class WaitStatus(str, Enum):
    """How waiting for a deploy ended."""

    ARRIVED = "arrived"
    OTHERWISE = "otherwise"
    TIMED_OUT = "timed_out"
    BROKEN_OFF = "broken_off"


@dataclass(frozen=True)
class WaitResult(JsonDataclass):
    """The end of waiting for a deploy, small enough for an event of a trigger.

    :param status: how it ended.
    :param message: one sentence for a person.
    :param deploy: the deploy that was waited for, where it arrived.
    :param cursor: where to go on behind it, where the next one that counts was waited for.
    :param refusal: name of the error that broke the wait off, where no retry helps.
    """

    status: WaitStatus
    message: str
    deploy: Deploy | None = None
    cursor: Cursor | None = None
    refusal: str | None = None

    def require(self) -> Deploy:
        """Return the deploy.

        :raises DeployEndedOtherwise: when it can no longer come to the wanted state.
        :raises WaitBrokenOff: when it did not come, or nobody can tell.
        :raises RollbackError: by the name of ``refusal``.
        """
        if self.deploy is not None:
            return self.deploy
        if self.refusal is not None:
            raise _refusal(self.refusal)(self.message)
        raise (DeployEndedOtherwise if self.status is WaitStatus.OTHERWISE else WaitBrokenOff)(self.message)


def broken_off(deployment: str, error: Exception) -> WaitResult:
    """Describe a wait that an error has ended. Errors of this package know whether a retry may help."""
    if isinstance(error, RollbackError) and not error.retryable:
        return WaitResult(WaitStatus.BROKEN_OFF, str(error), refusal=type(error).__name__)
    return WaitResult(
        WaitStatus.BROKEN_OFF,
        f"Waiting for a deploy of Deployment {deployment} broke off ({type(error).__name__}: {error}). "
        "Nothing was changed; the task's next try waits on.",
    )


def _refusal(name: str) -> type[RollbackError]:
    """Return the error of a name; a plain one where this version does not know it."""
    kind = getattr(errors, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, RollbackError) else WaitFailed


def wait_result_of(deploy: Deploy, statuses: Iterable[DeployStatus]) -> WaitResult | None:
    """Tell whether a deploy has come to one of some states; None while it still may."""
    deploy_filter = tuple(statuses)
    if deploy.status in deploy_filter:
        return WaitResult(WaitStatus.ARRIVED, f"Deploy {deploy.id}: {deploy.status}.", deploy)
    if not deploy.status.settled:
        return None
    reason = f": {deploy.status_reason.rstrip('. ')}" if deploy.status_reason else ""
    return WaitResult(
        WaitStatus.OTHERWISE,
        f"Deploy {deploy.id} of Deployment {deploy.deployment_id} was waited for until it were "
        f"{' or '.join(map(str, deploy_filter))}, and it ended as {deploy.status}{reason}. It stays so: "
        "look at the "
        "history.",
    )


def time_in(after: str) -> datetime | None:
    """Read a time from what a person wrote behind *after*; None where it is the id of a deploy.

    :raises BadInput: for a time that cannot be read or has no zone.
    """
    if not _BEGINS_LIKE_A_TIME.match(after):
        return None
    try:
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", after.strip()))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput(
            f"{after!r} is no time with a zone. Write it like 2026-11-01T00:00:00+00:00, or give the id of a "
            "deploy."
        )
    return moment


def cursor_in(after: str | Mapping[str, Any] | None) -> Cursor | None:
    """Read a cursor from what stands behind *after*; None where it is an id, a time or nothing.

    :param after: a text, or values where a template returns such.
    :raises BadInput: for a cursor that cannot be read.
    """
    text = json.dumps(after) if isinstance(after, Mapping) else (after or "").strip()
    if not text.startswith("{"):
        return None
    try:
        return Cursor.from_text(text)
    except ValueError as error:
        raise BadInput(
            f"{text[:80]!r} is no cursor of an earlier run ({error}). Hand its text over as it was left, "
            "or give the id of a deploy or a time."
        ) from None


def landed_deploys(triggering_asset_events: Mapping[Any, Iterable[Any]]) -> list[dict[str, Any]]:
    """Return the deploys that started a Dag run through an asset, oldest first, each once.

    Events of another origin, such as one that a person made by hand, hold no deploy and are left out.

    :param triggering_asset_events: what a task's context holds under this name.
    :return: each as :meth:`Deploy.to_dict` writes it.
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
    # A head that was read is met by its id; only where it has vanished its time decides.
    return deploy.created_at < cursor.since or (cursor.latest is None and deploy.created_at == cursor.since)


def _listed(names: Iterable[str]) -> Iterable[str]:
    return (names,) if isinstance(names, str) else names
