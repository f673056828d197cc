# SPDX-License-Identifier: Apache-2.0
"""What is to be judged: which deploy, what it is compared with, and when the windows after it are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.jsonable import JsonDataclass
from airflow_rollback_provider.domain.runs import Period
from airflow_rollback_provider.health.rule import HealthRule

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.history import History

# A platform's row may be written again long after the deploy has landed, for another reason.
_LONGEST_DEPLOY = timedelta(hours=3)


@dataclass(frozen=True)
class HealthCase(JsonDataclass):
    """A deploy to be judged.

    :param landed_at: when what it brought was running.
    :param before_until: runs before this are compared with; usually when the deploy began.
    :param rule: the numbers.
    :param trusted_from: since when what ran before the deploy was there: a Dag that ran after that could be
        read. None takes the beginning of the comparison.
    :param superseded_at: when the next deploy began; None while this one runs.
    :param critical: Dags whose failure counts by itself.
    :param ignored: Dags that do not count.
    :param known_import_errors: files that could not be read before the deploy; None when that is not known.
    :param deployment_id: the Deployment, where it is known.
    :param deploy_id: the deploy, where it is known.
    """

    landed_at: datetime
    before_until: datetime
    rule: HealthRule = field(default_factory=HealthRule)
    trusted_from: datetime | None = None
    superseded_at: datetime | None = None
    critical: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    known_import_errors: tuple[str, ...] | None = None
    deployment_id: str | None = None
    deploy_id: str | None = None

    @property
    def before(self) -> Period:
        """The runs that are compared with."""
        return Period(self.before_until - self.rule.before, self.before_until)

    @property
    def windows(self) -> tuple[Period, ...]:
        """The windows after the deploy, which neither overlap nor touch what was before."""
        first, length = self.landed_at + self.rule.grace, self.rule.window
        return tuple(
            Period(first + number * length, first + (number + 1) * length)
            for number in range(self.rule.windows)
        )

    @property
    def verdict_at(self) -> datetime:
        """When all is there that a verdict needs."""
        return self.windows[-1].end + self.rule.settling_time


def case_of(deploy: Deploy, history: History, rule: HealthRule) -> HealthCase:
    """Derive the case of a deploy from the history.

    A rollback is compared with the time when its target ran, not with the bad deploy that it undid.

    :param deploy: a deploy that succeeded.
    :param history: the Deployment's deploy history.
    """
    newer, older = _around(deploy, history)
    case = HealthCase(
        landed_at=_landed(deploy),
        before_until=deploy.created_at,
        rule=rule,
        trusted_from=_landed(older[0]) if older else None,
        superseded_at=newer[-1].created_at if newer else None,
        deployment_id=deploy.deployment_id,
        deploy_id=deploy.id,
    )
    return _compared_with_target(case, deploy, older)


def _around(deploy: Deploy, history: History) -> tuple[list[Deploy], list[Deploy]]:
    """Return the deploys that reached the Deployment after this one and before it, both newest first.

    Of those before, no more are read than are needed: up to the target of a rollback, or one.
    """
    newer: list[Deploy] = []
    older: list[Deploy] = []
    wanted = newer
    for other in history:
        if other.id == deploy.id:
            wanted = older
        elif other.succeeded or (wanted is newer and not other.status.settled):
            wanted.append(other)
        if wanted is older and older and deploy.rolled_back_to in (None, older[-1].id):
            break
    return newer, older


def _compared_with_target(case: HealthCase, deploy: Deploy, older: list[Deploy]) -> HealthCase:
    if len(older) < 2 or older[-1].id != deploy.rolled_back_to:
        return case
    target, successor = older[-1], older[-2]
    return replace(case, before_until=successor.created_at, trusted_from=_landed(target))


def _landed(deploy: Deploy) -> datetime:
    last = deploy.updated_at
    if last is not None and deploy.created_at <= last <= deploy.created_at + _LONGEST_DEPLOY:
        return last
    return deploy.created_at
