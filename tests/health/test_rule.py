# SPDX-License-Identifier: Apache-2.0
"""The parameters of the rule: read, stored, and refused if they are not usable."""

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
    rule = HealthRule.read({"horizon": 3600, "critical_failures": 3, "run_types": ["scheduled", "backfill"]})
    assert rule == HealthRule(
        horizon=timedelta(hours=1), critical_failures=3, run_types=("scheduled", "backfill")
    )


def test_read_a_rule() -> None:
    """A rule is returned unchanged; None and an empty mapping give the defaults."""
    rule = HealthRule(false_alarms=0.01)
    assert HealthRule.read(rule) is rule
    assert HealthRule.read(None) == HealthRule.read({}) == HealthRule()


def test_json_and_back() -> None:
    """A rule survives JSON."""
    other = HealthRule(baseline=timedelta(hours=6.5), waiting_operators=("A", "B"), false_alarms=0.05)
    assert HealthRule.read(json.loads(json.dumps(other.to_dict()))) == other


@pytest.mark.parametrize(
    "values",
    [
        {"horizon": 0},
        {"baseline": -1},
        {"outage_tolerance": -1},
        {"outage_tolerance": timedelta(hours=2)},
        {"false_alarms": 0},
        {"false_alarms": 1.0},
        {"critical_failures": 0},
        {"critical_failures": 2.5},
        {"critical_failures": True},
        {"horizon": "an hour"},
        {"horizon": float("nan")},
        {"horizon": 1e20},
        {"baseline": 1e12},
        {"critical_failures": "2"},
        {"false_alarms": "often"},
        {"run_types": "scheduled"},
        {"no_such_number": 1},
    ],
    ids=str,
)
def test_bad_values(values: dict[str, Any]) -> None:
    """The error names the field."""
    with pytest.raises(BadInput, match=next(iter(values))):
        HealthRule.read(values)


def test_every_parameter_is_documented() -> None:
    """The docstring describes each."""
    assert HealthRule.__doc__ is not None
    assert [
        field.name for field in fields(HealthRule) if f":param {field.name}:" not in HealthRule.__doc__
    ] == []
