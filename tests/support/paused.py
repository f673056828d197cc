# SPDX-License-Identifier: Apache-2.0
"""A store of paused Dags without Airflow's Variables."""

from __future__ import annotations

import pytest

from airflow_rollback_provider.drain import drain
from airflow_rollback_provider.drain.drain import PausedDags, PausedDagsStore
from tests.support.store import DictStore


class DictPaused:
    """Stores the paused Dags of each Airflow in this process."""

    def __init__(self) -> None:
        self.store = DictStore()

    @property
    def kept(self) -> list[PausedDags]:
        """All stored entries."""
        return [PausedDags.from_dict(value) for value in self.store.values("paused")]

    def recall(self, airflow: str) -> PausedDags | None:
        """Return the stored Dags of an Airflow, or None."""
        return PausedDagsStore(airflow, self.store).get()

    def keep(self, airflow: str, paused_dags: PausedDags) -> None:
        """Store Dags of an Airflow."""
        PausedDagsStore(airflow, self.store).set(paused_dags)


def remembering(monkeypatch: pytest.MonkeyPatch) -> DictPaused:
    """Let both operators and the trigger store paused Dags in this process."""
    paused = DictPaused()
    monkeypatch.setattr(drain, "VariableStore", lambda _description: paused.store)
    return paused
