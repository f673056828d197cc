# SPDX-License-Identifier: Apache-2.0
"""Errors of this package as failures of a task, with or without a retry."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from airflow_rollback_provider.compat import AirflowFailException
from airflow_rollback_provider.domain.errors import RollbackError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def task_failures() -> Iterator[None]:
    """Let errors that a retry cannot cure fail the task at once.

    Such an error keeps its name and message, and is an ``AirflowFailException`` too. Errors that a retry may
    cure are raised unchanged, so that the task's own retries apply.
    """
    try:
        yield
    except RollbackError as error:
        if error.retryable or isinstance(error, AirflowFailException):
            raise
        final = _final(type(error))(str(error))  # type: ignore[arg-type]  # a class is hashable
        final.retryable = False
        raise final from error


@cache
def _final(kind: type[RollbackError]) -> type[RollbackError]:
    return type(
        kind.__name__, (kind, AirflowFailException), {"__doc__": kind.__doc__, "__module__": kind.__module__}
    )
