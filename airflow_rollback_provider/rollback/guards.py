# SPDX-License-Identifier: Apache-2.0
"""Pre-submit guards: an approval, the guard rails and the limit of a fleet.

They are checked right before a rollback is planned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.errors import ApprovalMissing, FleetStopped, GuardsRefused
from airflow_rollback_provider.domain.guard_rails import GuardRails, decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.hooks.deploy_history import Reading

_APPROVE = "Approve"  # ApprovalOperator.APPROVE of the standard provider


@dataclass(frozen=True)
class PreSubmitGuards:
    """Checks of a rollback that no earlier try submitted.

    :param rails: the guard rails; None checks none.
    :param stop_after: begin nothing once so many others of the fleet have failed; None has no limit.
    :param failures: returns how many others have failed by now.
    :param approval_task_id: task that asks a user to approve; None needs no approval.
    :param answer: returns the answer of that task, as ``ApprovalOperator`` returns it; None if it has none.
    """

    rails: GuardRails | None = None
    stop_after: int | None = None
    failures: Callable[[], int] = int
    approval_task_id: str | None = None
    answer: Callable[[], Any] = lambda: None

    def check(self, reading: Reading) -> None:
        """Do nothing if the rollback may be submitted.

        :raises ApprovalMissing: when no user has approved.
        :raises FleetStopped: when too many others have failed.
        :raises GuardsRefused: with all reasons, when a guard rail forbids the rollback.
        """
        if self.approval_task_id is not None:
            self._require_approval(reading)
        if self.stop_after is not None and (failed := self.failures()) >= self.stop_after:
            raise FleetStopped(
                f"{failed} other rollback(s) of this run have failed, and stop_after_failures is "
                f"{self.stop_after}. Nothing was begun with {reading.deployment}."
            )
        if self.rails is None:
            return
        reasons = decide(reading.history, reading.survey.now, self.rails).reasons
        if reasons:
            listed = "".join(f"\n- {reason}" for reason in reasons)
            refused = GuardsRefused(
                f"The guard rails do not let {reading.deployment} be rolled back now. Nothing was changed. "
                f"{len(reasons)} reason(s):{listed}\nWait, or have a user roll back by hand."
            )
            refused.codes = tuple(reason.code for reason in reasons)
            raise refused

    def _require_approval(self, reading: Reading) -> None:
        """Check the answer, not the task's state: a user can mark any task as success."""
        answer = self.answer()
        chosen = answer.get("chosen_options") if isinstance(answer, Mapping) else None
        if chosen == [_APPROVE]:
            return
        found = f"the answer {chosen}" if chosen is not None else "no answer"
        raise ApprovalMissing(
            f"{reading.deployment} is not rolled back: the task {self.approval_task_id!r}, which asks for "
            f"approval, has {found}. Its state alone does not count. Nothing was changed. Clear that task, "
            f"and have a user answer {_APPROVE!r}."
        )
