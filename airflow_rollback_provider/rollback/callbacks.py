# SPDX-License-Identifier: Apache-2.0
"""Callbacks while a rollback goes on: Airflow notifiers, or any callable that takes a task's context.

A message that cannot be sent is logged and changes nothing about the rollback.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain import summary

if TYPE_CHECKING:
    from airflow_rollback_provider.compat import Context
    from airflow_rollback_provider.domain.log import Log
    from airflow_rollback_provider.domain.plan import RollbackPlan

Callback = Callable[[Any], Any]
"""An Airflow notifier, or a function of the task's context."""

CallbackArgument = Callback | Sequence[Callback] | None


class Callbacks:
    """Calls what a person asked to be called, with ``context["rollback"]`` filled in.

    :param callbacks: what to call at each stage: ``planned``, ``submitted``, ``done``, ``failed``; for a
        fleet ``summed up``.
    :param context: the task's context.
    :param log: the task's log.
    """

    def __init__(self, callbacks: Mapping[str, CallbackArgument], context: Context, log: Log) -> None:
        self._callbacks = {stage: _listed(some) for stage, some in callbacks.items()}
        self._context: Any = context
        self._log = log

    def planned(self, plan: RollbackPlan) -> None:
        """Tell of a plan that is about to be carried out, or of a dry run."""
        self._call("planned", {"summary": summary.of_plan(plan), "plan": plan.to_dict()})

    def submitted(self, result: Mapping[str, Any]) -> None:
        """Tell of a rollback that the platform has taken on."""
        self._call("submitted", {"summary": summary.of_submitted(result), "result": dict(result)})

    def done(self, result: Mapping[str, Any]) -> None:
        """Tell of a rollback that the Deployment runs."""
        self._call("done", {"summary": result["summary"], "result": dict(result)})

    def failed(self, failure: Mapping[str, Any]) -> None:
        """Tell of a task that has failed for good."""
        self._call("failed", {"summary": failure["summary"], "failure": dict(failure)})

    def summed_up(self, result: Mapping[str, Any]) -> None:
        """Tell how it went with a whole fleet."""
        self._call("summed up", {"summary": result["summary"], "result": dict(result)})

    def _call(self, stage: str, values: dict[str, Any]) -> None:
        for teller in self._callbacks.get(stage, ()):
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


def _listed(callbacks: CallbackArgument) -> tuple[Callback, ...]:
    if callbacks is None:
        return ()
    return (callbacks,) if callable(callbacks) else tuple(callbacks)
