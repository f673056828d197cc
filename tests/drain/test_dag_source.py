# SPDX-License-Identifier: Apache-2.0
"""Which Dag files Airflow 2 cannot read for sure."""

from __future__ import annotations

import pytest

from airflow_rollback_provider.drain.dag_source import needs_airflow_3
from demo.story import example_dag


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from airflow.sdk import DAG", "airflow.sdk"),
        ("import airflow.sdk", "airflow.sdk"),
        ("import os, airflow.sdk.definitions.asset as a", "airflow.sdk.definitions.asset"),
        ("from airflow import sdk", "airflow.sdk"),
        ("from airflow.sdk.bases.hook import BaseHook", "airflow.sdk.bases.hook"),
        ("with open('x') as file:\n    from airflow.sdk import DAG", "airflow.sdk"),
        ("class A:\n    from airflow.sdk import DAG", "airflow.sdk"),
    ],
)
def test_it_cannot(source: str, module: str) -> None:
    """An import that always happens."""
    assert needs_airflow_3(source) == module


@pytest.mark.parametrize(
    "source",
    [
        "from airflow import DAG",
        "from airflow.providers.standard.operators.empty import EmptyOperator",
        "try:\n    from airflow.sdk import DAG\nexcept ImportError:\n    from airflow import DAG",
        "if version >= 3:\n    from airflow.sdk import DAG",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from airflow.sdk import Context",
        "def task():\n    from airflow.sdk import get_current_context",
        "from .sdk import x\nfrom . import y",
        "from airflow.sdkish import x",
        "# from airflow.sdk import DAG",
        "'from airflow.sdk import DAG'",
        "this is no Python",
        "\0",
        "",
    ],
)
def test_it_may(source: str) -> None:
    """Anything that something is done about, or that happens later, or that cannot be told."""
    assert needs_airflow_3(source) is None


def test_an_example_that_runs_on_both() -> None:
    """It says what is to be done where there is no Airflow 3."""
    assert needs_airflow_3(example_dag().read_text(encoding="utf-8")) is None
