# SPDX-License-Identifier: Apache-2.0
"""The rollbacks of many Deployments: how each ended, their counts, and a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_rollback_provider.domain import summary
from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.rollback.outcome import RollbackStatus

DONE, SUBMITTED, PLANNED, FAILED, NOT_BEGUN = "done", "submitted", "planned", "failed", "not begun"
OUTCOMES = (DONE, SUBMITTED, PLANNED, FAILED, NOT_BEGUN)


@dataclass(frozen=True)
class Member:
    """How the rollback of one Deployment ended.

    :param deployment_id: the Deployment's id, or the map index where it is not known.
    :param outcome: ``done``; ``submitted`` where the task did not wait; ``planned`` with ``plan_only``;
        ``failed``; or ``not begun``.
    :param rollback_id: the rollback's entry in the history, where there is one.
    :param message: why it did not end well.
    """

    deployment_id: str
    outcome: str
    rollback_id: str | None = None
    message: str = ""


def member(
    index: int, state: str | None, result: Mapping[str, Any] | None, failure: Mapping[str, Any] | None
) -> Member:
    """Return how the rollback of one Deployment ended, from the XComs of its task.

    :param result: what it returned, if it did.
    :raises BadInput: when the result is that of another kind of task.
    """
    left = result if isinstance(result, Mapping) else failure
    name = _name(left or {}) or f"map index {index}"
    if state == "success" and result is not None:
        if not isinstance(result, Mapping) or not result.keys() & {"rollback_id", "format"}:
            raise BadInput(
                f"The result {str(result)[:80]!r} is no rollback and no plan. Give rollback_task_id the id "
                "of a RollbackOperator."
            )
        return Member(name, _success(result), result.get("rollback_id"))
    if state == "skipped":
        return Member(name, NOT_BEGUN, None, str((failure or {}).get("message", "")))
    message = (failure or {}).get("summary") or f"The task of {name} is {state or 'without a state'}."
    return Member(name, FAILED, None, str(message))


def sum_up(members: Iterable[Member]) -> dict[str, Any]:
    """Return the summary of a fleet in JSON-ready values."""
    fleet = tuple(members)
    counts = Counter(one.outcome for one in fleet)
    return {
        "total": len(fleet),
        **{outcome.replace(" ", "_"): counts[outcome] for outcome in OUTCOMES},
        "deployments": [asdict(one) for one in fleet],
        "summary": summary.of_fleet(
            len(fleet),
            counts[DONE],
            [one.message for one in fleet if one.outcome == FAILED],
            [one.deployment_id for one in fleet if one.outcome == NOT_BEGUN],
            submitted=counts[SUBMITTED],
            planned=counts[PLANNED],
        ),
    }


def _name(left: Mapping[str, Any]) -> str:
    """Return the Deployment's id from a result, a plan or a failure report."""
    planned = left.get("deployment")
    known = planned.get("id") if isinstance(planned, Mapping) else left.get("deployment_id")
    return str(known or "")


def _success(result: Mapping[str, Any]) -> str:
    if "rollback_id" not in result:
        return PLANNED
    return DONE if result.get("status") == RollbackStatus.DONE.value else SUBMITTED
