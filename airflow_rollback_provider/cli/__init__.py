# SPDX-License-Identifier: Apache-2.0
"""The command line ``airflow-rollback``: one module for each command, imported when that command runs."""

from __future__ import annotations

from airflow_rollback_provider.cli.main import main

__all__ = ["main"]
