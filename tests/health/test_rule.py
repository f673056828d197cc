# SPDX-License-Identifier: Apache-2.0
"""The numbers of the rule: read, stored, and refused if they are not usable."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.health.rule import HealthRule


def test_read_a_mapping() -> None:
    """Times may be given in seconds, lists stand for tuples, the rest keeps its default."""
    rule = HealthRule.read({"window": 1800, "windows": 3, "run_types": ["scheduled", "backfill"]})
    assert rule == HealthRule(window=timedelta(minutes=30), windows=3, run_types=("scheduled", "backfill"))


def test_read_a_rule() -> None:
    """A rule is returned unchanged; None and an empty mapping give the defaults."""
    rule = HealthRule(min_runs=3)
    assert HealthRule.read(rule) is rule
    assert HealthRule.read(None) == HealthRule.read({}) == HealthRule()


def test_json_and_back() -> None:
    """A rule survives JSON."""
    other = HealthRule(
        before=timedelta(hours=6.5), worked_before=0.8, waiting_operators=("A", "B"), significance=0.05
    )
    assert HealthRule.read(json.loads(json.dumps(other.to_dict()))) == other


@pytest.mark.parametrize(
    "values",
    [
        {"window": 0},
        {"before": -1},
        {"grace": -1},
        {"settling_time": timedelta(seconds=-1)},
        {"windows": 1},
        {"consecutive_windows": 0},
        {"consecutive_windows": 3},
        {"significance": 0},
        {"significance": 1.0},
        {"worked_before": 1.5},
        {"min_runs": 0},
        {"broken_dags": 0},
        {"critical_failures": 0},
        {"window": "an hour"},
        {"windows": 2.5},
        {"min_runs": True},
        {"run_types": "scheduled"},
        {"no_such_number": 1},
    ],
    ids=str,
)
def test_bad_values(values: dict[str, Any]) -> None:
    """The error names the field."""
    with pytest.raises(BadInput, match=next(iter(values))):
        HealthRule.read(values)


def test_every_number_is_documented() -> None:
    """The docstring describes each number."""
    assert HealthRule.__doc__ is not None
    assert [
        field.name for field in fields(HealthRule) if f":param {field.name}:" not in HealthRule.__doc__
    ] == []
