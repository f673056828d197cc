# SPDX-License-Identifier: Apache-2.0
"""Which deploy is meant: an exact one, the previous one, or the latest one that fits a selector."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import (
    AmbiguousTarget,
    DeployNotFound,
    InvalidTarget,
    InvalidVersion,
)
from airflow_rollback_provider.domain.history import History, RolledBackFrom
from airflow_rollback_provider.domain.versions import RuntimeVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_rollback_provider.domain.deploys import Deploy, Scope

_LONGEST = 512
_FULL_COMMITS = (40, 64)  # SHA-1 and SHA-256
# "3" could mean Runtime 3.0.4, which carries Airflow 2.1, as well as 3.1-12, which carries Airflow 3.1.
_FIRST_PLAIN_SERIES = 5
_KINDS = ("id", "tag", "commit", "runtime", "airflow", "before")
_HELP = (
    "Say 'previous', a deploy's id ('id:<id>' if it holds a colon), or a selector: 'tag:<image tag>', "
    "'commit:<at least 7 hex digits>', 'runtime:<version or series, such as 12.1.0, 12 or 3.1>', "
    "'airflow:<series, such as 2.11>', 'before:<ISO 8601 time with a zone>'."
)


@dataclass(frozen=True)
class DeploySelector:
    """Which deploy is meant.

    :param kind: ``previous``, ``id``, ``tag``, ``commit``, ``runtime``, ``airflow`` or ``before``.
    :param value: what the kind needs; empty for ``previous``.
    :raises InvalidTarget: when there is no such kind or the value does not fit it.
    """

    kind: str
    value: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _MATCHERS:
            raise InvalidTarget(f"{self.kind!r} is not a kind of target. {_HELP}")
        self._matcher()

    @classmethod
    def parse(cls, text: str) -> DeploySelector:
        """Read ``previous``, ``KIND:VALUE`` or a deploy's bare id.

        :raises InvalidTarget: when the text is empty, too long or its value does not fit its kind.
        """
        text = text.strip() if isinstance(text, str) else ""
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
        """Whether it names one deploy for good; what the others mean depends on the history."""
        return self.kind == "id"

    def matches(self, deploy: Deploy) -> bool:
        """Tell whether a deploy fits, leaving aside whether it can be rolled back to."""
        return self._matcher()(deploy)

    def _matcher(self) -> Callable[[Deploy], bool]:
        return _MATCHERS[self.kind](self.value)

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.value else self.kind


def choose(target: DeploySelector, history: History, scope: Scope) -> Deploy:
    """Pick the deploy that is meant from a history.

    An exact id is taken as it is: the plan's checks say whether it can be rolled back to. Everything else
    picks the latest deploy that succeeded, whose content differs from what runs now, and that was not rolled
    back from; ``previous`` must besides be older than the content that runs now.

    :param target: which deploy is meant.
    :param history: the Deployment's history, newest first.
    :param scope: the part of the content that counts.
    :raises DeployNotFound: when nothing fits; the message says what was left out and why.
    :raises AmbiguousTarget: when the beginning of a git commit fits more than one commit.
    """
    if target.exact:
        return _by_id(target, history)
    running = history.running
    if running is None:
        raise DeployNotFound(_nothing_runs(history))
    if target.kind == "previous":
        pool = _older_than_content(history, running, scope)
    else:
        pool = (deploy for deploy in _eligible(history, scope) if target.matches(deploy))
    if target.kind == "commit":
        _require_one_commit(target, history)
    return _first_different(target, pool, running, scope)


def _by_id(target: DeploySelector, history: History) -> Deploy:
    deploy = history.find(target.value)
    if deploy is None:
        raise DeployNotFound(
            f"The Deployment's deploy history has no deploy {target.value!r}. It may belong to another "
            "Deployment or be older than the platform keeps. List the history and choose from it."
        )
    return deploy


def _nothing_runs(history: History) -> str:
    if history.latest is None:
        return "The Deployment's deploy history is empty: there is nothing to roll back to."
    return (
        "No deploy in the history succeeded: there is nothing that could be rolled back to. "
        "Look at the failed deploys."
    )


def _eligible(history: History, scope: Scope) -> Iterator[Deploy]:
    left = RolledBackFrom()
    for deploy in history:
        left.pass_by(deploy)
        if deploy.succeeded and not left.holds(deploy, scope):
            yield deploy


def _older_than_content(history: History, running: Deploy, scope: Scope) -> Iterator[Deploy]:
    """Yield what is eligible and brings no part forward: each is what runs now, or older than that.

    Image and Dags are looked at apart, because a rollback or a deploy of one of them leaves them at different
    ages.
    """

    @cache  # and only asked where a part differs: where a part came from may be far back in the history
    def origin(part: str) -> Deploy:
        return _origin(history, running, part)

    def goes_back(deploy: Deploy, part: str) -> bool:
        same = deploy.part(part) is not None and deploy.part(part) == running.part(part)
        return same or history.is_older(deploy, origin(part))

    for deploy in _eligible(history, scope):
        if all(goes_back(deploy, part) for part in sorted(scope.parts)):
            yield deploy


def _origin(history: History, running: Deploy, part: str) -> Deploy:
    origin = history.origin(running, part)
    if origin is None:
        raise DeployNotFound(
            f"What runs now (deploy {running.id}, after a rollback) came from a deploy that the history no "
            "longer holds, so nothing older than it is known. Name a deploy by its id."
        )
    return origin


def _first_different(target: DeploySelector, pool: Iterator[Deploy], running: Deploy, scope: Scope) -> Deploy:
    for deploy in pool:
        if not deploy.same_content(running, scope):
            return deploy
    raise DeployNotFound(
        f"No deploy fits {str(target)!r}: none in the history succeeded, brings other content ({scope}) than "
        f"what runs now ({running.id}){', is older than that' if target.kind == 'previous' else ''} and was "
        "not rolled back from. Name a deploy by its id to choose any other."
    )


def _require_one_commit(target: DeploySelector, history: History) -> None:
    """Refuse an abbreviated commit that fits several, whether or not they can be rolled back to.

    It takes the whole history to know that, and is worth it: which of two commits runs in production is not
    for this package to guess. A full commit is unmistakable, and the search for it ends where it is found.

    :raises AmbiguousTarget: when it fits several.
    """
    if len(target.value) in _FULL_COMMITS:
        return
    commits = sorted({(deploy.git_commit or "").lower() for deploy in history if target.matches(deploy)})
    if len(commits) > 1:
        raise AmbiguousTarget(
            f"{str(target)!r} fits {len(commits)} commits: {', '.join(commits[:5])}. Give more digits."
        )


def _match_commit(value: str) -> Callable[[Deploy], bool]:
    if not re.fullmatch(r"[0-9a-fA-F]{7,64}", value):
        raise InvalidTarget(f"{value!r} is not a git commit of 7 to 64 hex digits. {_HELP}")
    return lambda deploy: (deploy.git_commit or "").lower().startswith(value.lower())


def _match_runtime(value: str) -> Callable[[Deploy], bool]:
    if re.fullmatch(r"[1-9][0-9]{0,3}", value) and int(value) >= _FIRST_PLAIN_SERIES:
        return lambda deploy: _numbers(deploy)[:1] == (int(value),) and _major(deploy) == 2
    if series := re.fullmatch(r"([34])\.(0|[1-9][0-9]{0,2})", value):
        wanted = int(series[1]), int(series[2])
        return lambda deploy: _numbers(deploy)[:2] == wanted and _major(deploy) != 2
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
    wanted = int(series[1]), int(series[2])
    return lambda deploy: deploy.versions.airflow_series == wanted


def _match_before(value: str) -> Callable[[Deploy], bool]:
    try:
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", value))
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
