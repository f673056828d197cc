# SPDX-License-Identifier: Apache-2.0
"""A Dag that Airflow 3 alone can read."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import DAG

with DAG("modern", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False):
    pass
