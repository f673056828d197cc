# SPDX-License-Identifier: Apache-2.0
"""The operator's arguments, and its result for each event of its trigger; ``tests/pods`` has a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_rollback_provider.compat import AirflowFailException, AirflowSkipException
from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.operators.verify import VerifyPodsOperator
from airflow_rollback_provider.pods.report import Finding, PodsOutcome, PodsReport, broken_off

READY = PodsReport((("scheduler", "1/1"),), ())
STUCK = PodsReport((("scheduler", "0/1"),), (Finding("STARTING", "scheduler", "so"),))


def resume(outcome: PodsOutcome, **kwargs: Any) -> dict[str, Any]:
    """Take over from the triggerer."""
    task = VerifyPodsOperator(task_id="verify", release_name="orders", deferrable=True, **kwargs)
    return task.resume({}, outcome.to_dict())


@pytest.mark.parametrize(
    ("outcome", "kind", "final"),
    [
        (broken_off(errors.PermissionMissing("may not")), errors.AccessDenied, True),
        (broken_off(errors.TokenRefused("unknown")), errors.AccessDenied, True),
        (broken_off(errors.NotFound("no such thing")), errors.BadInput, True),
        (broken_off(errors.PlatformFailed("down")), errors.WaitBrokenOff, False),
        (broken_off(KeyError("a bug")), errors.WaitBrokenOff, False),
        (PodsOutcome(False, STUCK, "away"), errors.WaitBrokenOff, False),
        (PodsOutcome(False, STUCK), errors.PodsNotReady, True),
    ],
)
def test_how_the_wait_ended(outcome: PodsOutcome, kind: type[Exception], final: bool) -> None:
    """Every end has the error that the operator documents, and a retry only where one can help."""
    with pytest.raises(kind) as failure:
        resume(outcome)
    assert isinstance(failure.value, AirflowFailException) is final


@pytest.mark.parametrize("submitted_at", ["2026-11-01T12:00:00", "yesterday"])
def test_a_rollback_without_its_time(submitted_at: str) -> None:
    """A time that cannot be read, or has no zone, is refused before the cluster is read."""
    with pytest.raises(
        errors.BadInput, match=r"submitted_at of the rollback is .*roll_back\.output"
    ) as failure:
        resume(PodsOutcome(True, READY), rollback={"submitted_at": submitted_at})
    assert isinstance(failure.value, AirflowFailException)


def test_ready() -> None:
    """The report of the pods is the result."""
    assert resume(PodsOutcome(True, READY))["components"] == {"scheduler": "1/1"}


def test_a_triggerer_without_a_way_to_the_cluster() -> None:
    """The task is skipped as without a triggerer, or fails with ``skip_without_access=False``."""
    outcome = broken_off(errors.NoClusterAccess("no way"))
    with pytest.raises(AirflowSkipException, match="no way"):
        resume(outcome)
    with pytest.raises(errors.NoClusterAccess, match="no way") as failure:
        resume(outcome, skip_without_access=False)
    assert isinstance(failure.value, AirflowFailException)
