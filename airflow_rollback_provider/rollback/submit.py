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
from airflow_rollback_provider.domain.explain import describe_deploy, explain
from airflow_rollback_provider.domain.intent import describe, intent_in, intent_of, same_target
from airflow_rollback_provider.domain.targets import Target
from airflow_rollback_provider.rollback.guards import Fence
from airflow_rollback_provider.rollback.pending import PendingStore, PendingSubmission
from airflow_rollback_provider.rollback.self_downgrade import refuse_downgrade_of_itself

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.plan import RollbackPlan
    from airflow_rollback_provider.domain.rulebook import PlanWarning
    from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook, Reading
    from airflow_rollback_provider.rollback.log import Log
    from airflow_rollback_provider.state import StateStore

_LONGEST_PAUSE = 15.0
_LONGEST_JITTER = 5.0


@dataclass(frozen=True)
class Order:
    """What a task was asked to do, its templates rendered and its words read.

    :param deployment: id or release name of the Deployment.
    :param description: why.
    :param target: which deploy to go back to.
    :param scope: the part to bring back, or None for what the mechanism carries.
    :param identity: Dag, run and task. With the Deployment and the scope they make the intent, which all
        tries share.
    :param mapped: whether other instances of the task may have the same intent.
    :param first_try: no try can have submitted anything before; None where that is not known.
    :param expected_current: deploy that must be running, or None.
    :param acknowledged: whether the loss of going from Airflow 3 to 2 is accepted.
    :param plan_only: whether to stop at the plan.
    :param waits: whether the task waits for the end.
    :param busy_timeout: how long to wait for another deploy to end, in seconds; 0 does not wait.
    :param settle: how long a request whose answer was lost may take to show in the history, in seconds.
    """

    deployment: str
    description: str
    target: Target
    scope: str | None
    identity: tuple[str, str, str]
    mapped: bool = False
    first_try: datetime | None = None
    expected_current: str | None = None
    acknowledged: bool = False
    plan_only: bool = False
    waits: bool = True
    busy_timeout: float = 0.0
    settle: float = 120.0

    def intent(self, reading: Reading) -> str:
        """Return the intent: the Deployment counts by its id, however the task names it.

        :raises InvalidTarget: for a scope that does not exist.
        """
        deployment = reading.deployment
        scope = Scope.parse(self.scope) if self.scope else default_scope(deployment.mechanism)
        return intent_of(*self.identity, deployment.id, scope.value, target=str(self.target))


@dataclass(frozen=True)
class Submitted:
    """A rollback that is in the history.

    :param reading: the Deployment as it was read.
    :param rollback: the rollback's own entry.
    :param target: the deploy that it goes back to.
    :param adopted: whether an earlier try submitted it.
    """

    reading: Reading
    rollback: Deploy
    target: Deploy
    adopted: bool


