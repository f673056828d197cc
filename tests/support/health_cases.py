# SPDX-License-Identifier: Apache-2.0
"""Builders of runs, cases and observations for the tests of the evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any

from airflow_rollback_provider.domain.runs import DagRun, ImportProblem
from airflow_rollback_provider.health.case import HealthCase
from airflow_rollback_provider.health.evaluate import Observation, evaluate
from airflow_rollback_provider.health.evidence import Evidence, count_before
from airflow_rollback_provider.health.rule import HealthRule
from airflow_rollback_provider.health.verdict import Evaluation

LANDED = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
OK_COMPONENTS = {"metadatabase": "healthy", "scheduler": "healthy"}
_NUMBERS = count()


def case(**values: Any) -> HealthCase:
    """A deploy with the default numbers, except for the given ones."""
    rule = HealthRule.read(values.pop("rule", None))
    return HealthCase(**{"landed_at": LANDED, "before_until": LANDED, "rule": rule, **values})


def run(dag_id: str, minute: float = 1.0, **values: Any) -> DagRun:
    """A scheduled run of a minute that began some minutes after the landing, and succeeded."""
    start: datetime | None = values.pop("started_at", LANDED + timedelta(minutes=minute))
    defaults: dict[str, Any] = {
        "run_id": f"scheduled__{next(_NUMBERS)}",
        "run_type": "scheduled",
        "state": "success",
        "started_at": start,
        "ended_at": start and start + timedelta(minutes=1),
    }
    return DagRun(dag_id, **{**defaults, **values})


def going(dag_id: str, minute: float, **values: Any) -> DagRun:
    """A run that has not ended."""
    return run(dag_id, minute, state="running", ended_at=None, **values)


def before(dag_id: str, outcomes: str) -> list[DagRun]:
    """Runs spread over the day before the deploy, oldest first: ``+`` succeeded, ``-`` failed."""
    gap = 24 * 60 / (len(outcomes) + 1)
    return [
        run(dag_id, (number - len(outcomes)) * gap - 2, state="success" if outcome == "+" else "failed")
        for number, outcome in enumerate(outcomes)
    ]


def usual(number: int = 20, past: str = "+" * 24) -> list[DagRun]:
    """The past of some hourly Dags that work."""
    return [each for index in range(number) for each in before(f"dag_{index:02}", past)]


def hourly(number: int = 20, failed: Iterable[int] = (), first: int = 0) -> list[DagRun]:
    """Runs of the usual Dags in the two hours after the landing; some Dags fail each."""
    bad = set(failed)
    return [
        run(f"dag_{index:02}", minute + index, state="failed" if index in bad else "success")
        for index in range(first, number)
        for minute in (6, 66)
    ]


def evidence_of(what: HealthCase, past: Iterable[DagRun], since: Iterable[DagRun] = ()) -> Evidence:
    """The evidence of a case."""
    evidence = Evidence(what, count_before(what, past))
    evidence.add(since)
    return evidence


def evaluated(
    what: HealthCase,
    past: Iterable[DagRun],
    since: Iterable[DagRun],
    *,
    at: datetime | None = None,
    components: Mapping[str, str] = OK_COMPONENTS,
    import_errors: Iterable[ImportProblem] = (),
) -> Evaluation:
    """Evaluate a case, by default at the end of its horizon."""
    observation = Observation(at or what.since.end, tuple(import_errors), dict(components))
    return evaluate(evidence_of(what, past, since), observation)
