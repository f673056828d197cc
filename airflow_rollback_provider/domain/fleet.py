# SPDX-License-Identifier: Apache-2.0
"""How the rollbacks of many Deployments ended, counted and said in one paragraph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_rollback_provider.domain import summary

DONE, FAILED, NOT_BEGUN = "done", "failed", "not begun"


@dataclass(frozen=True)
class Member:
    """How it went with one Deployment.

    :param deployment_id: the Deployment, as well as it is known.
    :param outcome: ``done``, ``failed`` or ``not begun``.
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
    """Tell how it went with one Deployment from what its task left.

    :param index: the task's map index.
    :param state: the task's state.
    :param result: what it returned, if it did.
    :param failure: what it left when it did not end well, if it did.
    """
    name = str((result or failure or {}).get("deployment_id") or f"map index {index}")
    if state == "success" and result is not None:
        return Member(name, DONE, result.get("rollback_id"))
    if state == "skipped":
        return Member(name, NOT_BEGUN, None, str((failure or {}).get("message", "")))
    message = (failure or {}).get("summary") or f"The task of {name} is {state or 'without a state'}."
    return Member(name, FAILED, None, str(message))


def sum_up(members: Iterable[Member]) -> dict[str, Any]:
    """Return the whole fleet in JSON-ready values."""
    fleet = tuple(members)
    failed = [one for one in fleet if one.outcome == FAILED]
    left_out = [one for one in fleet if one.outcome == NOT_BEGUN]
    done = len(fleet) - len(failed) - len(left_out)
    return {
        "total": len(fleet),
        "done": done,
        "failed": len(failed),
        "not_begun": len(left_out),
        "deployments": [asdict(one) for one in fleet],
        "summary": summary.of_fleet(
            len(fleet),
            done,
            [one.message for one in failed],
            [one.deployment_id for one in left_out],
        ),
    }
