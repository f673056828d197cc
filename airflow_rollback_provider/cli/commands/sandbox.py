# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback sandbox``: the embedded platform, which comes with the extra ``sandbox``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.extras import needs_extra

if TYPE_CHECKING:
    import argparse

    from airflow_rollback_provider.cli.console import Console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to a parser."""
    with needs_extra("sandbox"):
        from airflow_rollback_provider.sandbox import server
    server.add_arguments(parser)


def run(args: argparse.Namespace, _console: Console) -> int:
    """Serve until interrupted."""
    from airflow_rollback_provider.sandbox import server

    return server.run(args)
