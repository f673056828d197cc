# SPDX-License-Identifier: Apache-2.0
"""Selects a deploy: an exact one, the previous one, or the latest one that matches a selector."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timezone
from functools import cache
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.arguments import optional, read_time
from airflow_rollback_provider.domain.deploys import DeployStatus
from airflow_rollback_provider.domain.errors import (
    AmbiguousTarget,
    DeployNotFound,
    InvalidTarget,
    InvalidVersion,
)
from airflow_rollback_provider.domain.versions import RuntimeVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_rollback_provider.domain.deploys import Deploy, Scope
    from airflow_rollback_provider.domain.history import History

_LONGEST = 512
_FULL_COMMITS = (40, 64)  # SHA-1 and SHA-256
# "3" could be Runtime 3.0.4 with Airflow 2.1, or Runtime 3.1-12 with Airflow 3.1.
_FIRST_PLAIN_SERIES = 5
_KINDS = ("id", "tag", "commit", "runtime", "airflow", "before")
_HELP = (
    "Give 'previous', a deploy's id ('id:<id>' if it contains a colon), or a selector: 'tag:<image tag>', "
    "'commit:<at least 7 hex digits>', 'runtime:<version or series, such as 12.1.0, 12 or 3.1>', "
    "'airflow:<series, such as 2.11>', 'before:<ISO 8601 time with a zone>'."
)


@dataclass(frozen=True)
class DeploySelector:
    """Selects a deploy.

    :param kind: ``previous``, ``id``, ``tag``, ``commit``, ``runtime``, ``airflow`` or ``before``.
    :param value: the value for the kind; empty for ``previous``.
    :raises InvalidTarget: when there is no such kind, or the value does not fit the kind.
    """

    kind: str
    value: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _MATCHERS:
            raise InvalidTarget(f"{self.kind!r} is not a kind of target. {_HELP}")
        self._matcher()

    @classmethod
    def parse(cls, text: object) -> DeploySelector:
        """Read ``previous``, ``KIND:VALUE`` or a deploy's bare id, which may be a number.

        :raises InvalidTarget: when the text is empty or too long, or its value does not fit its kind.
        """
        text = optional(text, "target") or ""
        if not text or len(text) > _LONGEST:
            raise InvalidTarget(f"The target is empty or longer than {_LONGEST} characters. {_HELP}")
        if text == "previous":
            return cls("previous")
        kind, colon, value = text.partition(":")
        if not colon:
            return cls("id", text)
        if kind not in _KINDS:
            raise InvalidTarget(f"{text!r} begins with no known selector. {_HELP}")
        return cls(kind, value.strip())

    @property
    def exact(self) -> bool:
        """Whether it always selects the same deploy; the other kinds depend on the history."""
        return self.kind == "id"

    def matches(self, deploy: Deploy) -> bool:
        """Return whether a deploy matches; it may still be no valid target."""
        return self._matcher()(deploy)

    def _matcher(self) -> Callable[[Deploy], bool]:
        return _MATCHERS[self.kind](self.value)

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.value else self.kind


def choose(target: DeploySelector, history: History, scope: Scope) -> Deploy:
    """Select a deploy from a history.

    An exact id is not filtered: the plan's checks decide whether it is a valid target. All other kinds select
    the latest deploy that succeeded, whose content differs from the content that runs now, and is not
    rejected: see :mod:`airflow_rollback_provider.domain.rejections`. ``previous`` must also be older than the
    content that runs now. Only rollbacks that were read already reject content.

    :param scope: the part of the content that counts.
    :raises DeployNotFound: when no deploy matches; the message gives the reasons.
    :raises AmbiguousTarget: when the beginning of a git commit matches more than one commit.
    """
    if target.exact:
        return _by_id(target, history)
    running = history.running
    if running is None:
        raise DeployNotFound(_nothing_runs(history))
    if target.kind == "previous":
        pool = _older_than_content(history, running, scope)
    else:
        pool = (deploy for deploy in history if target.matches(deploy))
    if target.kind == "commit":
        _require_one_commit(target, history)
    return _first_different(target, pool, history, running, scope)


def _by_id(target: DeploySelector, history: History) -> Deploy:
    deploy = history.find(target.value)
    if deploy is None:
        raise DeployNotFound(
            f"The Deployment's deploy history has no deploy {target.value!r}. It may belong to another "
            "Deployment, or the platform may have deleted it. List the history and choose from it."
        )
    return deploy


def _nothing_runs(history: History) -> str:
    if history.latest is None:
        return "The Deployment's deploy history is empty: there is nothing to roll back to."
    nothing = "No deploy in the history succeeded: there is nothing to roll back to."
    unknown = next((deploy for deploy in history if deploy.status is DeployStatus.UNKNOWN), None)
    if unknown is None:
        return f"{nothing} Check the failed deploys."
    return f"{nothing} The status of deploy {unknown.id} is not known. {unknown.status_reason or ''}".rstrip()


def _older_than_content(history: History, running: Deploy, scope: Scope) -> Iterator[Deploy]:
    """Yield the deploys of which each part is the running one or older.

    Image and Dags are compared separately: after a rollback or a deploy of one of them their ages differ.
    """

    @cache  # and called only if a part differs: the origin of a part may be far back in the history
    def origin(part: str) -> Deploy:
        return _origin(history, running, part)

    def goes_back(deploy: Deploy, part: str) -> bool:
        same = deploy.part(part) is not None and deploy.part(part) == running.part(part)
        return same or history.is_older(deploy, origin(part))

    for deploy in history:
        if deploy.succeeded and all(goes_back(deploy, part) for part in sorted(scope.parts)):
            yield deploy


def _origin(history: History, running: Deploy, part: str) -> Deploy:
    origin = history.origin(running, part)
    if origin is None:
        raise DeployNotFound(
            f"The content that runs now (deploy {running.id}, after a rollback) came from a deploy that the "
            "history no longer contains, so no older deploy is known. Give the id of a deploy."
        )
    return origin


def _first_different(
    target: DeploySelector, pool: Iterator[Deploy], history: History, running: Deploy, scope: Scope
) -> Deploy:
    for deploy in pool:
        differs = deploy.succeeded and not deploy.same_content(running, scope)
        if differs and history.rejection(deploy, scope) is None:
            return deploy
    raise DeployNotFound(
        f"No deploy matches {str(target)!r}: no deploy in the history succeeded, has other content ({scope}) "
        f"than the running one ({running.id}){', is older' if target.kind == 'previous' else ''} and was not "
        "rolled back from. To choose any other deploy, give its id."
    )


def _require_one_commit(target: DeploySelector, history: History) -> None:
    """Refuse an abbreviated commit that matches several commits, even if they are no valid targets.

    This reads the whole history, because the package must not guess which commit runs in production. A full
    commit is unique, and its search ends at the first match.

    :raises AmbiguousTarget: when it matches several.
    """
    if len(target.value) in _FULL_COMMITS:
        return
    commits = sorted({(deploy.git_commit or "").lower() for deploy in history if target.matches(deploy)})
    if len(commits) > 1:
        raise AmbiguousTarget(
            f"{str(target)!r} matches {len(commits)} commits: {', '.join(commits[:5])}. Give more digits."
        )


def _match_commit(value: str) -> Callable[[Deploy], bool]:
    if not re.fullmatch(r"[0-9a-fA-F]{7,64}", value):
        raise InvalidTarget(f"{value!r} is not a git commit of 7 to 64 hex digits. {_HELP}")
    return lambda deploy: (deploy.git_commit or "").lower().startswith(value.lower())


def _match_runtime(value: str) -> Callable[[Deploy], bool]:
    if re.fullmatch(r"[1-9][0-9]{0,3}", value) and int(value) >= _FIRST_PLAIN_SERIES:
        return lambda deploy: _numbers(deploy)[:1] == (int(value),) and _major(deploy) == 2
    if series := re.fullmatch(r"([34])\.(0|[1-9][0-9]{0,2})", value):
        expected = int(series[1]), int(series[2])
        return lambda deploy: _numbers(deploy)[:2] == expected and _major(deploy) != 2
    try:
        exact = RuntimeVersion.parse(value)
    except InvalidVersion as error:
        raise InvalidTarget(f"{error} A series is written 12 (Airflow 2) or 3.1 (Airflow 3).") from None
    return lambda deploy: deploy.versions.runtime == exact


def _numbers(deploy: Deploy) -> tuple[int, ...]:
    runtime = deploy.versions.runtime
    return runtime.numbers if runtime is not None else ()


def _major(deploy: Deploy) -> int | None:
    return deploy.versions.airflow_major


def _match_airflow(value: str) -> Callable[[Deploy], bool]:
    series = re.fullmatch(r"([1-9])(?:\.(0|[1-9][0-9]{0,2}))?", value)
    if series is None:
        raise InvalidTarget(f"{value!r} is not an Airflow series such as 2 or 2.11. {_HELP}")
    if series[2] is None:
        return lambda deploy: _major(deploy) == int(series[1])
    expected = int(series[1]), int(series[2])
    return lambda deploy: deploy.versions.airflow_series == expected


def _match_before(value: str) -> Callable[[Deploy], bool]:
    try:
        moment = read_time(value)
        in_utc = moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise InvalidTarget(
            f"{value!r} is not an ISO 8601 time such as 2026-11-01T12:00:00+00:00. {_HELP}"
        ) from None
    if moment.tzinfo is None:
        example = moment.replace(tzinfo=timezone.utc).isoformat()
        raise InvalidTarget(f"The time {value!r} has no zone. Write for example {example} for UTC.")
    return lambda deploy: deploy.created_at < in_utc


def _match_all(value: str) -> Callable[[Deploy], bool]:
    if value:
        raise InvalidTarget(f"'previous' takes no value. {_HELP}")
    return lambda _deploy: True


def _match_text(read: Callable[[Deploy], str | None]) -> Callable[[str], Callable[[Deploy], bool]]:
    def matcher(value: str) -> Callable[[Deploy], bool]:
        if not value:
            raise InvalidTarget(f"The selector has no value. {_HELP}")
        return lambda deploy: read(deploy) == value

    return matcher


_MATCHERS: dict[str, Callable[[str], Callable[[Deploy], bool]]] = {
    "previous": _match_all,
    "id": _match_text(lambda deploy: deploy.id),
    "tag": _match_text(lambda deploy: deploy.image_tag),
    "commit": _match_commit,
    "runtime": _match_runtime,
    "airflow": _match_airflow,
    "before": _match_before,
}
