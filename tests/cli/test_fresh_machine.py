# SPDX-License-Identifier: Apache-2.0
"""The commands on a machine where Airflow has never run, and with connections from its database."""

from __future__ import annotations

import json
import os

import pytest

from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.cli.running import Cli


@pytest.mark.matrix
def test_only_the_json_is_on_the_streams(process: Cli, platform: SandboxProcess) -> None:
    """Airflow creates its configuration and logs; none of that is on stdout or stderr."""
    deployment = platform.deployment("image-af3")["id"]
    connection = platform.connection_json()
    result = process("plan", deployment, "--json", AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT=connection)
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out)["allowed"] is True


def test_a_missing_connection_is_two_lines_on_stderr(process: Cli) -> None:
    """Airflow logs a long error about a database without tables; the command names the missing connection."""
    result = process("history", "x", "--conn-id", "missing")
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("airflow-rollback: the connection cannot be used (InvalidConnection)\n")
    assert len(result.err.splitlines()) == 2


def test_an_airflow_that_does_not_start_is_unavailable_not_refused(process: Cli) -> None:
    """The error names a broken configuration; exit code 1 would mean a refused rollback."""
    result = process(
        "plan", "x", AIRFLOW__CORE__EXECUTOR="NoSuchExecutor", AIRFLOW__LOGGING__LOGGING_LEVEL="LOUD"
    )
    assert result.code == 3
    assert result.out == ""
    assert "Traceback" not in result.err


@pytest.mark.usefixtures("airflow_db")
def test_connections_come_from_airflows_database(process: Cli, platform: SandboxProcess) -> None:
    """A connection of `airflow connections add` is found, on Airflow 3 as on Airflow 2."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    fields = platform.connection()
    with create_session() as session:
        session.add(
            Connection(
                conn_id="from_database",
                conn_type=fields["conn_type"],
                host=fields["host"],
                password=fields["password"],
            )
        )
    ours = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW_")}
    result = process("plan", platform.deployment("image-af3")["id"], "--conn-id", "from_database", **ours)
    assert (result.code, result.err) == (0, "")
