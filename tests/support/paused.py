# SPDX-License-Identifier: Apache-2.0
"""What is remembered of paused Dags, without Airflow's Variables."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from airflow_rollback_provider.domain.draining import VARIABLE, Held
from airflow_rollback_provider.operators.prepare import PrepareDeploymentOperator, RestoreDeploymentOperator


@dataclass
class DictPaused:
    """Remembers in this process."""

    kept: dict[str, Held] = field(default_factory=dict)

    def recall(self, airflow: str) -> Held | None:
        """Return the Dags that are paused, or about to be."""
        return self.kept.get(airflow)

    def keep(self, airflow: str, held: Held) -> None:
        """Remember Dags."""
        self.kept[airflow] = held

    def forget(self, airflow: str) -> None:
        """Remember nothing any more."""
        self.kept.pop(airflow, None)

    async def read(self, variable: str) -> str | None:
        """Return what the trigger reads."""
        held = self.recall(variable.removeprefix(VARIABLE))
        return held.to_json() if held is not None else None


def remembering(monkeypatch: pytest.MonkeyPatch) -> DictPaused:
    """Let both operators and the trigger remember in this process."""
    memory = DictPaused()
    for operator in (PrepareDeploymentOperator, RestoreDeploymentOperator):
        monkeypatch.setattr(operator, "_memory", lambda _self: memory)
    monkeypatch.setattr("airflow_rollback_provider.triggers.prepare.aget_variable", memory.read)
    return memory
