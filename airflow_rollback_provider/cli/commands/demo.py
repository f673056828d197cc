# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback demo``: a real Airflow rolls a Deployment of the embedded platform back."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.extras import needs_extra

if TYPE_CHECKING:
    from airflow_rollback_provider.cli.console import Console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to a parser."""
    with needs_extra("sandbox"):
        from airflow_rollback_provider import demo
        from airflow_rollback_provider.sandbox import server  # noqa: F401 - the demo starts it as a process
    demo.add_arguments(parser)


def run(args: argparse.Namespace, _console: Console) -> int:
    """Run the demo."""
    from airflow_rollback_provider import demo

    return demo.run(args)
