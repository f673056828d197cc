# SPDX-License-Identifier: Apache-2.0
"""Dag files that Airflow 2 certainly cannot import."""

from __future__ import annotations

import pytest

from airflow_rollback_provider.drain.survey import needs_airflow_3
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
def test_certain_import(source: str, module: str) -> None:
    """The import always runs."""
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
def test_no_certain_import(source: str) -> None:
    """The import is guarded, runs later, or does not exist."""
    assert needs_airflow_3(source) is None


def test_example_for_both_airflow_lines() -> None:
    """The example guards its imports of Airflow 3."""
    assert needs_airflow_3(example_dag().read_text(encoding="utf-8")) is None
