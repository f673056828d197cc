# SPDX-License-Identifier: Apache-2.0
"""From the id of an Airflow connection to a hook: here, and nowhere before, Airflow is imported."""

from __future__ import annotations

import logging
import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.console import quiet
from airflow_rollback_provider.cli.exits import CommandUnavailable
from airflow_rollback_provider.domain.errors import InvalidConnection, RollbackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook


@contextmanager
def connected(conn_id: str, *, debug: bool, usable: bool = True) -> Iterator[DeployHistoryHook]:
    """Lend a hook for an Airflow connection, with Airflow kept off the streams.

    :param conn_id: the connection's id.
    :param debug: let Airflow speak on stderr.
    :param usable: whether the connection's fields must make sense; False leaves that to the hook's user.
    :raises CommandUnavailable: when Airflow itself does not start here.
    :raises InvalidConnection: when there is no such connection or it cannot be used.
    """
    with quiet(debug), _without_tracebacks(), closing(_hook(conn_id, usable)) as hook:
        yield hook


@contextmanager
def _without_tracebacks() -> Iterator[None]:
    """Keep the tracebacks of what Airflow cannot read as a connection out of its log: they may quote it."""
    logger = logging.getLogger("airflow.models.connection")

    def shorten(record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None
        return True

    logger.addFilter(shorten)
    try:
        yield
    finally:
        logger.removeFilter(shorten)


def _hook(conn_id: str, usable: bool) -> DeployHistoryHook:
    # Airflow 3 looks for connections in the metadata database only in processes that call themselves a
    # server; its own command `airflow connections` does the same.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    try:
        from airflow_rollback_provider.compat import AirflowNotFoundException
        from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
    except Exception as error:
        raise CommandUnavailable(f"Airflow does not start here: {type(error).__name__}: {error}") from error
    hook = DeployHistoryHook(conn_id)
    try:
        hook.get_conn()
    except RollbackError:
        if usable:
            raise
    except AirflowNotFoundException:
        raise InvalidConnection(_not_found(conn_id)) from None
    except Exception as error:  # noqa: BLE001 - its words may hold a piece of the connection, the token too
        raise InvalidConnection(_unreadable(conn_id, error)) from None
    return hook


def _variable(conn_id: str) -> str:
    return f"AIRFLOW_CONN_{conn_id.upper()}"


def _not_found(conn_id: str) -> str:
    return (
        f"Airflow finds no connection {conn_id!r}, neither in the environment nor in a secrets backend or "
        f"its database. Name another one with --conn-id, set {_variable(conn_id)}, or add it with: "
        "airflow connections add"
    )


def _unreadable(conn_id: str, error: Exception) -> str:
    return (
        f"Airflow cannot read the connection {conn_id!r} ({type(error).__name__}). If it comes from "
        f"{_variable(conn_id)}, check that this holds a connection as a URI or as JSON."
    )
