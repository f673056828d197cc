# SPDX-License-Identifier: Apache-2.0
"""The pages on remediation are true about parameters, numbers, codes and example Dags."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from airflow_rollback_provider.domain import guard_rails
from airflow_rollback_provider.drain import active_work
from airflow_rollback_provider.health import case as health_case
from airflow_rollback_provider.health import evaluate, poller
from airflow_rollback_provider.health.rule import HealthRule
from airflow_rollback_provider.operators import deploy_health
from airflow_rollback_provider.operators.deploy_health import DeployHealthOperator
from airflow_rollback_provider.operators.drain import DrainDeploymentOperator, ResumeDeploymentOperator
from airflow_rollback_provider.pods import pods
from airflow_rollback_provider.triggers import deploy_health as trigger

ROOT = Path(__file__).parents[2]
DEPLOY_HEALTH = (ROOT / "docs" / "deploy-health.md").read_text(encoding="utf-8")
REMEDIATION = (ROOT / "docs" / "remediation.md").read_text(encoding="utf-8")
DRAIN = (ROOT / "docs" / "drain.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("operator", "page"),
    [
        (DeployHealthOperator, DEPLOY_HEALTH),
        (DrainDeploymentOperator, DRAIN),
        (ResumeDeploymentOperator, DRAIN),
    ],
)
def test_every_parameter_is_on_its_page(operator: Any, page: str) -> None:
    """And in the docstring."""
    names = set(inspect.signature(operator.__init__).parameters) - {"self", "kwargs"}
    assert {name for name in names if f"| `{name}` |" not in page} == set()
    assert {name for name in names if f":param {name}:" not in (operator.__doc__ or "")} == set()


def test_every_parameter_of_the_rule_is_told_with_its_default() -> None:
    """In the unit in which people think of it."""
    rule = HealthRule()
    for field in fields(HealthRule):
        (told,) = re.findall(rf"^\| `{field.name}` \| (.*?) \|", DEPLOY_HEALTH, re.MULTILINE)
        value = getattr(rule, field.name)
        if hasattr(value, "total_seconds"):
            number, unit = told.split()
            assert value.total_seconds() == int(number) * {"h": 3600, "min": 60}[unit]
        else:
            assert told.strip("`") == str(value).replace("'", '"')


def test_every_code_is_told() -> None:
    """Codes are part of the public interface."""
    modules = (evaluate, poller, health_case, deploy_health, trigger)
    codes = {code for module in modules for code in _codes(inspect.getsource(module))}
    assert len(codes) > 9
    assert {code for code in codes if f"`{code}`" not in DEPLOY_HEALTH} == set()
    assert {code for code in _codes(inspect.getsource(active_work)) if f"`{code}`" not in DRAIN} == set()
    codes = (
        _codes(inspect.getsource(guard_rails))
        | _codes(inspect.getsource(pods))
        | {"CRASHED", "PENDING", "STARTING"}
    )
    assert {code for code in codes if f"`{code}`" not in REMEDIATION} == set()


def test_every_example_is_told() -> None:
    """And none that is not there."""
    files = {file.stem for file in (ROOT / "example_dags").glob("*.py")}
    assert set(re.findall(r"`(example_\w+)`", REMEDIATION)) == files


def _codes(source: str) -> set[str]:
    return set(re.findall(r'"([A-Z]+(?:-[A-Z0-9]+)+)"', source))
