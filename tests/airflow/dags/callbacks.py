# SPDX-License-Identifier: Apache-2.0
"""Rollbacks that do not end well; callbacks of Airflow write what they find in the context to the log."""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime, timedelta, timezone
from threading import Timer
from typing import Any, NoReturn

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

from airflow_rollback_provider.operators.rollback import RollbackOperator


def write(context: Any) -> None:
    """Write what the callback finds."""
    print("FOUND", json.dumps(context.get("rollback")))  # noqa: T201


def terminate(_context: Any) -> None:
    """Send SIGTERM to the task's process while it waits, as Airflow and Kubernetes do."""
    Timer(5, os.kill, (os.getpid(), signal.SIGTERM)).start()


class ShortDeferral(RollbackOperator):
    """Defers for a time that Airflow ends before the trigger does."""

    def defer(self, **kwargs: Any) -> NoReturn:
        """Defer for a second."""
        super().defer(**{**kwargs, "timeout": timedelta(seconds=1)})


with DAG(
    dag_id="callbacks",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    default_args={
        "description": "{{ params.description }}",
        "poll_interval": 1,
        "on_failure_callback": write,
        "on_retry_callback": write,
    },
    params={
        "fails": "",
        "goes_on": "",
        "goes_on_too": "",
        "goes_on_as_well": "",
        "goes_on_after_sigterm": "",
        "description": "",
    },
):
    RollbackOperator(task_id="fails", deployment_id="{{ params.fails }}", deferrable=True)
    # Airflow 3 does not count the time of a deferral: this one waits in its process there.
    RollbackOperator(
        task_id="execution_timeout",
        deployment_id="{{ params.goes_on }}",
        execution_timeout=timedelta(seconds=30),
        deferrable=False,
    )
    RollbackOperator(
        task_id="execution_timeout_deferred",
        deployment_id="{{ params.goes_on_too }}",
        execution_timeout=timedelta(seconds=30),
        timeout=timedelta(seconds=40),
        deferrable=True,
    )
    # SIGTERM alone does not end a task of Airflow 3.
    RollbackOperator(
        task_id="sigterm",
        deployment_id="{{ params.goes_on_after_sigterm }}",
        on_submitted_callback=terminate,
        execution_timeout=timedelta(seconds=30),
        deferrable=False,
    )
    ShortDeferral(
        task_id="deferral_timeout",
        deployment_id="{{ params.goes_on_as_well }}",
        deferrable=True,
        retries=1,
        retry_delay=timedelta(days=1),
    )
