# SPDX-License-Identifier: Apache-2.0
"""Carrying a plan out: one look, one request, and a search for its trace when the answer is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import (
    DeployInProgress,
    OutcomeUnknown,
    PlanRefused,
    PlatformError,
    RollbackError,
    StalePlan,
)
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.intent import describe, find_intent

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.plan import RollbackPlan
    from airflow_rollback_provider.platforms.base import Page, Platform
    from airflow_rollback_provider.platforms.transport import RequestsTransport

# Seconds before each look for a rollback whose answer was lost. The platform may write the row a little
# later.
_PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0)


class Submission:
    """Sends one rollback once.

    :param platform: the platform.
    :param transport: what carries requests and answers; its ``sleep`` is used between looks.
    """

    def __init__(self, platform: Platform, transport: RequestsTransport) -> None:
        self._platform = platform
        self._transport = transport

    def submit(self, plan: RollbackPlan, description: str, intent: str) -> Deploy:
        """Carry a plan out; see :meth:`Verbs.submit`."""
        plan.require_allowed()
        text = describe(description, intent, self._platform.capabilities.description_limit)
        return self._last_look(plan, intent) or self._send(plan, text, intent)

    def _last_look(self, plan: RollbackPlan, intent: str) -> Deploy | None:
        """Return the rollback if it was submitted already.

        :raises StalePlan: when the history has moved on since the plan was made.
        :raises DeployInProgress: when another deploy has not ended.
        """
        page = self._newest(plan)
        adopted = find_intent(page.deploys, intent)
        if adopted is not None:
            return adopted
        head = page.deploys[0] if page.deploys else None
        if head is None or head.id != plan.head_id:
            raise StalePlan(_stale(plan, head))
        unfinished = History(page.deploys).unfinished
        if unfinished is not None:
            raise DeployInProgress(
                f"Deploy {unfinished.id} of {plan.deployment} has not ended, so nothing was submitted. Wait "
                f"for it, then plan anew."
            )
        return None

    def _send(self, plan: RollbackPlan, text: str, intent: str) -> Deploy:
        conversation = self._platform.roll_back(plan.deployment, plan.target, plan.scope, text)
        try:
            return self._transport.run(conversation)
        except OutcomeUnknown as error:
            return self._search(plan, intent, error)
        except PlanRefused as refusal:
            adopted = self._check_refusal(plan, intent, refusal)
            if adopted is None:
                raise
            return adopted

    def _check_refusal(self, plan: RollbackPlan, intent: str, refusal: PlanRefused) -> Deploy | None:
        """Return the rollback all the same if there is one: words that are not known may come from a step
        after the row was written.

        :raises OutcomeUnknown: when the history cannot be read.
        """
        try:
            return find_intent(self._newest(plan).deploys, intent)
        except RollbackError as problem:
            raise OutcomeUnknown(_unknown(plan, intent, refusal, 0, problem)) from None

    def _search(self, plan: RollbackPlan, intent: str, lost: OutcomeUnknown) -> Deploy:
        looks, problem = 0, None
        for pause in _PAUSES:
            self._transport.sleep(pause)
            try:
                page = self._newest(plan)
            except RollbackError as error:
                problem = error
                if not isinstance(error, PlatformError):
                    break
                continue
            looks += 1
            adopted = find_intent(page.deploys, intent)
            if adopted is not None:
                return adopted
        raise OutcomeUnknown(_unknown(plan, intent, lost, looks, problem)) from None

    def _newest(self, plan: RollbackPlan) -> Page:
        return self._transport.run(self._platform.deploys(plan.deployment.id))


def _stale(plan: RollbackPlan, head: Deploy | None) -> str:
    now = f"deploy {head.id} ({head.status})" if head else "nothing"
    by = f" by {head.created_by}" if head and head.created_by else ""
    return (
        f"The deploy history of {plan.deployment} has moved on since the plan was made: the newest entry "
        f"was {plan.head_id} and "
        f"is {now}{by}. Nothing was submitted. Plan anew."
    )


def _unknown(
    plan: RollbackPlan, intent: str, lost: RollbackError, looks: int, problem: RollbackError | None
) -> str:
    if looks:
        seen = (
            f"The deploy history was read {looks} time(s) within {sum(_PAUSES):g} s and does not show it; it "
            "may still appear."
        )
    else:
        seen = f"The deploy history could not be read: {problem}"
    return (
        f"Whether {plan.deployment} is being rolled back to deploy {plan.target.id} is not known. {lost} "
        f"{seen} It was not sent "
        f"again. Look at the deploy history for an entry with [rollback-intent:{intent}]: if it is there, "
        f"wait for it; if it is "
        "not there after some minutes, start anew."
    )
