# SPDX-License-Identifier: Apache-2.0
"""The deploy to evaluate, the time before it, and the time after it in which runs count."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.jsonable import JsonDataclass
from airflow_rollback_provider.domain.rejections import Rejection  # noqa: TC001 - decode() reads it
from airflow_rollback_provider.domain.runs import Period
from airflow_rollback_provider.health.rule import HealthRule

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.history import History

# The platform may update a row long after the deploy has landed, for another reason.
_LONGEST_DEPLOY = timedelta(hours=3)
_SETTLING_TIME = timedelta(minutes=5)


@dataclass(frozen=True)
class HealthCase(JsonDataclass):
    """A deploy to evaluate.

    :param landed_at: when the content of the deploy was running.
    :param before_until: end of the time to compare with; usually the start of the deploy.
    :param trusted_from: when the content before this deploy had landed: a Dag that ran after that could be
        imported. None takes the start of the time to compare with.
    :param superseded_at: when the next deploy began; None while this one runs.
    :param critical: Dags whose failure alone is a regression.
    :param ignored: Dags that do not count.
    :param known_import_errors: files that could not be imported before the deploy; None if not known.
    :param deployment_id: the Deployment, if known.
    :param deploy_id: the deploy, if known.
    :param rejection: the rejection of the deploy, if it brings rejected content back.
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
    rejection: Rejection | None = None

    @property
    def before(self) -> Period:
        """The time before the deploy that is the past of each Dag."""
        return Period(self.before_until - self.rule.baseline, self.before_until)

    @property
    def since(self) -> Period:
        """The time after the landing whose runs count."""
        return Period(self.landed_at, self.landed_at + self.rule.horizon)

    @property
    def settled_at(self) -> datetime:
        """When pods have restarted and files are delivered; half the horizon at most."""
        return self.landed_at + min(_SETTLING_TIME, self.rule.horizon / 2)


def case_of(deploy: Deploy, history: History, rule: HealthRule) -> HealthCase:
    """Derive the case of a deploy from the history.

    A rollback is compared with the time when its target ran, not with the bad deploy before the rollback.

    :param deploy: a deploy that succeeded.
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
    if len(older) < 2 or older[-1].id != deploy.rolled_back_to:
        return case
    target, successor = older[-1], older[-2]
    return replace(case, before_until=successor.created_at, trusted_from=_landed(target))


def _around(deploy: Deploy, history: History) -> tuple[list[Deploy], list[Deploy]]:
    """Return the deploys that reached the Deployment after this one and before it, both newest first.

    The history is read no further than needed: to one deploy before, or to the target of a rollback.
    """
    newer: list[Deploy] = []
    older: list[Deploy] = []
    group = newer
    for other in history:
        if other.id == deploy.id:
            group = older
        elif other.succeeded or (group is newer and not other.status.settled):
            group.append(other)
        if group is older and older and deploy.rolled_back_to in (None, older[-1].id):
            break
    return newer, older


def _landed(deploy: Deploy) -> datetime:
    last = deploy.updated_at
    if last is not None and deploy.created_at <= last <= deploy.created_at + _LONGEST_DEPLOY:
        return last
    return deploy.created_at
