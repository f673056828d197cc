# SPDX-License-Identifier: Apache-2.0
"""Rejected content: what a Deployment was rolled back from, derived from its deploy history alone.

A rollback rejects the content that it replaces, part by part: the image if it restored the image, the Dag
bundle if it restored the Dags. Content is recognised by its image tag or Dag bundle, and by the git commit of
the deploy that brought it. Two decisions end a rejection: a rollback to that content, and a deploy of it with
``[accept-release]`` in its description. An ordinary deploy does not end it, because CI may have made it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.deploys import PARTS, Deploy, Scope
from airflow_rollback_provider.domain.idempotency import without_tag
from airflow_rollback_provider.domain.jsonable import JsonDataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

_AHEAD, _STEP = 80, 20
MOST_DEPLOYS = 1000
"""The latest deploys of a history in which rollbacks are searched for."""
ACCEPT = "[accept-release]"
"""A deploy with this text in its description brings content that is accepted, whatever happened before."""


@dataclass(frozen=True)
class Rejection(JsonDataclass):
    """The rollback that rejected content.

    :param rolled_back_at: when that rollback was made.
    :param reason: the description of that rollback, in one line; empty if it has none.
    :param rollback_id: id of that rollback.
    :param rolled_back_by: its author, if known.
    :param deploy_id: the deploy that it replaced.
    """

    rolled_back_at: datetime
    reason: str
    rollback_id: str
    rolled_back_by: str | None
    deploy_id: str

    @property
    def note(self) -> str:
        """The rejection in a few words, to follow the name of a deploy."""
        reason = f": {self.reason}" if self.reason else ""
        return f"brings back what was rolled back from on {self.rolled_back_at:%Y-%m-%d}{reason}"

    def sentence(self, deploy_id: str) -> str:
        """Return the rejection of a deploy as sentences."""
        by = f" by {self.rolled_back_by}" if self.rolled_back_by else ""
        reason = f"The reason was: “{self.reason}”." if self.reason else "No reason was given."
        return (
            f"Deploy {deploy_id} brings back what was rolled back from on {self.rolled_back_at:%Y-%m-%d}{by} "
            f"(rollback {self.rollback_id}). {reason}"
        )


def with_rejections(
    newest_first: Iterable[Deploy], rejected_for: timedelta
) -> Iterator[tuple[Deploy, Rejection | None]]:
    """Yield each deploy with the rejection of the content that it brings back, while a history is read.

    Only rollbacks among the 80 deploys before it are found, so that little is kept in memory.
    """
    source, rows = iter(newest_first), deque[Deploy]()
    while True:
        rows.extend(islice(source, _STEP + _AHEAD - len(rows)))
        if not rows:
            return
        found = Rejections(tuple(rows), rejected_for)
        for _ in range(_STEP if len(rows) == _STEP + _AHEAD else len(rows)):
            deploy = rows.popleft()
            yield deploy, found.on_landing(deploy)


def what_undoes(replaced: Deploy, scope: Scope) -> str:
    """Return what will undo a rollback, as a sentence.

    :param replaced: the deploy whose content the rollback replaces.
    :param scope: the part that the rollback restores.
    """
    named = {"image": ("image tag", replaced.image_tag), "dags": ("Dag bundle", replaced.dag_bundle)}
    found = [
        f"{what} {name}" for what, name in (named[part] for part in PARTS if part in scope.parts) if name
    ]
    content = " and ".join(found) or f"the content of deploy {replaced.id}"
    return (
        f"The next deploy from CI brings {content} back unless that release is fixed, reverted or stopped "
        "there first."
    )


Content = frozenset[tuple[str, str, str]]
"""All identities of one part of a deploy: the part, the kind of the identity, and its value."""


class Rejections:
    """The rejections in a history.

    :param newest_first: deploys of one Deployment without a gap, newest first. Rollbacks before the oldest
        one are not known.
    :param rejected_for: a deploy that lands so long after the rollback, or later, is not rejected; with 0, no
        deploy is. None has no end.
    :param accepted: image tags, Dag bundles and git commits that are accepted.
    """

    def __init__(
        self,
        newest_first: Sequence[Deploy],
        rejected_for: timedelta | None = None,
        accepted: Collection[str] = (),
    ) -> None:
        self._rejected_for = rejected_for
        self._accepted = frozenset(accepted)
        self._now: dict[tuple[str, str, str], Rejection] = {}
        self._on_landing: dict[str, Rejection] = {}
        self._left: dict[str, Rejection] = {}
        self._contents: dict[str, dict[str, Content]] = {}
        before: Deploy | None = None
        for deploy in reversed(newest_first):
            self._read(deploy, before)
            before = deploy if deploy.succeeded else before

    def on_landing(self, deploy: Deploy) -> Rejection | None:
        """Return why the content that a deploy brings was rejected when it landed; None if it was not.

        For a rollback only the parts count that it restored.
        """
        return self._on_landing.get(deploy.id)

    def now(self, deploy: Deploy, scope: Scope) -> Rejection | None:
        """Return why the content of a deploy within the scope is rejected now; None if it is not.

        A deploy that a rollback replaced is rejected as a whole, until its content is accepted.
        """
        contents = self._contents.get(deploy.id) or _contents(deploy)
        return self._left.get(deploy.id) or self._find(contents, scope.parts)

    def _read(self, deploy: Deploy, before: Deploy | None) -> None:
        """Process the next later deploy.

        :param before: the deploy that ran before it.
        """
        contents = self._contents[deploy.id] = self._contents_after(deploy, before)
        touched = deploy.restored_parts if deploy.is_rollback else PARTS
        accepted = self._accepts(deploy)
        rejection = None if accepted else self._find(contents, touched)
        if rejection is not None and not deploy.failed and self._lasts(rejection, deploy):
            self._on_landing[deploy.id] = rejection
        if not deploy.succeeded:
            return
        if deploy.is_rollback and before is not None:
            self._reject(deploy, before)
        if deploy.is_rollback or accepted:
            self._end(contents, PARTS if accepted else touched)
        if accepted:
            self._left = {name: one for name, one in self._left.items() if not self._shares(name, contents)}

    def _contents_after(self, deploy: Deploy, before: Deploy | None) -> dict[str, Content]:
        """Return the identities of what runs after a deploy. A part that it kept keeps its git commit."""
        contents = _contents(deploy)
        target = self._contents.get(deploy.rolled_back_to or "", contents)
        for part in PARTS:
            if deploy.is_rollback and part in deploy.restored_parts:
                contents[part] = target[part]
            elif before is not None and deploy.part(part) == before.part(part) is not None:
                contents[part] = self._contents[before.id][part]
        return contents

    def _reject(self, rollback: Deploy, left: Deploy) -> None:
        rejection = Rejection(
            rolled_back_at=rollback.created_at,
            reason=" ".join(without_tag(rollback.description).split()),
            rollback_id=rollback.id,
            rolled_back_by=rollback.created_by,
            deploy_id=left.id,
        )
        self._left[left.id] = rejection
        for part in rollback.restored_parts:
            for identity in self._contents[left.id][part] - self._contents[rollback.id][part]:
                self._now[identity] = rejection

    def _end(self, contents: dict[str, Content], parts: Collection[str]) -> None:
        for part in parts:
            for identity in contents[part]:
                self._now.pop(identity, None)

    def _shares(self, deploy_id: str, contents: dict[str, Content]) -> bool:
        return any(self._contents[deploy_id][part] & contents[part] for part in PARTS)

    def _find(self, contents: dict[str, Content], parts: Collection[str]) -> Rejection | None:
        """Return the latest rejection among the identities of some parts."""
        found = (self._now.get(identity) for part in parts for identity in contents[part])
        return max(filter(None, found), key=lambda one: (one.rolled_back_at, one.rollback_id), default=None)

    def _accepts(self, deploy: Deploy) -> bool:
        named = {deploy.image_tag, deploy.dag_bundle, deploy.git_commit} & self._accepted
        return bool(named) or ACCEPT in deploy.description.lower()

    def _lasts(self, rejection: Rejection, deploy: Deploy) -> bool:
        return self._rejected_for is None or deploy.created_at - rejection.rolled_back_at < self._rejected_for


def _contents(deploy: Deploy) -> dict[str, Content]:
    """Return the identities of each part. A part that is not known equals no part of another deploy."""
    contents = {}
    for part in PARTS:
        value = deploy.part(part)
        identities = {(part, "content", value) if value else (part, "deploy", deploy.id)}
        if value and deploy.git_commit:
            identities.add((part, "commit", deploy.git_commit.lower()))
        contents[part] = frozenset(identities)
    return contents
