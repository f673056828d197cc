# SPDX-License-Identifier: Apache-2.0
"""Which Dags of a Deployment were paused by us, remembered where no task's end can reach it.

It is written before the first Dag is paused and deleted after the last one runs again. So whatever is killed
in between, the next try, the task that restores, or another run of either knows what to restore. A Dag that
was paused before is never in it.
"""

from __future__ import annotations

import json
from typing import Protocol

from airflow_rollback_provider.compat import Variable

_PREFIX = "rollback_paused_"
_DESCRIPTION = "Dags that were paused before a rollback; deleted when they run again."


class Paused(Protocol):
    """Remembers paused Dags by the Airflow that they are in."""

    def recall(self, airflow: str) -> tuple[str, ...]:
        """Return the Dags that are paused, or about to be."""

    def keep(self, airflow: str, dag_ids: tuple[str, ...]) -> None:
        """Remember Dags, in the place of what was remembered."""

    def forget(self, airflow: str) -> None:
        """Remember nothing any more."""


class PausedVariable:
    """Remembers paused Dags in Airflow Variables named ``rollback_paused_<connection id>``."""

    def recall(self, airflow: str) -> tuple[str, ...]:
        """Return the Dags that are paused, or about to be."""
        text = Variable.get(_PREFIX + airflow, None)  # the default has another name on Airflow 2
        return tuple(json.loads(text)) if text is not None else ()

    def keep(self, airflow: str, dag_ids: tuple[str, ...]) -> None:
        """Remember Dags, in the place of what was remembered."""
        Variable.set(_PREFIX + airflow, json.dumps(dag_ids), description=_DESCRIPTION)

    def forget(self, airflow: str) -> None:
        """Remember nothing any more."""
        Variable.delete(_PREFIX + airflow)
