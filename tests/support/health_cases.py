# SPDX-License-Identifier: Apache-2.0
"""Builders of runs, cases and observations for the tests of the evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any

from airflow_rollback_provider.domain.runs import DagRun, ImportProblem, Period
from airflow_rollback_provider.health.case import HealthCase
from airflow_rollback_provider.health.evaluate import Observation, count_before, evaluate
from airflow_rollback_provider.health.rule import HealthRule
from airflow_rollback_provider.health.verdict import Evaluation

LANDED = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
OK_COMPONENTS = {"metadatabase": "healthy", "scheduler": "healthy"}
_NUMBERS = count()


def case(**values: Any) -> HealthCase:
    """A deploy with the default numbers, except for the given ones."""
    rule = HealthRule.read(values.pop("rule", None))
    return HealthCase(**{"landed_at": LANDED, "before_until": LANDED, "rule": rule, **values})


def run(dag_id: str, period: Period, **values: Any) -> DagRun:
    """A scheduled run that succeeded early in a period."""
    start = values.pop("started_at", period.begin + timedelta(seconds=1))
    defaults: dict[str, Any] = {
        "run_id": f"scheduled__{next(_NUMBERS)}",
        "run_type": "scheduled",
        "state": "success",
        "started_at": start,
        "ended_at": start + timedelta(seconds=1),
    }
    return DagRun(dag_id, **{**defaults, **values})


def runs(dag_id: str, period: Period, ok: int = 0, failed: int = 0, **values: Any) -> list[DagRun]:
    """Some runs of a Dag in a period."""
    good = [run(dag_id, period, **values) for _ in range(ok)]
    return good + [run(dag_id, period, state="failed", **values) for _ in range(failed)]


def evaluated(
    what: HealthCase,
    before: Mapping[str, tuple[int, int]],
    *windows: Mapping[str, tuple[int, int]],
    at: datetime | None = None,
    components: Mapping[str, str] = OK_COMPONENTS,
    import_errors: Iterable[ImportProblem] = (),
    more: Iterable[DagRun] = (),
) -> Evaluation:
    """Evaluate a case by counts: Dag → runs that succeeded, runs that failed."""
    was = [row for dag_id, counts in before.items() for row in runs(dag_id, what.before, *counts)]
    after = [
        row
        for period, window in zip(what.windows, windows, strict=False)
        for dag_id, counts in window.items()
        for row in runs(dag_id, period, *counts)
    ]
    observation = Observation(at or what.verdict_at, (*after, *more), tuple(import_errors), dict(components))
    return evaluate(what, count_before(what, tuple(was)), observation)
