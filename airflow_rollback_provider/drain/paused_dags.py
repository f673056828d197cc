# SPDX-License-Identifier: Apache-2.0
"""The store of the Dags that the drain paused, which outlives every task.

The entry is written before the first Dag is paused and deleted after the last one is resumed. If a task is
killed in between, the next try, the resume task or another run can resume the Dags. The entry belongs to one
run at a time; another run may take it over once that run has ended. It never contains a Dag that was paused
before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.compat import run_goes_on
from airflow_rollback_provider.drain.drain import PausedDags, paused_key
from airflow_rollback_provider.state import StateStore, VariableStore

if TYPE_CHECKING:
    from airflow_rollback_provider.compat import Context

_DESCRIPTION = "Dags that were paused before a rollback; deleted when they run again."


class PausedDagsStore:
    """Stores the Dags of one Airflow that are paused, or about to be, and the run that they belong to.

    Several tasks and runs share it, so it is a Variable on every Airflow version.

    :param airflow_conn_id: Airflow connection to that Airflow.
    :param store: the state store; by default Airflow's Variables.
    """

    def __init__(self, airflow_conn_id: str, store: StateStore | None = None) -> None:
        self._key = paused_key(airflow_conn_id)
        self._store = store or VariableStore(_DESCRIPTION)

    def get(self) -> PausedDags | None:
        """Return the stored Dags, or None.

        :raises StateUnavailable: when they cannot be read.
        """
        return _read(self._store.get(self._key))

    async def aget(self) -> PausedDags | None:
        """Return the stored Dags, or None, inside an event loop."""
        return _read(await self._store.aget(self._key))

    def set(self, paused_dags: PausedDags) -> None:
        """Store the Dags and replace an earlier entry.

        :raises StateUnavailable: when they cannot be written.
        """
        self._store.set(self._key, paused_dags.to_dict())

    def delete(self) -> None:
        """Delete the entry.

        :raises StateUnavailable: when that fails.
        """
        self._store.delete(self._key)


def _read(stored: object) -> PausedDags | None:
    return PausedDags.from_dict(stored) if isinstance(stored, dict) else None


def run_of(context: Context) -> tuple[str, str]:
    """Return Dag and run of the calling task."""
    ti = context["ti"]
    return ti.dag_id, ti.run_id


def is_of_others(paused_dags: PausedDags, context: Context) -> bool:
    """Return whether the Dags belong to another run that has not ended. A deleted run has ended."""
    return paused_dags.run != run_of(context) and run_goes_on(context, *paused_dags.run)
