# SPDX-License-Identifier: Apache-2.0
"""Which Dags of a Deployment were paused by us, kept where no task's end can reach it.

It is written before the first Dag is paused and deleted after the last one runs again. So whatever is killed
in between, the next try, the task that restores, or another run knows what to restore. It belongs to one run
at a time; another may have it once that has ended. A Dag that was paused before is never in it.
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
    """The Dags of one Airflow that are paused, or about to be, and the run that holds them.

    Several tasks and runs share it, so it is a Variable on each Airflow line.

    :param airflow_conn_id: Airflow connection to that Airflow.
    :param store: what outlives a try; by default Airflow's Variables.
    """

    def __init__(self, airflow_conn_id: str, store: StateStore | None = None) -> None:
        self._key = paused_key(airflow_conn_id)
        self._store = store or VariableStore(_DESCRIPTION)

    def get(self) -> PausedDags | None:
        """Return them, or None.

        :raises StateUnavailable: when they cannot be read.
        """
        return _read(self._store.get(self._key))

    async def aget(self) -> PausedDags | None:
        """Do what :meth:`get` does, inside an event loop."""
        return _read(await self._store.aget(self._key))

    def set(self, paused_dags: PausedDags) -> None:
        """Keep them, in the place of what was kept.

        :raises StateUnavailable: when they cannot be written.
        """
        self._store.set(self._key, paused_dags.to_dict())

    def delete(self) -> None:
        """Keep nothing any more.

        :raises StateUnavailable: when that fails.
        """
        self._store.delete(self._key)


def _read(kept: object) -> PausedDags | None:
    return PausedDags.from_dict(kept) if isinstance(kept, dict) else None


def run_of(context: Context) -> tuple[str, str]:
    """Return Dag and run of the task that asks."""
    ti = context["ti"]
    return ti.dag_id, ti.run_id


def is_of_others(paused_dags: PausedDags, context: Context) -> bool:
    """Tell whether another run holds Dags that has not ended. One that was deleted has."""
    return paused_dags.run != run_of(context) and run_goes_on(context, *paused_dags.run)
