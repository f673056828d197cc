# SPDX-License-Identifier: Apache-2.0
"""Reads from Airflow's database."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from demo.metadata import Metadata


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with an empty XCom table."""
    file = tmp_path / "airflow.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE xcom (dag_id, run_id, task_id, key, value)")
    connection.close()
    return file


@pytest.mark.parametrize(
    "stored", [json.dumps({"a": 1}), json.dumps(json.dumps({"a": 1})), json.dumps({"a": 1}).encode()]
)
def test_an_xcom_of_either_line(file: Path, stored: str | bytes) -> None:
    """JSON as bytes (Airflow 2), as text, and as text in a JSON column (Airflow 3) is the same value."""
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO xcom VALUES ('d', 'r', 't', 'return_value', ?)", (stored,))
    connection.close()
    assert Metadata(f"sqlite:///{file}").xcom("d", "r", "t") == {"a": 1}


def test_no_xcom(file: Path) -> None:
    """A missing value is None."""
    assert Metadata(f"sqlite:///{file}").xcom("d", "r", "t") is None


def test_readers_beside_writers(file: Path) -> None:
    """The database can be read while another connection holds a write lock."""
    Metadata(f"sqlite:///{file}").allow_readers_beside_writers()
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    assert Metadata(f"sqlite:///{file}").xcom("d", "r", "t") is None
    writer.close()
