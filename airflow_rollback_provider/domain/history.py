# SPDX-License-Identifier: Apache-2.0
"""A deploy history, read from its latest deploy on, and only as far as needed."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.deploys import Deploy, DeployStatus, Scope
from airflow_rollback_provider.domain.rejections import MOST_DEPLOYS, Rejections

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import timedelta

    from airflow_rollback_provider.domain.rejections import Rejection


class History:
    """The deploys of one Deployment, newest first, read lazily.

    The order is the platform's, not that of the times in the rows. A row that comes twice, because a page
    shifted while the history was read, counts once.

    :param deploys: the deploys, newest first; it is consumed lazily and read once.
    """

    def __init__(self, deploys: Iterable[Deploy]) -> None:
        self._source = iter(deploys)
        self._read: list[Deploy] = []
        self._positions: dict[str, int] = {}
        self._rejections: tuple[int, Rejections] | None = None

    def __iter__(self) -> Iterator[Deploy]:
        return self._from(0)

    def _from(self, position: int) -> Iterator[Deploy]:
        while position < len(self._read) or self._read_one():
            yield self._read[position]
            position += 1

    def _read_one(self) -> bool:
        for deploy in self._source:
            if deploy.id not in self._positions:
                self._positions[deploy.id] = len(self._read)
                self._read.append(deploy)
                return True
        return False

    @property
    def latest(self) -> Deploy | None:
        """The latest deploy with any status; None for an empty history."""
        return next(iter(self), None)

    @property
    def running(self) -> Deploy | None:
        """The latest deploy that succeeded: the Deployment runs its content now."""
        return next((deploy for deploy in self if deploy.succeeded), None)

    @property
    def unfinished(self) -> Deploy | None:
        """The latest deploy in progress that is later than the running one.

        An earlier one was abandoned: another deploy succeeded after it.
        """
        for deploy in self:
            if deploy.succeeded:
                return None
            if deploy.status is DeployStatus.IN_PROGRESS:
                return deploy
        return None

    def read_out(self) -> History:
        """Read to the end, so that every rollback can be followed to its origin; return itself."""
        for _ in self:
            pass
        return self

    def find(self, deploy_id: str) -> Deploy | None:
        """Return the deploy with this id, or None."""
        known = self.already_read(deploy_id)
        return known or next((deploy for deploy in self if deploy.id == deploy_id), None)

    def already_read(self, deploy_id: str) -> Deploy | None:
        """Return the deploy with this id if it was read already; read no further."""
        position = self._positions.get(deploy_id)
        return self._read[position] if position is not None else None

    def is_older(self, deploy: Deploy, other: Deploy) -> bool:
        """Return whether one deploy is older than another; both were read already."""
        return self._positions[deploy.id] > self._positions[other.id]

    def origin(self, deploy: Deploy, part: str) -> Deploy | None:
        """Return the deploy that brought the ``image`` or the ``dags`` that run after ``deploy``.

        A rollback leads to its target, and a target that is a rollback leads further. A deploy that did not
        change the part leads to its predecessor.

        :param deploy: one of this history.
        :param part: ``image`` or ``dags``.
        :return: None if the history no longer contains the origin.
        """
        passed: set[str] = set()
        step: Deploy | None = deploy
        while step is not None and step.id not in passed:
            passed.add(step.id)
            following = self._step_back(step, part)
            if following is step:
                return step
            step = following
        return None

    def lineage(self, deploy: Deploy, scope: Scope) -> frozenset[str]:
        """Return the ids of the deploys whose content ``deploy`` brings, including its own.

        A deploy that was not read yet is not followed.
        """
        ids = {deploy.id}
        step: Deploy | None = deploy
        while step is not None and step.rolled_back_to and scope.parts <= step.restored_parts:
            if step.rolled_back_to in ids:
                break
            ids.add(step.rolled_back_to)
            step = self.already_read(step.rolled_back_to)
        return frozenset(ids)

    def rejection(self, deploy: Deploy, scope: Scope) -> Rejection | None:
        """Return why the content of a deploy within the scope is rejected now; None if it is not.

        Only the deploys that were read already count.
        """
        if self._rejections is None or self._rejections[0] != len(self._read):
            self._rejections = len(self._read), Rejections(self._read)
        return self._rejections[1].now(deploy, scope)

    def rejection_on_landing(
        self, deploy: Deploy, rejected_for: timedelta, accepted: Collection[str] = ()
    ) -> Rejection | None:
        """Return why the content that a deploy brought was rejected when it landed; None if it was not.

        The history is read on, through :data:`MOST_DEPLOYS` deploys at most.

        :param rejected_for: how long a rejection lasts.
        :param accepted: image tags, Dag bundles and git commits that are accepted.
        """
        rows = tuple(islice(self, MOST_DEPLOYS))
        return Rejections(rows, rejected_for, accepted).on_landing(deploy)

    def _step_back(self, deploy: Deploy, part: str) -> Deploy | None:
        if deploy.rolled_back_to == deploy.id:
            return None
        if deploy.rolled_back_to is not None and part in deploy.restored_parts:
            return self.find(deploy.rolled_back_to)
        before = self._before(deploy)
        if deploy.rolled_back_to is not None:
            return before
        kept = before is not None and deploy.part(part) is not None and before.part(part) == deploy.part(part)
        return before if kept else deploy

    def _before(self, deploy: Deploy) -> Deploy | None:
        """Return the deploy that ran before another: the next older one that succeeded."""
        older = self._from(self._positions[deploy.id] + 1)
        return next((other for other in older if other.succeeded), None)
