# SPDX-License-Identifier: Apache-2.0
"""Reads Deployments and deploy histories, plans rollbacks and submits them, whatever the platform."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, TypeVar

from airflow_rollback_provider.deploy_events.poll import wait_for_deploy
from airflow_rollback_provider.domain.arguments import seconds
from airflow_rollback_provider.domain.compatibility import PlanWarning
from airflow_rollback_provider.domain.deploys import Access, Capabilities, Deploy, Deployment, Scope
from airflow_rollback_provider.domain.errors import (
    AccessDenied,
    DeployInProgress,
    DeployNotFound,
    NotFound,
    OutcomeUnknown,
    PlatformError,
    RequestLost,
    RollbackError,
    RollbackRefused,
    StalePlan,
)
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.idempotency import describe, find_by_key
from airflow_rollback_provider.domain.plan import RollbackPlan, make_plan, off_by
from airflow_rollback_provider.domain.selector import DeploySelector
from airflow_rollback_provider.platforms.base import ProvesRequest, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_rollback_provider.deploy_events.poll import Subscription
    from airflow_rollback_provider.deploy_events.subscription import Cursor, WaitResult
    from airflow_rollback_provider.domain.idempotency import Origin
    from airflow_rollback_provider.http.messages import Flow
    from airflow_rollback_provider.http.transports import RequestsTransport
    from airflow_rollback_provider.platforms.base import LogLine, Page, Platform, Survey

T = TypeVar("T")

TOLERATED_SKEW = timedelta(seconds=60)
"""How far the local clock may be off before a plan warns of it."""
GRACE_PERIOD = 120.0
"""Seconds that a request whose answer was lost may take to show in the deploy history, by default."""
FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0


@dataclass(frozen=True)
class Reading:
    """A Deployment as it was read at one moment.

    :param survey: what the platform returned.
    :param history: the deploy history: the latest deploys, and older ones that are fetched when needed.
    """

    survey: Survey
    history: History = field(compare=False)

    @property
    def deployment(self) -> Deployment:
        """The Deployment."""
        return self.survey.deployment


class DeployHistoryClient:
    """The methods for tasks and shells. A subclass provides the platform and the transport."""

    _seen: dict[str, Deployment]

    @property
    def platform(self) -> Platform:
        """The platform that the connection leads to."""
        raise NotImplementedError

    @property
    def transport(self) -> RequestsTransport:
        """Carries requests and answers; its ``sleep`` is used between polls."""
        raise NotImplementedError

    @property
    def capabilities(self) -> Capabilities:
        """The features of the platform."""
        return self.platform.capabilities

    def get_deployment(self, deployment_id: str) -> Deployment:
        """Read a Deployment.

        :param deployment_id: its id or release name.
        :raises DeploymentNotFound: when there is none.
        """
        return self._remember(deployment_id, self.run(self.platform.deployment(deployment_id)))

    def deploys(self, deployment_id: str) -> Iterator[Deploy]:
        """Yield the deploys of a Deployment, newest first; each page is read when it is needed.

        :param deployment_id: the Deployment's id.
        """
        return walk(self.page(deployment_id), lambda cursor: self.page(deployment_id, cursor))

    def get_deploy(self, deployment_id: str, deploy_id: str) -> Deploy:
        """Read one deploy.

        :raises DeployNotFound: when the Deployment has none with this id.
        """
        return self.run(self.platform.deploy(deployment_id, deploy_id))

    def target_of(self, rollback: Deploy) -> Deploy:
        """Return the deploy that a rollback goes back to.

        :param rollback: the rollback's own entry in the history. It is returned itself, as it brings the same
            content, where the history does not name the target or no longer has it.
        """
        if rollback.rolled_back_to is None:
            return rollback
        try:
            return self.get_deploy(rollback.deployment_id, rollback.rolled_back_to)
        except DeployNotFound:
            return replace(rollback, id=rollback.rolled_back_to)

    def read(self, deployment_id: str) -> Reading:
        """Read a Deployment, what may be done to it, and its latest deploys, in as few requests as possible.

        :param deployment_id: its id or release name.
        :raises DeploymentNotFound: when there is none.
        """
        survey = self.run(self.platform.survey(deployment_id))
        found = self._remember(deployment_id, survey.deployment)
        return Reading(survey, History(walk(survey.page, lambda cursor: self.page(found.id, cursor))))

    def plan(
        self,
        deployment_id: str,
        target: str | DeploySelector = "previous",
        scope: str | Scope | None = None,
        *,
        reading: Reading | None = None,
    ) -> RollbackPlan:
        """Return what a rollback would do and whether it is allowed. Nothing is changed.

        :param deployment_id: the Deployment's id or release name.
        :param target: the deploy to go back to: ``previous``, an id or a selector.
        :param scope: the part to bring back; None takes what the Deployment's Dag deploy mechanism carries.
        :param reading: what :meth:`read` returned a moment ago; None reads.
        :raises InvalidTarget: when ``target`` is no selector.
        :raises DeployNotFound: when no deploy fits.
        """
        target = target if isinstance(target, DeploySelector) else DeploySelector.parse(target)
        scope = Scope.parse(scope) if isinstance(scope, str) and not isinstance(scope, Scope) else scope
        reading = reading or self.read(deployment_id)
        survey = reading.survey
        return make_plan(
            survey.deployment,
            reading.history,
            target=target,
            scope=scope,
            access=self.prove(survey.access),
            capabilities=self.capabilities,
            now=survey.now,
            chosen=self._chosen(reading, target),
            restricted=self.capabilities.restricted,
            notes=_clock_notes(survey.clock_skew),
        )

    def prove(self, access: Access) -> Access:
        """Return the access with whether the platform knows the rollback request. Nothing is changed."""
        platform = self.platform
        return self.run(platform.prove(access)) if isinstance(platform, ProvesRequest) else access

    def find_by_key(
        self, where: Reading | str, idempotency_key: str, *, since: datetime | None = None
    ) -> Deploy | None:
        """Find the rollback that carries the tag of an idempotency key, or None.

        :param where: a reading, or the id of a Deployment whose history is read.
        :param since: search all deploys that are not older; None searches the latest page, which costs no
            request on a reading.
        """
        if since is None:
            page = self.page(where) if isinstance(where, str) else where.survey.page
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
        grace_period: float | timedelta = GRACE_PERIOD,
        origin: Origin | None = None,
    ) -> Deploy:
        """Carry a plan out: read the history once more, then send the rollback exactly once.

        :param plan: a plan that is allowed.
        :param description: why, as a user or a Dag gives it.
        :param idempotency_key: the key of :func:`make_idempotency_key`; its tag goes behind the description.
        :param before_sending: called right before the request is sent. If it raises, nothing is sent.
        :param grace_period: how long a request whose answer was lost may take to show in the deploy history,
            in seconds or as a timedelta. Default 120.
        :param origin: who asked and from where, written behind the description; None writes nothing.
        :return: the rollback's entry in the history: the new one, or one that carries the tag already. That
            one goes to the deploy that the first try chose (``rolled_back_to``), which may differ from this
            plan's.
        :raises PlanRefused: when the plan is not allowed or the platform is known to have refused it.
        :raises InvalidDescription: when the description is empty or too long.
        :raises StalePlan: when another deploy landed after the plan was made.
        :raises DeployInProgress: when another deploy or rollback has not ended.
        :raises RequestLost: when the answer was lost and the history shows no trace after the grace period.
        :raises OutcomeUnknown: when the answer was lost and the history cannot be read.
        """
        grace_period = seconds(grace_period, "grace_period")
        plan.require_allowed()
        text = describe(description, idempotency_key, self.capabilities.description_limit, origin)
        resumed = self._last_check(plan, idempotency_key)
        return resumed or self._send_rollback(plan, text, idempotency_key, before_sending, grace_period)

    def wait_for_deploy(
        self, subscription: Subscription, cursor: Cursor | None = None
    ) -> tuple[WaitResult | None, Cursor]:
        """Poll once for a deploy; return how waiting for it ended and the cursor of the next poll.

        :param subscription: the deploy to wait for.
        :param cursor: where the poll before this one stopped, if there was one.
        """
        return self.run(wait_for_deploy(self.platform, subscription, cursor))

    def logs(self, deployment: Deployment | str, since: datetime) -> tuple[LogLine, ...]:
        """Read what the platform logged about a Deployment's deploys since a time, oldest first.

        :param deployment: the Deployment or its id.
        """
        return self.run(self.platform.logs(self._known(deployment), since))

    def history_url(self, deployment: Deployment | str) -> str | None:
        """Return the page of a Deployment's deploy history, None where it is not known. Sends no request.

        :param deployment: the Deployment, its id, or its release name if it was read before.
        """
        return self.platform.history_url(self._known(deployment))

    def run(self, flow: Flow[T]) -> T:
        """Run a flow; return its value."""
        return self.transport.run(flow)

    def reread_connection(self) -> None:
        """Read the connection again, where the client has it from Airflow."""

    def read_in_wait(self, read: Callable[[], T]) -> T:
        """Return what ``read`` returns. If access is denied, read the connection again and try once more.

        For the polls of a wait, which may outlast a token.

        :param read: sends requests that change nothing.
        :raises RollbackError: what ``read`` raises, the second time if access was denied.
        """
        try:
            return read()
        except AccessDenied:
            self.reread_connection()
            return read()

    def page(self, deployment_id: str, cursor: str | None = None) -> Page:
        """Read one page of a deploy history, from the latest deploy or from a cursor on."""
        return self.run(self.platform.deploys(deployment_id, cursor))

    def _last_check(self, plan: RollbackPlan, idempotency_key: str) -> Deploy | None:
        """Return the rollback if it was submitted already.

        :raises StalePlan: when the history has moved on since the plan was made.
        :raises DeployInProgress: when another deploy has not ended.
        """
        page = self.page(plan.deployment.id)
        resumed = find_by_key(page.deploys, idempotency_key)
        if resumed is not None:
            return resumed
        latest = page.deploys[0] if page.deploys else None
        if latest is None or latest.id != plan.latest_id:
            raise StalePlan(_stale(plan, latest))
        unfinished = History(page.deploys).unfinished
        if unfinished is not None:
            raise DeployInProgress(
                f"Deploy {unfinished.id} of {plan.deployment} has not ended, so nothing was submitted. Wait "
                "for it, then plan anew."
            )
        return None

    def _send_rollback(
        self,
        plan: RollbackPlan,
        text: str,
        idempotency_key: str,
        before_sending: Callable[[], None],
        grace_period: float,
    ) -> Deploy:
        flow = self.platform.roll_back(plan.deployment, plan.target, plan.scope, text)
        before_sending()
        try:
            return self.run(flow)
        except OutcomeUnknown as error:
            return self._search(plan, idempotency_key, error, grace_period)
        except (RollbackRefused, NotFound) as refusal:
            resumed = self._check_refusal(plan, idempotency_key, refusal)
            if resumed is None:
                raise
            return resumed

    def _check_refusal(
        self, plan: RollbackPlan, idempotency_key: str, refusal: RollbackError
    ) -> Deploy | None:
        """Return the rollback all the same if there is one: the answer may only look like a refusal.

        :raises OutcomeUnknown: when the history cannot be read.
        """
        try:
            return self.find_by_key(plan.deployment.id, idempotency_key)
        except RollbackError as problem:
            raise OutcomeUnknown(
                _unknown(plan, idempotency_key, refusal, problem), retryable=problem.retryable
            ) from None

    def _search(
        self, plan: RollbackPlan, idempotency_key: str, lost: OutcomeUnknown, grace_period: float
    ) -> Deploy:
        """Search the history until the grace period is over.

        :raises RequestLost: when the history was read at its end and shows no trace.
        :raises OutcomeUnknown: when it could not be read then.
        """
        problem: RollbackError | None = None
        for pause in pauses(grace_period):
            self.transport.sleep(pause)
            try:
                found = self.read_in_wait(partial(self.find_by_key, plan.deployment.id, idempotency_key))
            except PlatformError as error:
                problem = error
                continue
            except RollbackError as error:
                problem = error
                break
            if found is not None:
                return found
            problem = None
        if problem is None:
            raise RequestLost(_lost(plan, idempotency_key, lost, grace_period)) from None
        raise OutcomeUnknown(
            _unknown(plan, idempotency_key, lost, problem), retryable=problem.retryable
        ) from None

    def _chosen(self, reading: Reading, target: DeploySelector) -> Deploy | None:
        """Fetch a deploy that is named by its id and is not among the latest, rather than walk to it."""
        latest = reading.survey.page.deploys
        if latest:  # the history of the plan has all of them: some may be rollbacks that reject the target
            reading.history.find(latest[-1].id)
        if not target.exact:
            return None
        near = next((deploy for deploy in latest if deploy.id == target.value), None)
        return near or self.get_deploy(reading.deployment.id, target.value)

    def _remember(self, name: str, deployment: Deployment) -> Deployment:
        self._seen[name] = self._seen[deployment.id] = deployment
        return deployment

    def _known(self, deployment: Deployment | str) -> Deployment:
        if isinstance(deployment, Deployment):
            return deployment
        return self._seen.get(deployment) or Deployment(deployment, deployment, deployment)


def pauses(total: float) -> Iterator[float]:
    """Yield the seconds before each search: none, then growing ones that add up to ``total``."""
    yield 0.0
    pause = FIRST_PAUSE
    while total > 0:
        yield min(pause, total)
        total -= pause
        pause = min(2 * pause, _LONGEST_PAUSE)


def _stale(plan: RollbackPlan, latest: Deploy | None) -> str:
    now = f"deploy {latest.id} ({latest.status})" if latest else "nothing"
    by = f" by {latest.created_by}" if latest and latest.created_by else ""
    return (
        f"The deploy history of {plan.deployment} has moved on since the plan was made: the latest entry "
        f"was {plan.latest_id} and is {now}{by}. Nothing was submitted. Plan anew."
    )


def _lost(plan: RollbackPlan, idempotency_key: str, lost: RollbackError, grace_period: float) -> str:
    return (
        f"The request to roll {plan.deployment} back to deploy {plan.target.id} was not carried out. "
        f"{lost} The deploy history was read for {grace_period:g} s and shows no entry with "
        f"[idempotency-key:{idempotency_key}]. It was not sent again. Try again when the platform answers "
        "as usual."
    )


def _unknown(plan: RollbackPlan, idempotency_key: str, lost: RollbackError, problem: RollbackError) -> str:
    return (
        f"Whether {plan.deployment} is being rolled back to deploy {plan.target.id} is not known. {lost} "
        f"The deploy history could not be read: {problem} It was not sent again. Look at the deploy "
        f"history for an entry with [idempotency-key:{idempotency_key}]: if it is there, wait for it; if "
        "it is not there after some minutes, start anew. A later try searches for it too."
    )


def _clock_notes(skew: timedelta | None) -> tuple[PlanWarning, ...]:
    if skew is None or abs(skew) <= TOLERATED_SKEW:
        return ()
    return (PlanWarning("CLOCK-OFF", f"{off_by(skew)} The plan uses the platform's clock."),)
