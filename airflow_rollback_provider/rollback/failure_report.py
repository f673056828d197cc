# SPDX-License-Identifier: Apache-2.0
"""What a rollback's task leaves behind when it does not end well: word for others in XCom, and for people."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import AirflowSkipException
from airflow_rollback_provider.domain import summary
from airflow_rollback_provider.domain.errors import FleetStopped, RollbackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_rollback_provider.compat import Context
    from airflow_rollback_provider.domain.log import Log
    from airflow_rollback_provider.rollback.callbacks import Callbacks

FAILURE = "rollback_failure"
"""Name of the XCom in which a task that did not end well says why, for a summary of a fleet."""


@contextmanager
def report_failure(context: Context, deployment: str, callbacks: Callbacks, log: Log) -> Iterator[None]:
    """Let a task fail as it does, but say why in XCom, and tell people once it will not be tried again.

    A task with which a fleet does not begin is skipped.

    :param deployment: the Deployment, as the task was asked for it.
    """
    try:
        yield
    except FleetStopped as stopped:
        _leave(context, failure_of(deployment, stopped), log)
        log.warning("%s", stopped)  # Airflow 3 does not log why a task is skipped
        raise AirflowSkipException(str(stopped)) from None
    except Exception as error:
        failure = failure_of(deployment, error)
        _leave(context, failure, log)
        if not _is_retried(context["ti"], error):
            callbacks.failed(failure)
        raise


def failure_of(deployment: str, error: BaseException) -> dict[str, Any]:
    """Return what a task that did not end well leaves in XCom."""
    return {
        "deployment_id": deployment,
        "error": type(error).__name__,
        "message": summary.paragraph(str(error)),
        "summary": summary.of_failure(deployment, error),
    }


def _leave(context: Context, failure: dict[str, Any], log: Log) -> None:
    try:
        context["ti"].xcom_push(key=FAILURE, value=failure)
    except Exception as error:  # noqa: BLE001 - the failure of the rollback is what matters
        log.warning("Could not leave word of the failure in XCom (%s: %s).", type(error).__name__, error)


def _is_retried(ti: Any, error: Exception) -> bool:
    final = isinstance(error, RollbackError) and not error.retryable
    return not final and ti.try_number <= getattr(ti, "max_tries", 0)