class Attempt:
    """One try.

    :param hook: the platform.
    :param store: what outlives a try.
    :param log: the task's log.
    :param fence: asked before a rollback is planned that no earlier try submitted.
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
        fence: Fence | None = None,
        planned: Callable[[RollbackPlan], None] = lambda _plan: None,
        inspect: Callable[[RollbackPlan], Iterable[PlanWarning]] = lambda _plan: (),
        killed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hook = hook
        self._store = store
        self._log = log
        self._fence = fence or Fence()
        self._planned = planned
        self._inspect = inspect
        self._killed = killed

    def run(self, order: Order) -> Submitted | RollbackPlan:
        """Return the one rollback of this intent, submitted now or earlier; for a dry run the plan.

        :raises RollbackError: see :class:`RollbackOperator`.
        """
        describe(order.description, intent_of(*order.identity), self._hook.capabilities.description_limit)
        reading = self._hook.read(order.deployment)
        if order.plan_only:  # about the Deployment as it is, whatever earlier tries did or still do
            return self._plan(reading, order, None)
        intent = order.intent(reading)
        pending = PendingStore(self._store, intent, time.time)
        earlier = self._earlier(reading, order, intent)
        if earlier is not None:
            return self._adopt(reading, earlier, order, intent, pending)
        kept = self._resolve_pending(reading, order, intent, pending)
        if isinstance(kept, Submitted):
            return kept
        try:
            reading = self._when_free(reading, order)
            # Another try may have submitted it meanwhile.
            earlier = self._hook.find_intent(reading, intent)
            if earlier is not None:
                return self._adopt(reading, earlier, order, intent, pending)
            self._fence.check(reading)
            plan = self._plan(reading, order, kept)
            self._agree(plan, order)
        except RollbackError:
            self._tidy(pending.release)
            raise
        self._planned(plan)
        return self._submit(reading, plan, order, intent, pending)

    def _earlier(self, reading: Reading, order: Order, intent: str) -> Deploy | None:
        near = self._hook.find_intent(reading, intent)
        if near is not None or order.first_try is None:
            return near
        return self._hook.find_intent(reading, intent, since=order.first_try)

    def _adopt(
        self, reading: Reading, rollback: Deploy, order: Order, intent: str, pending: PendingStore
    ) -> Submitted:
        target = self._hook.target_of(rollback)
        if order.mapped and not same_target(intent_in(rollback.description) or intent, intent):
            raise ConflictingTargets(_conflict(reading, order, target.id))
        self._log.info(
            "An earlier try submitted this rollback already: %s. Nothing is submitted.",
            describe_deploy(rollback),
        )
        self._tidy(pending.delete)
        return Submitted(reading, rollback, target, adopted=True)

    def _tidy(self, write: Callable[[], None]) -> None:
        """Write what later tries can do without; if that fails, they wait longer or find more."""
        try:
            write()
        except StateUnavailable as error:
            self._log.warning("Left the state of this try in Airflow: %s", error)

    def _resolve_pending(
        self, reading: Reading, order: Order, intent: str, pending: PendingStore
    ) -> PendingSubmission | Submitted | None:
        """Become the owner; return an earlier try's choice if its request is known not to have gone through.

        :raises ConflictingTargets: when it was another mapped task with another target.
        """
        if order.mapped:  # before this task takes the ownership away from the other one
            self._require_same_target(pending.get(), reading, order, intent)
        kept = pending.claim()
        self._require_same_target(kept, reading, order, intent)
        if kept is None or kept.sent_at is None:
            return kept
        rollback = self._wait_for_trace(reading, intent, order.settle)
        if rollback is not None:
            return self._adopt(reading, rollback, order, intent, pending)
        self._log.warning(
            "An earlier try was about to send the rollback; the deploy history was read for %.0f s and does "
            "not show it, so it did not go through. This try goes on to the deploy that was chosen then.",
            order.settle,
        )
        return kept

    def _require_same_target(
        self, kept: PendingSubmission | None, reading: Reading, order: Order, intent: str
    ) -> None:
        if kept is not None and order.mapped and not same_target(kept.intent, intent):
            raise ConflictingTargets(_conflict(reading, order, kept.target_id))

    def _wait_for_trace(self, reading: Reading, intent: str, seconds: float) -> Deploy | None:
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
                rollback = self._hook.find_intent(reading.deployment.id, intent)
                if rollback is not None or certain:
                    return rollback
                self._log.info("Another try may have sent the rollback. Waiting for it to show.")
                time.sleep(max(0.1, min(_LONGEST_PAUSE, until - time.time())))
        except RollbackError as error:
            raise OutcomeUnknown(
                f"Another try may have submitted the rollback of {reading.deployment}, and the deploy "
                f"history cannot be read to tell: {error} This try submits nothing. The next one looks for "
                f"an entry with [rollback-intent:{intent}] before it submits; clear this task when the "
                "platform answers again.",
                retryable=error.retryable,
            ) from error

    def _when_free(self, reading: Reading, order: Order) -> Reading:
        """Wait for another deploy to end, as long as the order says.

        :raises DeployInProgress: when it has not ended by then.
        """
        deadline, pause = time.monotonic() + order.busy_timeout, 2.0
        while (unfinished := reading.history.unfinished) is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeployInProgress(
                    f"{describe_deploy(unfinished)} has not ended on {reading.deployment}, so nothing was "
                    "submitted. Wait for it, or let the task wait with busy_timeout."
                )
            self._log.info("Waiting for deploy %s of %s to end.", unfinished.id, reading.deployment)
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            reading = self._hook.read(order.deployment)
        return reading

    def _plan(self, reading: Reading, order: Order, choice: PendingSubmission | None) -> RollbackPlan:
        target = order.target if choice is None else Target("id", choice.target_id)
        plan = self._hook.plan(order.deployment, target, order.scope, reading=reading)
        plan = plan.with_warnings(self._inspect(plan))
        self._log.info("%s", explain(plan))
        if choice is not None and choice.latest_id != plan.head_id:
            raise StalePlan(
                f"An earlier try chose deploy {choice.target_id} when {choice.latest_id} was the newest "
                f"deploy of {plan.deployment}; now {plan.head_id} is. Nothing was submitted: the newer "
                "deploy may be the repair. Look at it, and start a new run of the Dag if the Deployment is "
                "still to be rolled back."
            )
        if order.expected_current not in (None, plan.current.id):
            raise StalePlan(
                f"{plan.deployment} was to be rolled back from deploy {order.expected_current}, but "
                f"{plan.current.id} runs now. Nothing was submitted. Look at the history and decide anew."
            )
        return plan

    def _agree(self, plan: RollbackPlan, order: Order) -> None:
        plan.require_allowed()
        refuse_downgrade_of_itself(plan, waits=order.waits)
        if plan.needs_acknowledgement and not order.acknowledged:
            losses = "".join(f"\n- {warning.message}" for warning in plan.warnings if warning.severe)
            raise AcknowledgementMissing(
                f"The rollback of {plan.deployment} to deploy {plan.target.id} goes from Airflow 3 to "
                f"Airflow 2. Nothing was changed. What would be lost:{losses}\nTo accept that, set "
                "acknowledge_airflow_3_to_2=True on the task."
            )

    def _submit(
        self, reading: Reading, plan: RollbackPlan, order: Order, intent: str, pending: PendingStore
    ) -> Submitted:
        chosen = PendingSubmission(plan.deployment.id, plan.target.id, plan.head_id, intent)
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
                plan, order.description, intent, before_sending=before_sending, grace_period=order.settle
            )
        except OutcomeUnknown:
            raise
        except TrySuperseded as superseded:
            return self._follow_owner(reading, order, intent, pending, superseded)
        except RollbackError:
            if sender:  # by a platform that is known to have refused it, or that never got it
                self._tidy(pending.refuse)
            self._tidy(pending.release)
            raise
        if not sender or rollback.rolled_back_to not in (None, plan.target.id):  # another try was faster
            return self._adopt(reading, rollback, order, intent, pending)
        self._tidy(pending.delete)
        self._log.info("Submitted the rollback of %s: deploy %s.", plan.deployment, rollback.id)
        return Submitted(reading, rollback, plan.target, adopted=False)

    def _follow_owner(
        self, reading: Reading, order: Order, intent: str, pending: PendingStore, superseded: TrySuperseded
    ) -> Submitted:
        """Find the rollback of the try that may submit it.

        :raises TrySuperseded: when that try has not submitted it either, or Airflow stops this one.
        """
        if self._killed():
            raise superseded
        self._log.info("%s Waiting for that try's rollback to show in the deploy history.", superseded)
        # The owner may be waiting for an earlier request itself before it sends its own.
        rollback = self._wait_for_trace(reading, intent, 2 * order.settle + 2 * _LONGEST_JITTER)
        if rollback is None:
            raise superseded
        return self._adopt(reading, rollback, order, intent, pending)


def _conflict(reading: Reading, order: Order, target_id: str) -> str:
    return (
        f"Two tasks of this mapped task roll {reading.deployment} back in the same run: one to deploy "
        f"{target_id}, this one to {str(order.target)!r}. This one submitted nothing. Name each Deployment "
        "once in the list."
    )
