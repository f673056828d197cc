# SPDX-License-Identifier: Apache-2.0
"""One try of a task: find the rollback that an earlier try submitted, or plan, agree and submit one.

The order of the steps is what makes a rollback happen once. Before anything is sent, the history is searched
for the intent's mark; the try becomes the owner; the choice is kept; a request that may be under way is given
time to show; right before the request is sent the try makes sure that it still is the owner.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import datetime
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
from airflow_rollback_provider.domain.idempotency import describe, key_in, make_idempotency_key, same_target
from airflow_rollback_provider.domain.selector import DeploySelector
from airflow_rollback_provider.domain.summary import describe_deploy, explain
from airflow_rollback_provider.rollback.guards import PreSubmitGuards
from airflow_rollback_provider.rollback.pending import PendingStore, PendingSubmission
from airflow_rollback_provider.rollback.self_downgrade import refuse_downgrade_of_itself

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_rollback_provider.domain.compatibility import PlanWarning
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.log import Log
    from airflow_rollback_provider.domain.plan import RollbackPlan
    from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook, Reading
    from airflow_rollback_provider.state import StateStore

_LONGEST_PAUSE = 15.0
_LONGEST_JITTER = 5.0


@dataclass(frozen=True)
class RollbackRequest:
    """What a task was asked to do, its templates rendered and its words read.

    :param deployment: id or release name of the Deployment.
    :param description: why.
    :param target: which deploy to go back to.
    :param scope: the part to bring back, or None for what the mechanism carries.
    :param identity: Dag, run and task. With the Deployment and the scope they make the intent, which all
        tries share.
    :param mapped: whether other instances of the task may have the same intent.
    :param first_try: no try can have submitted anything before; None where that is not known.
    :param expected_current_deploy_id: deploy that must be running, or None.
    :param acknowledged: whether the loss of going from Airflow 3 to 2 is accepted.
    :param plan_only: whether to stop at the plan.
    :param waits: whether the task waits for the end.
    :param in_progress_timeout: how long to wait for another deploy to end, in seconds; 0 does not wait.
    :param submission_grace_period: how long a request whose answer was lost may take to show in the history,
        in seconds.
    """

    deployment: str
    description: str
    target: DeploySelector
    scope: str | None
    identity: tuple[str, str, str]
    mapped: bool = False
    first_try: datetime | None = None
    expected_current_deploy_id: str | None = None
    acknowledged: bool = False
    plan_only: bool = False
    waits: bool = True
    in_progress_timeout: float = 0.0
    submission_grace_period: float = 120.0

    def idempotency_key(self, reading: Reading) -> str:
        """Return the intent: the Deployment counts by its id, however the task names it.

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


