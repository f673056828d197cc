# SPDX-License-Identifier: Apache-2.0
"""What can be asked of a Deployment's deploy history, whichever platform keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, TypeVar

from airflow_rollback_provider.deploy_events.poll import wait_for_deploy
from airflow_rollback_provider.domain.compatibility import PlanWarning
from airflow_rollback_provider.domain.deploys import Capabilities, Deploy, Deployment, DeployStatus, Scope
from airflow_rollback_provider.domain.errors import DeployNotFound
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.idempotency import find_by_key
from airflow_rollback_provider.domain.plan import RollbackPlan, make_plan
from airflow_rollback_provider.domain.selector import DeploySelector
from airflow_rollback_provider.platforms.paging import walk
from airflow_rollback_provider.rollback.submission import GRACE_PERIOD, Submission

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_rollback_provider.deploy_events.poll import Subscription
    from airflow_rollback_provider.deploy_events.subscription import Cursor, WaitResult
    from airflow_rollback_provider.http.messages import Flow
    from airflow_rollback_provider.http.transports import RequestsTransport
    from airflow_rollback_provider.platforms.base import LogLine, Page, Platform, Survey

T = TypeVar("T")

TOLERATED_SKEW = timedelta(seconds=60)
"""How far the local clock may be off before a plan warns of it."""


@dataclass(frozen=True)
class Reading:
    """A Deployment as it was read at one moment.

    :param survey: what the platform told.
    :param history: the deploy history, the latest deploys read, older ones fetched when they are looked at.
    """

    survey: Survey
    history: History = field(compare=False)

    @property
    def deployment(self) -> Deployment:
        """The Deployment."""
        return self.survey.deployment


class DeployHistoryClient:
    """The verbs for tasks and shells. A subclass says which platform is asked and over which transport."""

    _seen: dict[str, Deployment]

    @property
    def platform(self) -> Platform:
        """The platform that the connection leads to."""
        raise NotImplementedError

    @property
    def transport(self) -> RequestsTransport:
        """What carries requests and answers."""
        raise NotImplementedError

    @property
    def capabilities(self) -> Capabilities:
        """What the platform can do at all."""
        return self.platform.capabilities

    def get_deployment(self, deployment: str) -> Deployment:
        """Read a Deployment.

        :param deployment: its id or release name.
        :raises DeploymentNotFound: when there is none.
        """
        return self._remember(deployment, self.run(self.platform.deployment(deployment)))

    def deploys(self, deployment_id: str) -> Iterator[Deploy]:
        """Yield the deploys of a Deployment, newest first, asking for each page when it is needed.

        :param deployment_id: the Deployment's id.
        """
        return walk(self._page(deployment_id), lambda cursor: self._page(deployment_id, cursor))

    def get_deploy(self, deployment_id: str, deploy_id: str) -> Deploy:
        """Read one deploy.

        :raises DeployNotFound: when the Deployment has none with this id.
        """
        return self.run(self.platform.deploy(deployment_id, deploy_id))

    def target_of(self, rollback: Deploy) -> Deploy:
        """Return the deploy that a rollback goes back to.

        :param rollback: the rollback's own entry in the history. It stands for its target, whose content it
            brings, where the history does not name the target or no longer holds it.
        """
        if rollback.rolled_back_to is None:
            return rollback
        try:
            return self.get_deploy(rollback.deployment_id, rollback.rolled_back_to)
        except DeployNotFound:
            return replace(rollback, id=rollback.rolled_back_to)

    def read(self, deployment: str) -> Reading:
        """Read a Deployment, what may be done to it, and its latest deploys, in as few requests as possible.

        :param deployment: its id or release name.
        :raises DeploymentNotFound: when there is none.
        """
        survey = self.run(self.platform.survey(deployment))
        found = self._remember(deployment, survey.deployment)
        return Reading(survey, History(walk(survey.page, lambda cursor: self._page(found.id, cursor))))

    def plan(
        self,
        deployment: str,
        target: str | DeploySelector = "previous",
        scope: str | Scope | None = None,
        *,
        reading: Reading | None = None,
    ) -> RollbackPlan:
        """Work out what a rollback would do and whether it may be done. Nothing is changed.

        :param deployment: the Deployment's id or release name.
        :param target: which deploy is meant: ``previous``, an id or a selector.
        :param scope: the part to bring back; None takes what the Deployment's Dag deploy mechanism carries.
        :param reading: what :meth:`read` returned a moment ago; None reads.
        :raises InvalidTarget: when ``target`` does not say which deploy is meant.
        :raises DeployNotFound: when no deploy is meant.
        """
        target = target if isinstance(target, DeploySelector) else DeploySelector.parse(target)
        scope = Scope.parse(scope) if isinstance(scope, str) and not isinstance(scope, Scope) else scope
        reading = reading or self.read(deployment)
        survey = reading.survey
        return make_plan(
            survey.deployment,
            reading.history,
            target=target,
            scope=scope,
            access=survey.access,
            capabilities=self.capabilities,
            now=survey.now,
            chosen=self._chosen(reading, target),
            restricted=self.capabilities.restricted,
            notes=_clock_notes(survey.clock_skew),
        )

    def find_by_key(
        self, where: Reading | str, idempotency_key: str, *, since: datetime | None = None
    ) -> Deploy | None:
        """Find the rollback that carries an intent's mark, or None.

        :param where: a reading, or the id of a Deployment whose history is read.
        :param since: look at all deploys that are not older; None looks at the latest page, which costs no
            request on a reading.
        """
        if since is None:
            page = self._page(where) if isinstance(where, str) else where.survey.page
            return find_by_key(page.deploys, idempotency_key)
        deploys = self.deploys(where) if isinstance(where, str) else where.history
        return find_by_key(takewhile(lambda deploy: deploy.created_at >= since, deploys), idempotency_key)

    def submit(
        self,
        plan: RollbackPlan,
        description: str,
        idempotency_key: str,
        *,
        before_sending: Callable[[], None] = lambda: None,
        grace_period: float = GRACE_PERIOD,
    ) -> Deploy:
        """Carry a plan out: look at the history once more, then send the rollback exactly once.

        :param plan: a plan that is allowed.
        :param description: why, as a person or a Dag gives it.
        :param idempotency_key: the intent of :func:`make_idempotency_key`; its mark goes behind the
            description.
        :param before_sending: called right before the request is sent. If it raises, nothing is sent.
        :param grace_period: how long a request whose answer was lost may take to show in the deploy history,
            in seconds. Default 120.
        :return: the rollback's entry in the history: the new one, or one that carries the mark already. That
            one goes to the deploy which the first attempt chose (``rolled_back_to``), which need not be this
            plan's.
        :raises PlanRefused: when the plan is not allowed or the platform is known to have refused it.
        :raises InvalidDescription: when the description is empty or too long.
        :raises StalePlan: when another deploy landed after the plan was made.
        :raises DeployInProgress: when another deploy or rollback has not ended.
        :raises RequestLost: when the answer was lost and the history shows no trace after the grace period.
        :raises OutcomeUnknown: when the answer was lost and the history cannot be read.
        """
        submission = Submission(self.platform, self.transport, before_sending, grace_period)
        return submission.submit(plan, description, idempotency_key)

    def wait_for_deploy(
        self, subscription: Subscription, cursor: Cursor | None = None
    ) -> tuple[WaitResult | None, Cursor]:
        """Look once for a deploy that is waited for; return how that ended and where the next look goes on.

        :param subscription: what is waited for.
        :param cursor: where the look before this one stopped, if there was one.
        """
        return self.run(wait_for_deploy(self.platform, subscription, cursor))

    def state(self, deployment_id: str, rollback_id: str) -> DeployStatus:
        """Read how far a rollback has come.

        :raises DeployNotFound: when the Deployment has none with this id.
        """
        return self.get_deploy(deployment_id, rollback_id).status

    def logs(self, deployment: Deployment | str, since: datetime) -> tuple[LogLine, ...]:
        """Read what the platform logged about a Deployment's deploys since a time, oldest first.

        :param deployment: the Deployment or its id.
        """
        return self.run(self.platform.logs(self._known(deployment), since))

    def history_url(self, deployment: Deployment | str) -> str | None:
        """Return the page of a Deployment's deploy history, None where it is not known. Asks nobody.

        :param deployment: the Deployment, its id, or its release name if it was read before.
        """
        return self.platform.history_url(self._known(deployment))

    def run(self, flow: Flow[T]) -> T:
        """Run a flow; return its value."""
        return self.transport.run(flow)

    def _page(self, deployment_id: str, cursor: str | None = None) -> Page:
        return self.run(self.platform.deploys(deployment_id, cursor))

    def _chosen(self, reading: Reading, target: DeploySelector) -> Deploy | None:
        """Fetch a deploy that is named by its id and is not among the latest, rather than walk to it."""
        if not target.exact:
            return None
        near = next((deploy for deploy in reading.survey.page.deploys if deploy.id == target.value), None)
        return near or self.get_deploy(reading.deployment.id, target.value)

    def _remember(self, name: str, deployment: Deployment) -> Deployment:
        self._seen[name] = self._seen[deployment.id] = deployment
        return deployment

    def _known(self, deployment: Deployment | str) -> Deployment:
        if isinstance(deployment, Deployment):
            return deployment
        return self._seen.get(deployment) or Deployment(deployment, deployment, deployment)


def _clock_notes(skew: timedelta | None) -> tuple[PlanWarning, ...]:
    if skew is None or abs(skew) <= TOLERATED_SKEW:
        return ()
    side = "ahead of" if skew > timedelta(0) else "behind"
    return (
        PlanWarning(
            "CLOCK-OFF",
            f"This machine's clock is {abs(skew).total_seconds():,.0f} s {side} the platform's. The plan "
            f"goes by the platform's.",
        ),
    )
