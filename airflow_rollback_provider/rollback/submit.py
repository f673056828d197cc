# SPDX-License-Identifier: Apache-2.0
"""One try of a task: find the rollback that an earlier try submitted, or plan one, check it and submit it.

The order of the steps makes a rollback happen once. A try searches the history for the tag of its idempotency
key and becomes the owner. If an earlier request may be under way, the try gives it time to show. It then
stores its choice. Right before it sends the request, it makes sure that it still is the owner.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.checks import default_scope
from airflow_rollback_provider.domain.deploys import Scope
from airflow_rollback_provider.domain.errors import (
    AcknowledgementMissing,
    ConflictingTargets,
    DeployInProgress,
    OutcomeUnknown,
    RollbackError,
    StalePlan,
    StateUnavailable,
    TrySuperseded,
)
from airflow_rollback_provider.domain.idempotency import (
    check_description,
    key_in,
    make_idempotency_key,
    same_target,
)
from airflow_rollback_provider.domain.selector import DeploySelector
from airflow_rollback_provider.domain.summary import describe_deploy, explain
from airflow_rollback_provider.rollback.guards import PreSubmitGuards
from airflow_rollback_provider.rollback.pending import PendingStore, PendingSubmission
from airflow_rollback_provider.rollback.self_target import refuse_downgrade_of_itself

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_rollback_provider.domain.compatibility import PlanWarning
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.idempotency import Origin
    from airflow_rollback_provider.domain.log import Log
    from airflow_rollback_provider.domain.plan import RollbackPlan
    from airflow_rollback_provider.hooks.client import DeployHistoryClient, Reading
    from airflow_rollback_provider.state import StateStore

_LONGEST_PAUSE = 15.0
_LONGEST_JITTER = 5.0


@dataclass(frozen=True)
class RollbackRequest:
    """The arguments of a task, with its templates rendered and their texts read.

    :param deployment_id: id or release name of the Deployment.
    :param description: why the Deployment is rolled back.
    :param target: the deploy to go back to.
    :param scope: the part to bring back; None takes what the Deployment's Dag deploy mechanism carries.
    :param identity: ids of the Dag, the run and the task. With the Deployment and the scope they make the
        idempotency key, which all tries share.
    :param mapped: whether other instances of the task may have the same key.
    :param first_try: no try submitted anything before this time; None where it is not known.
    :param expected_current_deploy_id: id of the deploy that must be running, or None.
    :param acknowledge_airflow_3_to_2: accept what is lost when a rollback goes from Airflow 3 to 2.
    :param plan_only: stop at the plan.
    :param wait_for_completion: whether the task waits for the end of the rollback.
    :param in_progress_timeout: how long to wait for another deploy to end, in seconds; 0 does not wait.
    :param submission_grace_period: how long a request whose answer was lost may take to show in the history,
        in seconds.
    :param origin: who asked and from where, for the history; None writes nothing.
    """

    deployment_id: str
    description: str
    target: DeploySelector
    scope: str | None
    identity: tuple[str, str, str]
    mapped: bool = False
    first_try: datetime | None = None
    expected_current_deploy_id: str | None = None
    acknowledge_airflow_3_to_2: bool = False
    plan_only: bool = False
    wait_for_completion: bool = True
    in_progress_timeout: float = 0.0
    submission_grace_period: float = 120.0
    origin: Origin | None = None

    def idempotency_key(self, reading: Reading) -> str:
        """Return the key. It holds the Deployment's id, also where the task gives the release name.

        :raises InvalidTarget: for a scope that does not exist.
        """
        deployment = reading.deployment
        scope = Scope.parse(self.scope) if self.scope else default_scope(deployment.mechanism)
        return make_idempotency_key(*self.identity, deployment.id, scope.value, target=str(self.target))


@dataclass(frozen=True)
class Submitted:
    """A rollback that is in the history.

    :param reading: the Deployment as it was read.
    :param rollback: the rollback's own entry.
    :param target: the deploy that it goes back to.
    :param resumed: whether an earlier try submitted it.
    """

    reading: Reading
    rollback: Deploy
    target: Deploy
    resumed: bool


def submit_rollback(
    request: RollbackRequest,
    hook: DeployHistoryClient,
    store: StateStore,
    log: Log,
    *,
    guards: PreSubmitGuards | None = None,
    planned: Callable[[RollbackPlan], None] = lambda _plan: None,
    inspect: Callable[[RollbackPlan], Iterable[PlanWarning]] = lambda _plan: (),
    killed: Callable[[], bool] = lambda: False,
) -> Submitted | RollbackPlan:
    """Return the one rollback of the request's idempotency key, submitted now or by an earlier try.

    :param request: the task's arguments.
    :param hook: the platform.
    :param store: keeps what outlives a try.
    :param log: the task's log.
    :param guards: checked before a rollback is planned that no earlier try submitted.
    :param planned: called with the plan right before it is carried out.
    :param inspect: returns further warnings for a plan.
    :param killed: whether Airflow has stopped this try. It sends nothing from then on.
    :return: the rollback; with ``plan_only`` the plan.
    :raises RollbackError: see :class:`RollbackOperator`.
    """
    guards = guards or PreSubmitGuards()
    return RollbackAttempt(request, hook, store, log, guards, planned, inspect, killed).run()


class RollbackAttempt:
    """One try; see :func:`submit_rollback`."""

    _reading: Reading
    _idempotency_key: str
    _pending: PendingStore

    def __init__(
        self,
        request: RollbackRequest,
        hook: DeployHistoryClient,
        store: StateStore,
        log: Log,
        guards: PreSubmitGuards,
        planned: Callable[[RollbackPlan], None],
        inspect: Callable[[RollbackPlan], Iterable[PlanWarning]],
        killed: Callable[[], bool],
    ) -> None:
        self._request = request
        self._hook = hook
        self._store = store
        self._log = log
        self._guards = guards
        self._on_planned = planned
        self._inspect = inspect
        self._killed = killed

    def run(self) -> Submitted | RollbackPlan:
        """Find or submit the rollback."""
        request = self._request
        check_description(request.description, self._hook.capabilities.description_limit)
        self._reading = self._hook.read(request.deployment_id)
        if request.plan_only:  # shows the Deployment as it is, whatever earlier tries did or still do
            return self._plan(None)
        self._idempotency_key = request.idempotency_key(self._reading)
        self._pending = PendingStore(self._store, self._idempotency_key, time.time)
        earlier = self._find_earlier()
        if earlier is not None:
            return self._resume_existing(earlier)
        kept = self._resolve_pending()
        if isinstance(kept, Submitted):
            return kept
        try:
            self._wait_until_idle()
            # Another try may have submitted it meanwhile.
            earlier = self._hook.find_by_key(self._reading, self._idempotency_key)
            if earlier is not None:
                return self._resume_existing(earlier)
            self._guards.check(self._reading)
            plan = self._plan(kept)
            self._check_allowed(plan)
        except RollbackError:
            self._tidy(self._pending.release)
            raise
        self._on_planned(plan)
        return self._submit(plan)

    def _find_earlier(self) -> Deploy | None:
        near = self._hook.find_by_key(self._reading, self._idempotency_key)
        if near is not None or self._request.first_try is None:
            return near
        return self._hook.find_by_key(self._reading, self._idempotency_key, since=self._request.first_try)

    def _resume_existing(self, rollback: Deploy) -> Submitted:
        target = self._hook.target_of(rollback)
        self._require_same_target(key_in(rollback.description), target.id)
        self._log.info(
            "An earlier try submitted this rollback already: %s. Nothing is submitted.",
            describe_deploy(rollback),
        )
        self._tidy(self._pending.delete)
        return Submitted(self._reading, rollback, target, resumed=True)

    def _tidy(self, write: Callable[[], None]) -> None:
        """Write what is not essential; if the write fails, later tries wait longer or find more."""
        try:
            write()
        except StateUnavailable as error:
            self._log.warning("Left the state of this try in Airflow: %s", error)

    def _resolve_pending(self) -> PendingSubmission | Submitted | None:
        """Become the owner; return an earlier try's choice if its request is known not to have gone through.

        :raises ConflictingTargets: when it was another mapped task with another target.
        """
        if self._request.mapped:  # before this task takes the ownership away from the other one
            self._check_kept(self._pending.get())
        kept = self._pending.claim()
        self._check_kept(kept)
        if kept is None or kept.sent_at is None:
            return kept
        grace_period = self._request.submission_grace_period
        rollback = self._wait_for_trace(grace_period)
        if rollback is not None:
            return self._resume_existing(rollback)
        self._log.warning(
            "An earlier try was about to send the rollback. The deploy history was read for %.0f s and does "
            "not show it, so the request did not go through. This try goes back to the deploy that the "
            "earlier try chose.",
            grace_period,
        )
        return kept

    def _check_kept(self, kept: PendingSubmission | None) -> None:
        if kept is not None:
            self._require_same_target(kept.idempotency_key, kept.target_id)

    def _require_same_target(self, idempotency_key: str | None, target_id: str) -> None:
        """Do nothing unless another mapped task made this key with another target.

        :raises ConflictingTargets: when it did.
        """
        if not self._request.mapped or idempotency_key is None:
            return
        if not same_target(idempotency_key, self._idempotency_key):
            raise ConflictingTargets(
                f"Two tasks of this mapped task roll {self._reading.deployment} back in the same run: one to "
                f"deploy {target_id}, this one to {str(self._request.target)!r}. This one submitted nothing. "
                "Name each Deployment once in the list."
            )

    def _wait_for_trace(self, seconds: float) -> Deploy | None:
        """Search the history until a request that may be under way would have shown.

        A try sends its request right after it made sure that it is the owner. So such a request was sent
        before this try became the owner.

        :raises OutcomeUnknown: when the history cannot be read.
        """
        # Without jitter, all tries that wait for the same request would go on at the same moment.
        jitter = random.random() * min(_LONGEST_JITTER, seconds / 10)  # noqa: S311 - spreads load
        until = time.time() + seconds + jitter
        search = partial(self._hook.find_by_key, self._reading.deployment.id, self._idempotency_key)
        try:
            while True:
                certain = time.time() >= until
                rollback = self._hook.read_in_wait(search)
                if rollback is not None or certain:
                    return rollback
                self._log.info("Another try may have sent the rollback. Waiting for it to show.")
                time.sleep(max(0.1, min(_LONGEST_PAUSE, until - time.time())))
        except RollbackError as error:
            raise OutcomeUnknown(
                f"Another try may have submitted the rollback of {self._reading.deployment}, and the deploy "
                f"history cannot be read to find out: {error} This try submits nothing. The next one "
                f"searches for an entry with [idempotency-key:{self._idempotency_key}] before it submits; "
                "clear this task when the platform answers again.",
                retryable=error.retryable,
            ) from error

    def _wait_until_idle(self) -> None:
        """Wait for another deploy to end, and read the Deployment again.

        :raises DeployInProgress: when it has not ended after ``in_progress_timeout``.
        """
        deadline, pause = time.monotonic() + self._request.in_progress_timeout, 2.0
        while (unfinished := self._reading.history.unfinished) is not None:
            deployment, left = self._reading.deployment, deadline - time.monotonic()
            if left <= 0:
                raise DeployInProgress(
                    f"{describe_deploy(unfinished)} has not ended on {deployment}, so nothing was "
                    "submitted. Wait for it, or let the task wait with in_progress_timeout."
                )
            self._log.info("Waiting for deploy %s of %s to end.", unfinished.id, deployment)
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            self._reading = self._hook.read_in_wait(partial(self._hook.read, self._request.deployment_id))

    def _plan(self, kept: PendingSubmission | None) -> RollbackPlan:
        request = self._request
        target = request.target if kept is None else DeploySelector("id", kept.target_id)
        plan = self._hook.plan(request.deployment_id, target, request.scope, reading=self._reading)
        plan = plan.with_warnings(self._inspect(plan))
        self._log.info("%s", explain(plan))
        if kept is not None and kept.latest_id != plan.latest_id:
            raise StalePlan(
                f"An earlier try chose deploy {kept.target_id} when {kept.latest_id} was the latest "
                f"deploy of {plan.deployment}; now {plan.latest_id} is. Nothing was submitted: the newer "
                "deploy may be the repair. Look at it, and start a new run of the Dag if the Deployment is "
                "still to be rolled back."
            )
        if request.expected_current_deploy_id not in (None, plan.current.id):
            raise StalePlan(
                f"{plan.deployment} was to be rolled back from deploy "
                f"{request.expected_current_deploy_id}, but {plan.current.id} runs now. Nothing was "
                "submitted. Look at the history and decide anew."
            )
        return plan

    def _check_allowed(self, plan: RollbackPlan) -> None:
        plan.require_allowed()
        refuse_downgrade_of_itself(plan, wait_for_completion=self._request.wait_for_completion)
        if plan.needs_acknowledgement and not self._request.acknowledge_airflow_3_to_2:
            losses = "".join(f"\n- {warning.message}" for warning in plan.warnings if warning.severe)
            raise AcknowledgementMissing(
                f"The rollback of {plan.deployment} to deploy {plan.target.id} goes from Airflow 3 to "
                f"Airflow 2. Nothing was changed. The severe warnings:{losses}\nTo accept that, set "
                "acknowledge_airflow_3_to_2=True on the task."
            )

    def _submit(self, plan: RollbackPlan) -> Submitted:
        chosen = PendingSubmission(plan.deployment.id, plan.target.id, plan.latest_id, self._idempotency_key)
        self._pending.choose(chosen)
        sender = False

        def before_sending() -> None:
            nonlocal sender
            self._pending.before_sending(chosen)
            if self._killed():
                raise TrySuperseded("Airflow has stopped this try. It submits nothing.")
            sender = True

        try:
            rollback = self._hook.submit(
                plan,
                self._request.description,
                self._idempotency_key,
                before_sending=before_sending,
                grace_period=self._request.submission_grace_period,
                origin=self._request.origin,
            )
        except OutcomeUnknown:
            raise
        except TrySuperseded as superseded:
            return self._follow_owner(superseded)
        except RollbackError:
            if sender:  # the platform is known to have refused the request, or never received it
                self._tidy(self._pending.refuse)
            self._tidy(self._pending.release)
            raise
        if not sender or rollback.rolled_back_to not in (None, plan.target.id):  # another try was faster
            return self._resume_existing(rollback)
        self._tidy(self._pending.delete)
        self._log.info("Submitted the rollback of %s: deploy %s.", plan.deployment, rollback.id)
        return Submitted(self._reading, rollback, plan.target, resumed=False)

    def _follow_owner(self, superseded: TrySuperseded) -> Submitted:
        """Find the rollback of the try that may submit it.

        :raises TrySuperseded: when that try has not submitted it either, or Airflow stops this one.
        """
        if self._killed():
            raise superseded
        self._log.info("%s Waiting for that try's rollback to show in the deploy history.", superseded)
        # The owner may be waiting for an earlier request itself before it sends its own.
        rollback = self._wait_for_trace(2 * self._request.submission_grace_period + 2 * _LONGEST_JITTER)
        if rollback is None:
            raise superseded
        return self._resume_existing(rollback)
