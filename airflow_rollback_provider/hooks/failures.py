# SPDX-License-Identifier: Apache-2.0
"""Errors of this package as failures of a task, with or without a retry."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from airflow_rollback_provider.compat import AirflowFailException
from airflow_rollback_provider.domain.errors import AccessDenied, RollbackError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def task_failures(*, after_success: bool = False) -> Iterator[None]:
    """Let errors that a retry cannot cure fail the task at once.

    Such an error keeps its name and message, and is an ``AirflowFailException`` too. Errors that a retry may
    cure are raised unchanged, so that the task's own retries apply.

    :param after_success: whether the credentials were accepted before. A refusal is retried then: they may
        have expired, and the next try reads the connection anew. Default False.
    """
    try:
        yield
    except RollbackError as error:
        if after_success and isinstance(error, AccessDenied):
            error.retryable = True
        if error.retryable or isinstance(error, AirflowFailException):
            raise
        final = _final(type(error))(str(error))  # type: ignore[arg-type]  # a class is hashable
        vars(final).update(vars(error), retryable=False)
        raise final from error


@cache
def _final(kind: type[RollbackError]) -> type[RollbackError]:
    return type(
        kind.__name__, (kind, AirflowFailException), {"__doc__": kind.__doc__, "__module__": kind.__module__}
    )
