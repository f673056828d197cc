# SPDX-License-Identifier: Apache-2.0
"""What is remembered of paused Dags, without Airflow's Variables."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class DictPaused:
    """Remembers in this process."""

    kept: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def recall(self, airflow: str) -> tuple[str, ...]:
        """Return the Dags that are paused, or about to be."""
        return self.kept.get(airflow, ())

    def keep(self, airflow: str, dag_ids: tuple[str, ...]) -> None:
        """Remember Dags."""
        self.kept[airflow] = dag_ids

    def forget(self, airflow: str) -> None:
        """Remember nothing any more."""
        self.kept.pop(airflow, None)
