# SPDX-License-Identifier: Apache-2.0
"""Carrying a plan out: one look, one request, and a search for its trace unless it is known to be refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import (
    DeployInProgress,
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.plan import RollbackPlan
    from airflow_rollback_provider.http.transports import RequestsTransport
    from airflow_rollback_provider.platforms.base import Page, Platform

GRACE_PERIOD = 120.0
"""Seconds that a request whose answer was lost may take to show in the deploy history, by default."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0


class Submission:
    """Sends one rollback once.

    :param platform: the platform.
    :param transport: what carries requests and answers; its ``sleep`` is used between looks.
    :param before_sending: called right before the request is sent. If it raises, nothing is sent.
    :param grace_period: how long a request may take to show in the deploy history, in seconds.
    """

    def __init__(
        self,
        platform: Platform,
        transport: RequestsTransport,
        before_sending: Callable[[], None] = lambda: None,
        grace_period: float = GRACE_PERIOD,
    ) -> None:
        self._platform = platform
        self._transport = transport
        self._before_sending = before_sending
        self._grace_period = grace_period

    def submit(self, plan: RollbackPlan, description: str, idempotency_key: str) -> Deploy:
        """Carry a plan out; see :meth:`DeployHistoryClient.submit`."""
        plan.require_allowed()
        text = describe(description, idempotency_key, self._platform.capabilities.description_limit)
        return self._last_look(plan, idempotency_key) or self._send(plan, text, idempotency_key)

    def _last_look(self, plan: RollbackPlan, idempotency_key: str) -> Deploy | None:
        """Return the rollback if it was submitted already.

        :raises StalePlan: when the history has moved on since the plan was made.
        :raises DeployInProgress: when another deploy has not ended.
        """
        page = self._latest(plan)
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
                f"for it, then plan anew."
            )
        return None

    def _send(self, plan: RollbackPlan, text: str, idempotency_key: str) -> Deploy:
        flow = self._platform.roll_back(plan.deployment, plan.target, plan.scope, text)
        self._before_sending()
        try:
            return self._transport.run(flow)
        except OutcomeUnknown as error:
            return self._search(plan, idempotency_key, error)
        except (RollbackRefused, NotFound) as refusal:
            resumed = self._check_refusal(plan, idempotency_key, refusal)
            if resumed is None:
                raise
            return resumed

    def _check_refusal(
        self, plan: RollbackPlan, idempotency_key: str, refusal: RollbackError
    ) -> Deploy | None:
        """Return the rollback all the same if there is one: a refusal may be misread.

        :raises OutcomeUnknown: when the history cannot be read.
        """
        try:
            return find_by_key(self._latest(plan).deploys, idempotency_key)
        except RollbackError as problem:
            raise OutcomeUnknown(
                _unknown(plan, idempotency_key, refusal, problem), retryable=problem.retryable
            ) from None

    def _search(self, plan: RollbackPlan, idempotency_key: str, lost: OutcomeUnknown) -> Deploy:
        """Search the history until the grace period is over.

        :raises RequestLost: when the history was read at its end and shows no trace.
        :raises OutcomeUnknown: when it could not be read then.
        """
        problem: RollbackError | None = None
        for pause in pauses(self._grace_period):
            self._transport.sleep(pause)
            try:
                found = find_by_key(self._latest(plan).deploys, idempotency_key)
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
            raise RequestLost(_lost(plan, idempotency_key, lost, self._grace_period)) from None
        raise OutcomeUnknown(
            _unknown(plan, idempotency_key, lost, problem), retryable=problem.retryable
        ) from None

    def _latest(self, plan: RollbackPlan) -> Page:
        return self._transport.run(self._platform.deploys(plan.deployment.id))


def pauses(total: float) -> Iterator[float]:
    """Yield the seconds before each look: none, then longer and longer ones that add up to ``total``."""
    yield 0.0
    pause = _FIRST_PAUSE
    while total > 0:
        yield min(pause, total)
        total -= pause
        pause = min(2 * pause, _LONGEST_PAUSE)


def _stale(plan: RollbackPlan, latest: Deploy | None) -> str:
    now = f"deploy {latest.id} ({latest.status})" if latest else "nothing"
    by = f" by {latest.created_by}" if latest and latest.created_by else ""
    return (
        f"The deploy history of {plan.deployment} has moved on since the plan was made: the latest entry "
        f"was {plan.latest_id} and "
        f"is {now}{by}. Nothing was submitted. Plan anew."
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
        "it is not "
        "there after some minutes, start anew. A later try looks for it too."
    )
