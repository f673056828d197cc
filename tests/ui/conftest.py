# SPDX-License-Identifier: Apache-2.0
"""The page's service with the embedded platform, without a web server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_rollback_provider.domain.errors import InvalidConnection
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.ui.cache import Cache
from airflow_rollback_provider.ui.config import DeploymentOption
from airflow_rollback_provider.ui.page_client import Platforms
from airflow_rollback_provider.ui.service import Addresses, Service, get_service
from airflow_rollback_provider.ui.snapshot import Reader
from tests.ui.sites import Site, make_site

ROOT = Path(__file__).resolve().parents[2]

RUNS = "/api/{dag_id}/runs"
ADDRESSES = Addresses(RUNS, f"{RUNS}/{{run_id}}", "/page/{dag_id}/{run_id}")


class Clock:
    """A clock that a test moves, or that moves by a step when it is read."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Page:
    """The page's server side for one user with all rights.

    :param sandbox: the platform.
    """

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox
        self.clock = Clock()
        self.connections: dict[str, dict[str, Any]] = {}
        self.options: list[DeploymentOption] = []
        self.connect("apc")
        self.start_problem: Callable[[str], str | None] = lambda _dag_id: None
        self.reader = Reader(Platforms(self._connection), Cache(clock=self.clock))
        self.service = Service(self.reader, lambda: self.load_options(), self.clock)

    def load_options(self) -> tuple[DeploymentOption, ...]:
        """Return the Deployments that the page offers."""
        return tuple(self.options)

    def connect(self, conn_id: str, token: str = "editor", **extra: Any) -> None:
        """Add or change a connection to the sandbox."""
        fields = self.sandbox.connection(token, **extra)
        self.connections[conn_id] = {"conn_id": conn_id, "schema": None, "port": None, **fields}

    def offer(self, key: str, connection: str = "apc", dag_id: str = "roll_back") -> str:
        """Offer a Deployment by its id and return the id."""
        found: str = self.sandbox.deployment(key, rows=1)["id"]
        self.options.append(DeploymentOption(connection, found, key, dag_id))
        return found

    def history(self, deployment: str, **parameters: str) -> dict[str, Any]:
        """Request a history as the browser does."""
        from airflow_rollback_provider.ui.history_query import HistoryQuery

        return self.service.history("apc", deployment, HistoryQuery.read(**parameters))

    def whole_history(self, deployment: str, **parameters: str) -> list[dict[str, Any]]:
        """Request page after page, to the end."""
        rows: list[dict[str, Any]] = []
        cursor = ""
        while True:
            answer = self.history(deployment, cursor=cursor, **parameters)
            rows += answer["rows"]
            cursor = answer["next_cursor"]
            if cursor is None:
                return rows

    def plan(self, deployment: str, target: str, **parameters: str) -> dict[str, Any]:
        """Request a plan as the browser does."""
        return self.service.plan(
            "apc", deployment, target, start_problem=self.start_problem, addresses=ADDRESSES, **parameters
        )

    def _connection(self, conn_id: str) -> Any:
        if conn_id not in self.connections:
            raise InvalidConnection(f"Airflow has no connection {conn_id!r}.")
        return SimpleNamespace(**self.connections[conn_id])


@pytest.fixture
def page(rollback_sandbox: SandboxProcess) -> Page:
    """The page with a fresh platform and the connection ``apc``."""
    return Page(rollback_sandbox)


@pytest.fixture(scope="session")
def whole_site(airflow_db: None) -> Iterator[Site]:
    """Airflow's own web server in this process, with its plugins; it takes some ten seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API__HOST", "127.0.0.1")
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "x" * 64)
        yield make_site()


@pytest.fixture
def site(whole_site: Site, rollback_sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The web server, which offers *Billing* of a fresh platform, with an empty cache."""
    billing = rollback_sandbox.deployment("image-af3", rows=1)["id"]
    monkeypatch.setenv("AIRFLOW_CONN_APC", rollback_sandbox.connection_json("editor"))
    monkeypatch.setenv(
        "AIRFLOW__AIRFLOW_ROLLBACK__PAGE_CONNECTIONS",
        json.dumps({"apc": {"deployments": {billing: "Billing"}}}),
    )
    get_service.cache_clear()
    return whole_site


@pytest.fixture
def billing(site: Site, rollback_sandbox: SandboxProcess) -> dict[str, str]:
    """The parameters that select *Billing*."""
    return {"connection": "apc", "deployment": rollback_sandbox.deployment("image-af3", rows=1)["id"]}


@pytest.fixture(scope="session")
def rollback_dag(airflow_db: None) -> str:
    """The example Dag as Airflow's Dag processor stores it in the database, not paused."""
    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    folder.mkdir(exist_ok=True)
    shutil.copy(ROOT / "example_dags" / "example_manual_rollback.py", folder)
    environment = {**os.environ, "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False"}
    command = [sys.executable, "-m", "airflow", "dags", "reserialize"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return "example_manual_rollback"
