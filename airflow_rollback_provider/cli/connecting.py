# SPDX-License-Identifier: Apache-2.0
"""Open a hook for an Airflow connection. Airflow is imported here and not earlier."""

from __future__ import annotations

import logging
import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.console import quiet
from airflow_rollback_provider.cli.exits import CommandUnavailable
from airflow_rollback_provider.domain.errors import InvalidConnection, RollbackError
from airflow_rollback_provider.domain.redaction import quote_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook


@contextmanager
def open_hook(conn_id: str, *, debug: bool, validate: bool = True) -> Iterator[DeployHistoryHook]:
    """Open a hook for an Airflow connection and suppress the output of Airflow.

    :param debug: send the output of Airflow to stderr.
    :param validate: whether to raise for invalid fields of the connection; the doctor reports them itself.
    :raises CommandUnavailable: if Airflow itself does not start here.
    :raises InvalidConnection: if there is no such connection or it cannot be used.
    """
    with quiet(debug), _without_tracebacks(), closing(_hook(conn_id, validate)) as hook:
        yield hook


@contextmanager
def _without_tracebacks() -> Iterator[None]:
    """Drop the tracebacks from Airflow's log of an unreadable connection: they may quote the connection."""
    logger = logging.getLogger("airflow.models.connection")

    def shorten(record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None
        return True

    logger.addFilter(shorten)
    try:
        yield
    finally:
        logger.removeFilter(shorten)


def _hook(conn_id: str, validate: bool) -> DeployHistoryHook:
    # Airflow 3 reads connections from the metadata database only in a process that declares itself a server.
    # Its own command `airflow connections` does the same.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    try:
        from airflow_rollback_provider.compat import connection_variable, is_missing
        from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
    except (Exception, SystemExit) as error:
        raise CommandUnavailable(f"Airflow does not start here: {quote_error(error)}") from error
    hook = DeployHistoryHook(conn_id)
    try:
        hook.get_conn()
    except RollbackError:
        if validate:
            raise
    except Exception as error:  # noqa: BLE001 - its message may contain a piece of the connection, or the token
        variable = connection_variable(conn_id)
        if is_missing(conn_id, error):
            raise InvalidConnection(
                f"Airflow finds no connection {conn_id!r}, neither in the environment nor in a secrets "
                f"backend or its database. Name another one with --conn-id, set {variable}, or add it with: "
                "airflow connections add"
            ) from None
        raise InvalidConnection(
            f"Airflow cannot read the connection {conn_id!r} ({type(error).__name__}). If it comes from "
            f"{variable}, check that its value is a connection as a URI or as JSON."
        ) from None
    return hook
