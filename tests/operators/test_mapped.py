# SPDX-License-Identifier: Apache-2.0
"""Mapped rollbacks as Airflow stores them: the same Dag is the same text at every parse."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from importlib import import_module
from typing import Any

import pytest

from airflow_rollback_provider.domain.guard_rails import GuardRails
from airflow_rollback_provider.operators.rollback import RollbackOperator
from tests.rollback.test_callbacks import Chat

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG


def notify(context: Any) -> None:
    """Notify users."""


def stored(callback: Any) -> str:
    """Parse a Dag with a mapped rollback and return what Airflow stores of it."""
    serialized_objects: Any = import_module("airflow.serialization.serialized_objects")

    # Named otherwise since Airflow 3.2.
    form = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG
    with DAG("fleet", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:
        RollbackOperator.partial(
            task_id="roll_back",
            description="why",
            guards=GuardRails(freezes=("fri 18:00 - mon 06:00",)),
            stop_after_failures=2,
            on_planned_callback=callback(),
        ).expand(deployment_id=["a", "b"])
    return json.dumps(form.to_dict(dag), sort_keys=True)


@pytest.mark.matrix
@pytest.mark.parametrize(
    "callback", [lambda: notify, lambda: [notify], lambda: Chat("hi"), lambda: [Chat("hi")]], ids=range(4)
)
def test_equal_at_every_parse(callback: Any) -> None:
    """Guard rails and notifiers contain no address of an object: it would make a new version each time."""
    assert stored(callback) == stored(callback)
    assert "0x" not in stored(callback)
