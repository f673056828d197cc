# SPDX-License-Identifier: Apache-2.0
"""The common rules of all example Dags, because users copy them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from airflow import DAG

from airflow_rollback_provider.compat import BaseOperator
from airflow_rollback_provider.operators.fleet import FleetSummaryOperator
from demo.airflow_settings import airflow_major

FILES = sorted((Path(__file__).resolve().parents[1] / "example_dags").glob("*.py"))


def read(file: Path) -> ModuleType:
    """Import a Dag file."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def our_tasks(file: Path) -> list[Any]:
    """The tasks of this package in a Dag file, mapped ones too."""
    began: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        enter = DAG.__enter__
        patch.setattr(DAG, "__enter__", lambda dag: began.append(dag) or enter(dag))
        read(file)
    tasks = [task for dag in began for task in dag.tasks]
    return [task for task in tasks if operator_of(task).__module__.startswith("airflow_rollback_provider")]


def operator_of(task: Any) -> type:
    """The class of a task or of a mapped task."""
    return type(task) if isinstance(task, BaseOperator) else task.operator_class


@pytest.mark.skipif(airflow_major() < 3, reason="no human in the loop on Airflow 2")
def test_the_approval_needs_no_newer_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package allows every version of Airflow's standard provider; before 1.12.2 it has no time-out."""
    from airflow.providers.standard.operators.hitl import HITLOperator

    made, init = [], HITLOperator.__init__

    def older(self: Any, **kwargs: Any) -> None:
        made.append(kwargs.keys() & {"response_timeout"})
        init(self, **kwargs)

    monkeypatch.setattr(HITLOperator, "__init__", older)
    for file in FILES:
        our_tasks(file)
    assert made == [set(), set()]


@pytest.mark.skipif(airflow_major() >= 3, reason="the provider has what the examples use")
def test_airflow_2_with_the_standard_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be installed on Airflow 2. Its tasks that wait for a user then fail at their import."""

    def refuse(name: str) -> Any:
        raise RuntimeError(f"{name} needs Airflow 3.1")

    parent = "airflow.providers.standard"
    for name in (parent, f"{parent}.operators", f"{parent}.operators.hitl"):
        module = ModuleType(name)
        module.__dict__.update(__path__=[], __getattr__=refuse)
        monkeypatch.setitem(sys.modules, name, module)
    for file in FILES:
        our_tasks(file)


@pytest.mark.matrix
def test_an_approval_is_a_task_of_its_dag() -> None:
    """The rollback after a bad deploy needs a user's answer where Airflow has a task for it."""
    file = next(file for file in FILES if file.stem == "example_watch_and_roll_back")
    (roll_back,) = (task for task in our_tasks(file) if task.task_id == "roll_back")
    expected = ("plan", None) if airflow_major() < 3 else ("approve", "approve")
    assert (*roll_back.upstream_task_ids, roll_back.approval_task_id) == expected


@pytest.mark.matrix
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_tasks_with_requests_have_retries(file: Path) -> None:
    """A response can be lost, and a busy Airflow loses tries of deferred tasks: one try is not enough."""
    ours = our_tasks(file)
    assert ours or (file.stem == "example_approve_and_roll_back" and airflow_major() < 3)
    asking = [task for task in ours if operator_of(task) is not FleetSummaryOperator]
    assert {task.task_id for task in asking if task.retries < 1} == set()
