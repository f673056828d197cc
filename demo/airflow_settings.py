# SPDX-License-Identifier: Apache-2.0
"""The environment of a throw-away Airflow: its own home, SQLite, few processes."""

from __future__ import annotations

import base64
import os
import secrets
import socket
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_AIRFLOW_2 = {
    # Airflow 2 requires its SequentialExecutor with SQLite, which starts a new interpreter for each task and
    # halts the scheduler meanwhile. As in Airflow 3, write-ahead logging (see Metadata) makes it unnecessary.
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
    "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",
}


def airflow_major() -> int:
    """Return the major version of the Airflow that is installed here, without importing it."""
    return int(version("apache-airflow").split(".")[0])


def free_port() -> int:
    """Return a port that was free on loopback a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def throw_away_environment(home: Path, port: int, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for every process of one throw-away Airflow.

    :param home: its ``AIRFLOW_HOME``.
    :param port: where its API server listens (Airflow 3).
    :param extra: more variables; they win.
    """
    inherited = {name: value for name, value in os.environ.items() if "AIRFLOW_" not in name}
    line = _AIRFLOW_2 if airflow_major() < 3 else _airflow_3(port)
    return inherited | _common(home) | line | dict(extra)


def _common(home: Path) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        # By default Airflow 2 writes no logger names, which select the lines to print.
        "AIRFLOW__LOGGING__LOG_FORMAT": "[%(asctime)s] {%(name)s} %(levelname)s - %(message)s",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # Airflow 2 starts its tasks with the first `airflow` on the path.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
    }


def _airflow_3(port: int) -> dict[str, str]:
    url = f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW__CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
    }
