# SPDX-License-Identifier: Apache-2.0
"""One try of a task: find the rollback that an earlier try submitted, or plan, agree and submit one.

The order of the steps is what makes a rollback happen once. Before anything is sent, the history is searched
for the intent's mark; the choice is kept before the request is sent; a request that may be under way is given
time to show.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import (
    AcknowledgementMissing,
    DeployInProgress,
    OutcomeUnknown,
    RollbackError,
    StalePlan,
)
from airflow_rollback_provider.domain.explain import describe_deploy, explain
from airflow_rollback_provider.domain.intent import describe
from airflow_rollback_provider.domain.targets import Target
from airflow_rollback_provider.operators.fence import Fence
from airflow_rollback_provider.operators.memory import Choice
from airflow_rollback_provider.operators.whereabouts import refuse_downgrade_of_itself

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.plan import RollbackPlan
    from airflow_rollback_provider.domain.rulebook import PlanWarning
    from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook, Reading
    from airflow_rollback_provider.operators.log import Log
    from airflow_rollback_provider.operators.memory import Memory

_LONGEST_PAUSE = 15.0


@dataclass(frozen=True)
class Order:
    """What a task was asked to do, its templates rendered and its words read.

    :param deployment: id or release name of the Deployment.
    :param description: why.
    :param target: which deploy to go back to.
    :param scope: the part to bring back, or None for what the mechanism carries.
    :param intent: the wish that all tries of the task instance share.
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
    intent: str
    first_try: datetime | None = None
    expected_current: str | None = None
    acknowledged: bool = False
    plan_only: bool = False
    waits: bool = True
    busy_timeout: float = 0.0
    settle: float = 120.0


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
    :param memory: what earlier tries left.
    :param log: the task's log.
    :param fence: asked before a rollback is planned that no earlier try submitted.
    :param planned: told of the plan that is carried out.
    :param inspect: asked what else a plan should warn of.
    """

    def __init__(
        self,
        hook: DeployHistoryHook,
        memory: Memory,
        log: Log,
        *,
        fence: Fence | None = None,
        planned: Callable[[RollbackPlan], None] = lambda _plan: None,
        inspect: Callable[[RollbackPlan], Iterable[PlanWarning]] = lambda _plan: (),
    ) -> None:
        self._hook = hook
        self._memory = memory
        self._log = log
        self._fence = fence or Fence()
        self._planned = planned
        self._inspect = inspect

    def run(self, order: Order) -> Submitted | RollbackPlan:
        """Return the one rollback of this intent, submitted now or earlier; for a dry run the plan.

        :raises RollbackError: see :class:`RollbackOperator`.
        """
        describe(order.description, order.intent, self._hook.capabilities.description_limit)
        reading = self._hook.read(order.deployment)
        if order.plan_only:  # about the Deployment as it is, whatever earlier tries did or still do
            return self._plan(reading, order, None)
        earlier = self._earlier(reading, order)
        if earlier is not None:
            return self._adopt(reading, earlier, order)
        choice = self._settled_choice(reading, order)
        if isinstance(choice, Submitted):
            return choice
        reading = self._when_free(reading, order)
        self._fence.check(reading)
        plan = self._plan(reading, order, choice)
        self._agree(plan, order)
        self._planned(plan)
        return self._submit(reading, plan, order)

    def _earlier(self, reading: Reading, order: Order) -> Deploy | None:
        near = self._hook.find_intent(reading, order.intent)
        if near is not None or order.first_try is None:
            return near
        return self._hook.find_intent(reading, order.intent, since=order.first_try)

    def _adopt(self, reading: Reading, rollback: Deploy, order: Order) -> Submitted:
        self._log.info(
            "An earlier try submitted this rollback already: %s. Nothing is submitted.",
            describe_deploy(rollback),
        )
        self._memory.forget(order.intent)
        return Submitted(reading, rollback, self._hook.target_of(rollback), adopted=True)

    def _settled_choice(self, reading: Reading, order: Order) -> Choice | Submitted | None:
        """Return what an earlier try chose, once it is certain that its request did not go through."""
        choice = self._memory.recall(order.intent)
        if choice is None or choice.sent_at is None:
            return choice
        rollback = self._wait_for_trace(reading, choice.sent_at, order)
        if rollback is not None:
            return self._adopt(reading, rollback, order)
        self._log.warning(
            "An earlier try was about to send the rollback; %.0f s later the deploy history does not show "
            "it, so it did not go through. It is submitted now, to the deploy that was chosen then.",
            order.settle,
        )
        choice = replace(choice, sent_at=None)
        self._memory.keep(order.intent, choice)
        return choice

    def _wait_for_trace(self, reading: Reading, sent_at: float, order: Order) -> Deploy | None:
        """Search the history until a request that may be under way would have shown.

        :raises OutcomeUnknown: when the history cannot be read, so that nobody can tell.
        """
        try:
            while True:
                certain = time.time() >= sent_at + order.settle
                rollback = self._hook.find_intent(reading.deployment.id, order.intent)
                if rollback is not None or certain:
                    return rollback
                self._log.info(
                    "An earlier try may have sent the rollback. Waiting for it to show in the deploy history."
                )
                time.sleep(max(0.1, min(_LONGEST_PAUSE, sent_at + order.settle - time.time())))
        except RollbackError as error:
            raise OutcomeUnknown(
                f"An earlier try may have submitted the rollback of {reading.deployment}, and the deploy "
                f"history cannot be read to tell: {error} Nothing is submitted. When the platform answers "
                f"again, clear this task: it looks for an entry with [rollback-intent:{order.intent}] before "
                "it submits."
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

    def _plan(self, reading: Reading, order: Order, choice: Choice | None) -> RollbackPlan:
        target = order.target if choice is None else Target("id", choice.target_id)
        plan = self._hook.plan(order.deployment, target, order.scope, reading=reading)
        plan = plan.with_warnings(self._inspect(plan))
        self._log.info("%s", explain(plan))
        if choice is not None and choice.head_id != plan.head_id:
            raise StalePlan(
                f"An earlier try chose deploy {choice.target_id} when {choice.head_id} was the newest deploy "
                f"of {plan.deployment}; now {plan.head_id} is. Nothing was submitted: the newer deploy may "
                "be the repair. Look at it, and start a new run of the Dag if the Deployment is still to be "
                "rolled back."
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

    def _submit(self, reading: Reading, plan: RollbackPlan, order: Order) -> Submitted:
        choice = Choice(plan.deployment.id, plan.target.id, plan.head_id)
        self._memory.keep(order.intent, replace(choice, sent_at=time.time()))
        try:
            rollback = self._hook.submit(plan, order.description, order.intent)
        except OutcomeUnknown:
            raise
        except RollbackError:
            # Everything else is said before the request is sent or by a platform that refused it.
            self._memory.keep(order.intent, choice)
            raise
        self._memory.forget(order.intent)
        self._log.info("Submitted the rollback of %s: deploy %s.", plan.deployment, rollback.id)
        if rollback.rolled_back_to not in (None, plan.target.id):  # another try was faster by a moment
            return Submitted(reading, rollback, self._hook.target_of(rollback), adopted=True)
        return Submitted(reading, rollback, plan.target, adopted=False)