class RollbackAttempt:
    """One try.

    :param hook: the platform.
    :param store: what outlives a try.
    :param log: the task's log.
    :param pre_submit_guards: asked before a rollback is planned that no earlier try submitted.
    :param planned: told of the plan that is carried out.
    :param inspect: asked what else a plan should warn of.
    :param killed: whether Airflow has told this try to stop.
    """

    def __init__(
        self,
        hook: DeployHistoryHook,
        store: StateStore,
        log: Log,
        *,
        pre_submit_guards: PreSubmitGuards | None = None,
        planned: Callable[[RollbackPlan], None] = lambda _plan: None,
        inspect: Callable[[RollbackPlan], Iterable[PlanWarning]] = lambda _plan: (),
        killed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hook = hook
        self._store = store
        self._log = log
        self._pre_submit_guards = pre_submit_guards or PreSubmitGuards()
        self._planned = planned
        self._inspect = inspect
        self._killed = killed

    def run(self, request: RollbackRequest) -> Submitted | RollbackPlan:
        """Return the one rollback of this intent, submitted now or earlier; for a dry run the plan.

        :raises RollbackError: see :class:`RollbackOperator`.
        """
        describe(
            request.description,
            make_idempotency_key(*request.identity),
            self._hook.capabilities.description_limit,
        )
        reading = self._hook.read(request.deployment)
        if request.plan_only:  # about the Deployment as it is, whatever earlier tries did or still do
            return self._plan(reading, request, None)
        idempotency_key = request.idempotency_key(reading)
        pending = PendingStore(self._store, idempotency_key, time.time)
        earlier = self._earlier(reading, request, idempotency_key)
        if earlier is not None:
            return self._resume_existing(reading, earlier, request, idempotency_key, pending)
        kept = self._resolve_pending(reading, request, idempotency_key, pending)
        if isinstance(kept, Submitted):
            return kept
        try:
            reading = self._wait_until_idle(reading, request)
            # Another try may have submitted it meanwhile.
            earlier = self._hook.find_by_key(reading, idempotency_key)
            if earlier is not None:
                return self._resume_existing(reading, earlier, request, idempotency_key, pending)
            self._pre_submit_guards.check(reading)
            plan = self._plan(reading, request, kept)
            self._check_allowed(plan, request)
        except RollbackError:
            self._tidy(pending.release)
            raise
        self._planned(plan)
        return self._submit(reading, plan, request, idempotency_key, pending)

    def _earlier(self, reading: Reading, request: RollbackRequest, idempotency_key: str) -> Deploy | None:
        near = self._hook.find_by_key(reading, idempotency_key)
        if near is not None or request.first_try is None:
            return near
        return self._hook.find_by_key(reading, idempotency_key, since=request.first_try)

    def _resume_existing(
        self,
        reading: Reading,
        rollback: Deploy,
        request: RollbackRequest,
        idempotency_key: str,
        pending: PendingStore,
    ) -> Submitted:
        target = self._hook.target_of(rollback)
        if request.mapped and not same_target(
            key_in(rollback.description) or idempotency_key, idempotency_key
        ):
            raise ConflictingTargets(_conflict(reading, request, target.id))
        self._log.info(
            "An earlier try submitted this rollback already: %s. Nothing is submitted.",
            describe_deploy(rollback),
        )
        self._tidy(pending.delete)
        return Submitted(reading, rollback, target, resumed=True)

    def _tidy(self, write: Callable[[], None]) -> None:
        """Write what later tries can do without; if that fails, they wait longer or find more."""
        try:
            write()
        except StateUnavailable as error:
            self._log.warning("Left the state of this try in Airflow: %s", error)

    def _resolve_pending(
        self, reading: Reading, request: RollbackRequest, idempotency_key: str, pending: PendingStore
    ) -> PendingSubmission | Submitted | None:
        """Become the owner; return an earlier try's choice if its request is known not to have gone through.

        :raises ConflictingTargets: when it was another mapped task with another target.
        """
        if request.mapped:  # before this task takes the ownership away from the other one
            self._require_same_target(pending.get(), reading, request, idempotency_key)
        kept = pending.claim()
        self._require_same_target(kept, reading, request, idempotency_key)
        if kept is None or kept.sent_at is None:
            return kept
        rollback = self._wait_for_trace(reading, idempotency_key, request.submission_grace_period)
        if rollback is not None:
            return self._resume_existing(reading, rollback, request, idempotency_key, pending)
        self._log.warning(
            "An earlier try was about to send the rollback; the deploy history was read for %.0f s and does "
            "not show it, so it did not go through. This try goes on to the deploy that was chosen then.",
            request.submission_grace_period,
        )
        return kept

    def _require_same_target(
        self, kept: PendingSubmission | None, reading: Reading, request: RollbackRequest, idempotency_key: str
    ) -> None:
        if kept is not None and request.mapped and not same_target(kept.idempotency_key, idempotency_key):
            raise ConflictingTargets(_conflict(reading, request, kept.target_id))

    def _wait_for_trace(self, reading: Reading, idempotency_key: str, seconds: float) -> Deploy | None:
        """Search the history until a request that may be under way would have shown.

        A request is sent right after its try made sure that it is the owner, so before this try became it.

        :raises OutcomeUnknown: when the history cannot be read.
        """
        # All tries that wait for the same request would go on at the same moment.
        jitter = random.random() * min(_LONGEST_JITTER, seconds / 10)  # noqa: S311 - spreads load
        until = time.time() + seconds + jitter
        try:
            while True:
                certain = time.time() >= until
                rollback = self._hook.find_by_key(reading.deployment.id, idempotency_key)
                if rollback is not None or certain:
                    return rollback
                self._log.info("Another try may have sent the rollback. Waiting for it to show.")
                time.sleep(max(0.1, min(_LONGEST_PAUSE, until - time.time())))
        except RollbackError as error:
            raise OutcomeUnknown(
                f"Another try may have submitted the rollback of {reading.deployment}, and the deploy "
                f"history cannot be read to tell: {error} This try submits nothing. The next one looks for "
                f"an entry with [idempotency-key:{idempotency_key}] before it submits; clear this task "
                "when the "
                "platform answers again.",
                retryable=error.retryable,
            ) from error

    def _wait_until_idle(self, reading: Reading, request: RollbackRequest) -> Reading:
        """Wait for another deploy to end, as long as the order says.

        :raises DeployInProgress: when it has not ended by then.
        """
        deadline, pause = time.monotonic() + request.in_progress_timeout, 2.0
        while (unfinished := reading.history.unfinished) is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeployInProgress(
                    f"{describe_deploy(unfinished)} has not ended on {reading.deployment}, so nothing was "
                    "submitted. Wait for it, or let the task wait with in_progress_timeout."
                )
            self._log.info("Waiting for deploy %s of %s to end.", unfinished.id, reading.deployment)
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            reading = self._hook.read(request.deployment)
        return reading

    def _plan(
        self, reading: Reading, request: RollbackRequest, choice: PendingSubmission | None
    ) -> RollbackPlan:
        target = request.target if choice is None else DeploySelector("id", choice.target_id)
        plan = self._hook.plan(request.deployment, target, request.scope, reading=reading)
        plan = plan.with_warnings(self._inspect(plan))
        self._log.info("%s", explain(plan))
        if choice is not None and choice.latest_id != plan.latest_id:
            raise StalePlan(
                f"An earlier try chose deploy {choice.target_id} when {choice.latest_id} was the latest "
                f"deploy of {plan.deployment}; now {plan.latest_id} is. Nothing was submitted: the newer "
                "deploy may be the repair. Look at it, and start a new run of the Dag if the Deployment is "
                "still to be rolled back."
            )
        if request.expected_current_deploy_id not in (None, plan.current.id):
            raise StalePlan(
                f"{plan.deployment} was to be rolled back from deploy "
                f"{request.expected_current_deploy_id}, but "
                f"{plan.current.id} runs now. Nothing was submitted. Look at the history and decide anew."
            )
        return plan

    def _check_allowed(self, plan: RollbackPlan, request: RollbackRequest) -> None:
        plan.require_allowed()
        refuse_downgrade_of_itself(plan, waits=request.waits)
        if plan.needs_acknowledgement and not request.acknowledged:
            losses = "".join(f"\n- {warning.message}" for warning in plan.warnings if warning.severe)
            raise AcknowledgementMissing(
                f"The rollback of {plan.deployment} to deploy {plan.target.id} goes from Airflow 3 to "
                f"Airflow 2. Nothing was changed. What would be lost:{losses}\nTo accept that, set "
                "acknowledge_airflow_3_to_2=True on the task."
            )

    def _submit(
        self,
        reading: Reading,
        plan: RollbackPlan,
        request: RollbackRequest,
        idempotency_key: str,
        pending: PendingStore,
    ) -> Submitted:
        chosen = PendingSubmission(plan.deployment.id, plan.target.id, plan.latest_id, idempotency_key)
        pending.choose(chosen)
        sender = False

        def before_sending() -> None:
            nonlocal sender
            pending.before_sending(chosen)
            if self._killed():
                raise TrySuperseded("Airflow has told this try to stop. It submits nothing.")
            sender = True

        try:
            rollback = self._hook.submit(
                plan,
                request.description,
                idempotency_key,
                before_sending=before_sending,
                grace_period=request.submission_grace_period,
            )
        except OutcomeUnknown:
            raise
        except TrySuperseded as superseded:
            return self._follow_owner(reading, request, idempotency_key, pending, superseded)
        except RollbackError:
            if sender:  # by a platform that is known to have refused it, or that never got it
                self._tidy(pending.refuse)
            self._tidy(pending.release)
            raise
        if not sender or rollback.rolled_back_to not in (None, plan.target.id):  # another try was faster
            return self._resume_existing(reading, rollback, request, idempotency_key, pending)
        self._tidy(pending.delete)
        self._log.info("Submitted the rollback of %s: deploy %s.", plan.deployment, rollback.id)
        return Submitted(reading, rollback, plan.target, resumed=False)

    def _follow_owner(
        self,
        reading: Reading,
        request: RollbackRequest,
        idempotency_key: str,
        pending: PendingStore,
        superseded: TrySuperseded,
    ) -> Submitted:
        """Find the rollback of the try that may submit it.

        :raises TrySuperseded: when that try has not submitted it either, or Airflow stops this one.
        """
        if self._killed():
            raise superseded
        self._log.info("%s Waiting for that try's rollback to show in the deploy history.", superseded)
        # The owner may be waiting for an earlier request itself before it sends its own.
        rollback = self._wait_for_trace(
            reading, idempotency_key, 2 * request.submission_grace_period + 2 * _LONGEST_JITTER
        )
        if rollback is None:
            raise superseded
        return self._resume_existing(reading, rollback, request, idempotency_key, pending)


def _conflict(reading: Reading, request: RollbackRequest, target_id: str) -> str:
    return (
        f"Two tasks of this mapped task roll {reading.deployment} back in the same run: one to deploy "
        f"{target_id}, this one to {str(request.target)!r}. This one submitted nothing. Name each Deployment "
        "once in the list."
    )
