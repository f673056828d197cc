# SPDX-License-Identifier: Apache-2.0
"""Pre-submit guards: the guard rails and the limit of a fleet, checked right before a rollback is planned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import FleetStopped, GuardsRefused
from airflow_rollback_provider.domain.guard_rails import GuardRails, decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.hooks.deploy_history import Reading


@dataclass(frozen=True)
class PreSubmitGuards:
    """Checks of a rollback that no earlier try submitted.

    :param rails: the guard rails; None checks none.
    :param stop_after: begin nothing once so many others of the fleet have failed; None has no limit.
    :param failures: returns how many others have failed by now.
    """

    rails: GuardRails | None = None
    stop_after: int | None = None
    failures: Callable[[], int] = int

    def check(self, reading: Reading) -> None:
        """Do nothing if the rollback may be submitted.

        :raises FleetStopped: when too many others have failed.
        :raises GuardsRefused: with all reasons, when a guard rail forbids the rollback.
        """
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
            raise GuardsRefused(
                f"The guard rails do not let {reading.deployment} be rolled back now. Nothing was changed. "
                f"{len(reasons)} reason(s):{listed}\nWait, or have a user roll back by hand."
            )
