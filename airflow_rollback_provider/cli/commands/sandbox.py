# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback sandbox``: run the embedded platform, which needs the extra ``sandbox``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.exits import CommandUnavailable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from airflow_rollback_provider.cli.console import Console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to a parser."""
    with _needs_extra("sandbox"):
        from airflow_rollback_provider.sandbox import server
    server.add_arguments(parser)


def run(args: argparse.Namespace, _console: Console) -> int:
    """Serve until interrupted."""
    from airflow_rollback_provider.sandbox import server

    return server.run(args)


@contextmanager
def _needs_extra(extra: str) -> Iterator[None]:
    """Turn a failed import of an optional dependency into one line that names the extra to install.

    :raises CommandUnavailable: if a module of another project is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("airflow_rollback_provider"):
            raise
        raise CommandUnavailable(
            f"This command needs the extra {extra!r} (no module named {error.name!r}): "
            f"pip install 'airflow-rollback-provider[{extra}]'"
        ) from None
