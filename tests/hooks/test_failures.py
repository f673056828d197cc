# SPDX-License-Identifier: Apache-2.0
"""How errors become failures of a task."""

from __future__ import annotations

import pytest

from airflow_rollback_provider.compat import AirflowFailException
from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.hooks.failures import task_failures

EVERY_ERROR = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.RollbackError)
]


@pytest.mark.parametrize("kind", EVERY_ERROR, ids=lambda kind: kind.__name__)
def test_only_errors_that_may_pass_are_retried(kind: type[errors.RollbackError]) -> None:
    """Every error keeps its name and message; only a retryable one leaves the task's retries in force."""
    with pytest.raises(kind, match=r"^why$") as failure, task_failures():
        raise kind("why")
    assert isinstance(failure.value, AirflowFailException) is not kind.retryable
    assert type(failure.value).__name__ == kind.__name__


def test_what_may_pass() -> None:
    """The errors that a retry can cure, by name: a new one is a decision."""
    assert {kind.__name__ for kind in EVERY_ERROR if kind.retryable} == {
        "PlatformError",
        "PlatformUnreachable",
        "PlatformFailed",
        "RateLimited",
        "MalformedAnswer",
        "DeployInProgress",
        "OutcomeUnknown",
        "RequestLost",
        "StateUnavailable",
        "TrySuperseded",
        "RollbackTimedOut",
        "DeploymentNotDrained",
        "WaitBrokenOff",
        "TokenExpired",
    }


def test_a_refusal_after_success() -> None:
    """The credentials may have been renewed: the retries apply, for refusals alone."""
    with pytest.raises(errors.TokenRefused) as refused, task_failures(after_success=True):
        raise errors.TokenRefused("why")
    assert not isinstance(refused.value, AirflowFailException)
    with pytest.raises(errors.BadInput) as wrong, task_failures(after_success=True):
        raise errors.BadInput("why")
    assert isinstance(wrong.value, AirflowFailException)


def test_an_unknown_outcome_that_no_retry_finds_out() -> None:
    """It fails the task at once."""
    with pytest.raises(errors.OutcomeUnknown) as failure, task_failures():
        raise errors.OutcomeUnknown("why", retryable=False)
    assert isinstance(failure.value, AirflowFailException)
    assert not failure.value.retryable


def test_other_errors_pass_unchanged() -> None:
    """A bug stays a bug."""
    with pytest.raises(ZeroDivisionError), task_failures():
        raise ZeroDivisionError
