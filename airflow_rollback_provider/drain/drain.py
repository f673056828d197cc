# SPDX-License-Identifier: Apache-2.0
"""Draining a Deployment: which Dags to pause now, which must stay active for a while, and the list of them.

A paused Dag gets no new runs and starts no new tasks: running tasks finish, scheduled tasks do not start. A
deferred task whose trigger fires in a paused Dag does not resume, and Airflow keeps its state. So a Dag with
a deferred task stays active until that task has ended.

The list outlives every task. It is written before the first Dag is paused and deleted after the last one is
resumed. If a task is killed in between, the next try, the resume task or another run can resume the Dags. The
list belongs to one run at a time; another run may take it over once that run has ended. It never contains a
Dag that was paused before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import run_goes_on
from airflow_rollback_provider.domain.jsonable import JsonDataclass
from airflow_rollback_provider.state import StateStore, VariableStore

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow_rollback_provider.compat import Context
    from airflow_rollback_provider.domain.runs import DagRow
    from airflow_rollback_provider.drain.active_work import ActiveWork

_DESCRIPTION = "Dags that were paused before a rollback; deleted when they run again."


def paused_key(airflow_conn_id: str) -> str:
    """Return the name of the Variable that holds :class:`PausedDags`.

    It holds no part of the connection's id: Airflow's UI hides values of Variables whose names sound secret.
    """
    return f"rollback_paused_{hashlib.sha256(airflow_conn_id.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class PausedDags(JsonDataclass):
    """The stored list of the Dags of an Airflow that a drain has paused, or is about to pause.

    Only Dags in the list are paused, so that the list names every Dag to resume after a task was killed.

    :param run: Dag and run that paused them.
    :param dags: the Dags, none of which was paused before.
    :param resuming: whether they are being resumed: none may be paused any more.
    """

    run: tuple[str, str]
    dags: tuple[str, ...] = ()
    resuming: bool = False

    def __str__(self) -> str:
        dag_id, run_id = self.run
        return f"run {run_id!r} of the Dag {dag_id!r}"


@dataclass(frozen=True)
class Steps:
    """What to do after a poll."""

    pause: tuple[str, ...] = ()
    unpause: tuple[str, ...] = ()


def next_steps(dags: Iterable[DagRow], work: ActiveWork, ours: Collection[str]) -> Steps:
    """Return which Dags to pause and which to resume.

    :param dags: the Dags as they are.
    :param work: what goes on.
    :param ours: the Dags that may be touched.
    """
    busy = {task.dag_id for task in work.waiting}
    touched = [dag for dag in dags if dag.dag_id in ours]
    return Steps(
        pause=tuple(dag.dag_id for dag in touched if not dag.paused and dag.dag_id not in busy),
        unpause=tuple(dag.dag_id for dag in touched if dag.paused and dag.dag_id in busy),
    )


@dataclass(frozen=True)
class DrainRequest(JsonDataclass):
    """The drain of a Deployment, in JSON-ready values; without a secret.

    :param ours: Dags that may be paused.
    :param own: Dag, run and task that drains; it does not count.
    :param deadline: when to stop waiting, in seconds since the epoch.
    :param poll_interval: longest time between two polls, in seconds.
    """

    ours: tuple[str, ...]
    own: tuple[str, str, str]
    deadline: float
    poll_interval: float

    def may_pause(self, paused_dags: PausedDags | None) -> bool:
        """Return whether the run may still pause Dags; a request that pauses none needs no claim.

        :param paused_dags: the stored list.
        """
        return not self.ours or (
            paused_dags is not None and paused_dags.run == self.own[:2] and not paused_dags.resuming
        )


@dataclass(frozen=True)
class DrainResult(JsonDataclass):
    """How the wait ended.

    :param drained: whether nothing goes on any more.
    :param message: one sentence for a person.
    :param work: what was seen last, as :meth:`ActiveWork.to_dict` writes it; None when nothing was.
    """

    drained: bool
    message: str
    work: dict[str, Any] | None = None


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
    ti = context["ti"]
    return ti.dag_id, ti.run_id


def is_of_others(paused_dags: PausedDags, context: Context) -> bool:
    """Return whether the Dags belong to another run that has not ended. A deleted run has ended."""
    return paused_dags.run != run_of(context) and run_goes_on(context, *paused_dags.run)
