# SPDX-License-Identifier: Apache-2.0
"""``context["rollback"]``, which all callbacks of a task find, and the failure report in XCom.

Airflow runs ``on_success_callback``, ``on_failure_callback``, ``on_retry_callback`` and
``on_skipped_callback`` in the task's process, with the very context object that ``execute`` received (2.10
and 2.11: ``TaskInstance._run_raw_task`` and ``handle_failure``; 3.1 to 3.3: ``task_runner.finalize``). So
they find what the task wrote there. When the process itself is lost, Airflow runs the failure callback in
the Dag processor, with a context of its own, and ``context.get("rollback")`` is None.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import AirflowSkipException, TaskDeferred
from airflow_rollback_provider.domain import summary
from airflow_rollback_provider.domain.errors import FleetStopped, RollbackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_rollback_provider.compat import Context
    from airflow_rollback_provider.domain.log import Log

Callback = Callable[[Any], Any]
"""An Airflow notifier, or a function of the task's context."""

CallbackArgument = Callback | Sequence[Callback] | None

FAILURE = "rollback_failure"
"""Name of the XCom in which a task that did not end well says why, for the summary of a fleet."""


class RollbackReport:
    """Keeps ``context["rollback"]`` up to date and calls the callbacks that Airflow does not have.

    :param deployment_id: the Deployment as the task names it; None for a fleet.
    """

    def __init__(self, context: Context, log: Log, deployment_id: str | None = None) -> None:
        self._context: Any = context
        self._log = log
        self._deployment_id = deployment_id

    @property
    def stage(self) -> str:
        """The stage that the context shows."""
        return str(self._context.get("rollback", {}).get("stage", ""))

    def enter(self, stage: str, callbacks: CallbackArgument = None, **values: Any) -> None:
        """Show a stage in the context, and call the callbacks of this stage.

        A callback that fails is logged and does not affect the rollback.

        :param stage: ``started``, ``planned``, ``submitted``, ``done``, ``failed`` or ``skipped``; for a
            fleet ``summed up``.
        :param values: JSON-ready values: ``summary``, and ``plan``, ``result`` or ``failure``.
        """
        named = {} if self._deployment_id is None else {"deployment_id": self._deployment_id}
        self._context["rollback"] = {**named, "stage": stage, **values}
        for callback in _listed(callbacks):
            try:
                # A notifier renders its own templates in place: the next stage needs them as they were.
                copy.copy(callback)(self._context)
            except Exception as error:  # noqa: BLE001 - whatever it is, the rollback goes on
                self._log.warning(
                    "A callback of the stage %r failed (%s: %s). The rollback is not affected.",
                    stage,
                    type(error).__name__,
                    error,
                )

    @contextmanager
    def failures(self, left_behind: Callable[[], str]) -> Iterator[None]:
        """Let a task fail as it does, but show the failure in the context, and in XCom.

        That includes a kill and a time-out of Airflow, which are no ``Exception``. Then nothing is written to
        XCom: the signal may have interrupted a call to Airflow. A task that a fleet does not begin is
        skipped.

        :param left_behind: returns a sentence about the rollback that goes on, or may.
        """
        try:
            yield
        except TaskDeferred:
            raise
        except FleetStopped as stopped:
            self._leave(self.failed(stopped, stage="skipped"))
            self._log.warning("%s", stopped)  # Airflow 3 does not log why a task is skipped
            raise AirflowSkipException(str(stopped)) from None
        except Exception as error:
            self._leave(self.failed(error, left_behind()))
            raise
        except BaseException as error:
            self.failed(error, left_behind())
            raise

    def failed(self, error: BaseException, left_behind: str = "", *, stage: str = "failed") -> dict[str, Any]:
        """Show a failure in the context, and return it.

        :param error: why the task fails.
        :param left_behind: a sentence about the rollback; added to an error that does not speak of it.
        """
        name, kind = self._deployment_id or "", type(error).__name__
        message, paragraph = str(error), summary.of_failure(name, error)
        if not isinstance(error, RollbackError):
            message = f"{message.rstrip('. ')}. {left_behind}".lstrip(". ")
            paragraph = f"The task that rolls Deployment {name} back stopped ({kind}): {message}"
        failure = {
            "deployment_id": name,
            "error": kind,
            "message": summary.paragraph(message),
            "summary": summary.paragraph(paragraph),
        }
        submitted = self._context.get("rollback", {}).get("result")
        if submitted:
            failure["rollback_id"] = submitted["rollback_id"]
        self.enter(stage, summary=failure["summary"], failure=failure)
        return failure

    def _leave(self, failure: dict[str, Any]) -> None:
        try:
            self._context["ti"].xcom_push(key=FAILURE, value=failure)
        except Exception as error:  # noqa: BLE001 - the failure of the rollback is what matters
            self._log.warning(
                "Could not write the failure report to XCom (%s: %s).", type(error).__name__, error
            )


def _listed(callbacks: CallbackArgument) -> tuple[Callback, ...]:
    if callbacks is None:
        return ()
    return (callbacks,) if callable(callbacks) else tuple(callbacks)
