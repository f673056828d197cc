# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback sandbox``: run the embedded platform, which needs the extra ``sandbox``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.exits import CommandUnavailable

if TYPE_CHECKING:
    import argparse

    from airflow_rollback_provider.cli.console import Console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to a parser.

    :raises CommandUnavailable: if a module of another project is missing.
    """
    try:
        from airflow_rollback_provider.sandbox import server
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("airflow_rollback_provider"):
            raise
        raise CommandUnavailable(
            f"This command needs the extra 'sandbox' (no module named {error.name!r}): "
            "pip install 'airflow-rollback-provider[sandbox]'"
        ) from None
    server.add_arguments(parser)


def run(args: argparse.Namespace, _console: Console) -> int:
    """Serve until interrupted."""
    from airflow_rollback_provider.sandbox import server

    return server.run(args)
