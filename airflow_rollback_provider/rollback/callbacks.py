# SPDX-License-Identifier: Apache-2.0
"""Telling people how a rollback goes: Airflow notifiers, or any callable that takes a task's context.

A message that cannot be sent is logged and changes nothing about the rollback.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain import summary

if TYPE_CHECKING:
    from airflow_rollback_provider.compat import Context
    from airflow_rollback_provider.domain.plan import RollbackPlan
    from airflow_rollback_provider.rollback.log import Log

Told = Callable[[Any], Any]
"""An Airflow notifier, or a function of the task's context."""

Tellers = Told | Sequence[Told] | None


class Telling:
    """Calls what a person asked to be called, with ``context["rollback"]`` filled in.

    :param tellers: what to call at each stage: ``planned``, ``submitted``, ``done``, ``failed``; for a fleet
        ``summed up``.
    :param context: the task's context.
    :param log: the task's log.
    """

    def __init__(self, tellers: Mapping[str, Tellers], context: Context, log: Log) -> None:
        self._tellers = {stage: _listed(some) for stage, some in tellers.items()}
        self._context: Any = context
        self._log = log

    def planned(self, plan: RollbackPlan) -> None:
        """Tell of a plan that is about to be carried out, or of a dry run."""
        self._tell("planned", {"summary": summary.of_plan(plan), "plan": plan.to_dict()})

    def submitted(self, result: Mapping[str, Any]) -> None:
        """Tell of a rollback that the platform has taken on."""
        self._tell("submitted", {"summary": summary.of_submitted(result), "result": dict(result)})

    def done(self, result: Mapping[str, Any]) -> None:
        """Tell of a rollback that the Deployment runs."""
        self._tell("done", {"summary": result["summary"], "result": dict(result)})

    def failed(self, failure: Mapping[str, Any]) -> None:
        """Tell of a task that has failed for good."""
        self._tell("failed", {"summary": failure["summary"], "failure": dict(failure)})

    def summed_up(self, result: Mapping[str, Any]) -> None:
        """Tell how it went with a whole fleet."""
        self._tell("summed up", {"summary": result["summary"], "result": dict(result)})

    def _tell(self, stage: str, values: dict[str, Any]) -> None:
        for teller in self._tellers.get(stage, ()):
            self._context["rollback"] = {"stage": stage, **values}
            try:
                # A notifier renders its own templates in place: the next stage needs them as they were.
                copy.copy(teller)(self._context)
            except Exception as error:  # noqa: BLE001 - whatever it is, the rollback goes on
                self._log.warning(
                    "Could not tell of the rollback, stage %r (%s: %s). The rollback is not affected.",
                    stage,
                    type(error).__name__,
                    error,
                )


def _listed(tellers: Tellers) -> tuple[Told, ...]:
    if tellers is None:
        return ()
    return (tellers,) if callable(tellers) else tuple(tellers)
