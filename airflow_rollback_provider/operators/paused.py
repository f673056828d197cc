# SPDX-License-Identifier: Apache-2.0
"""Which Dags of a Deployment were paused by us, remembered where no task's end can reach it.

It is written before the first Dag is paused and deleted after the last one runs again. So whatever is killed
in between, the next try, the task that restores, or another run knows what to restore. It belongs to one run
at a time; another may have it once that has ended. A Dag that was paused before is never in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from airflow_rollback_provider.compat import Variable, run_goes_on
from airflow_rollback_provider.domain.draining import VARIABLE, Held

if TYPE_CHECKING:
    from airflow_rollback_provider.compat import Context

_DESCRIPTION = "Dags that were paused before a rollback; deleted when they run again."


class Paused(Protocol):
    """Remembers paused Dags by the Airflow that they are in."""

    def recall(self, airflow: str) -> Held | None:
        """Return the Dags that are paused, or about to be, and who holds them."""

    def keep(self, airflow: str, held: Held) -> None:
        """Remember Dags, in the place of what was remembered."""

    def forget(self, airflow: str) -> None:
        """Remember nothing any more."""


class PausedVariable:
    """Remembers paused Dags in Airflow Variables named ``rollback_paused_<connection id>``."""

    def recall(self, airflow: str) -> Held | None:
        """Return the Dags that are paused, or about to be, and who holds them."""
        text = Variable.get(VARIABLE + airflow, None)  # the default has another name on Airflow 2
        return Held.from_json(text) if text is not None else None

    def keep(self, airflow: str, held: Held) -> None:
        """Remember Dags, in the place of what was remembered."""
        Variable.set(VARIABLE + airflow, held.to_json(), description=_DESCRIPTION)

    def forget(self, airflow: str) -> None:
        """Remember nothing any more."""
        Variable.delete(VARIABLE + airflow)


def run_of(context: Context) -> tuple[str, str]:
    """Return Dag and run of the task that asks."""
    ti = context["ti"]
    return ti.dag_id, ti.run_id


def is_of_others(held: Held, context: Context) -> bool:
    """Tell whether another run holds Dags that has not ended. One that was deleted has."""
    return held.run != run_of(context) and run_goes_on(context, *held.run)
