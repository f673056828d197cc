# SPDX-License-Identifier: Apache-2.0
"""A whole Airflow in the place of the one in a Deployment: with its REST API, and a user's login."""

from __future__ import annotations

import json
import shutil
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from demo.airflow_home import ThrowAwayAirflow
from demo.airflow_settings import airflow_major, free_port
from demo.story import example_dag

DAGS = Path(__file__).parent / "dags"
EXAMPLE = example_dag().with_name("example_quiet_downgrade.py")
LOGIN, PASSWORD = "checker", "the-checkers-password"
_DEADLINE = 180.0
# Changed files are noticed at once, and runs follow each other closely.
_SETTINGS = {
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "1",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_FETCH_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
}
_AIRFLOW_2 = {
    "AIRFLOW__API__AUTH_BACKENDS": "airflow.providers.fab.auth_manager.api.auth.backend.basic_auth",
    "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "1",
    "AIRFLOW__WEBSERVER__SECRET_KEY": "not-a-secret",
    "AIRFLOW__WEBSERVER__WORKERS": "1",
}


class ObservedAirflow(ThrowAwayAirflow):
    """A throw-away Airflow whose REST API requires a login, as that of a Deployment does.

    :param platform: connection to a platform, for the example Dag.
    """

    def __init__(self, platform: str) -> None:
        dags: tuple[Path, ...] = (DAGS / "working.py", DAGS / "busy.py", DAGS / "remedies.py", EXAMPLE)
        if airflow_major() >= 3:
            dags += (DAGS / "modern.py",)
        super().__init__(dags, {**_SETTINGS, "AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT": platform})
        self._port = free_port() if airflow_major() < 3 else self._api.port
        self.environment.update(_AIRFLOW_2 if airflow_major() < 3 else self._logins())
        if airflow_major() < 3:  # each process writes to SQLite, whose timeout of five seconds is too short
            self.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] += "?timeout=60"
        self.environment["AIRFLOW_CONN_FS_DEFAULT"] = json.dumps({"conn_type": "fs", "extra": {"path": "/"}})
        # Its own Dags evaluate and drain it, which Dags should not do outside tests.
        self.environment["AIRFLOW_CONN_AIRFLOW_API_DEFAULT"] = self.connection()

    @property
    def url(self) -> str:
        """Where its REST API is."""
        return f"http://127.0.0.1:{self._port}"

    def connection(self, **extra: object) -> str:
        """A connection to it, as the value of an environment variable."""
        return json.dumps({"host": self.url, "login": LOGIN, "password": PASSWORD, "extra": extra})

    def prepare(self) -> None:
        """Make the database, and a user who may log in."""
        super().prepare()
        if airflow_major() < 3:
            name = ("--username", LOGIN, "--password", PASSWORD, "--role", "Admin")
            self.command("users", "create", *name, "--firstname", "J", "--lastname", "J", "--email", "j@j.j")
        else:
            (self.home / "passwords.json").write_text(json.dumps({LOGIN: PASSWORD}))

    def deploy(self, name: str) -> datetime:
        """Bring another version of the Dags, as a deploy does; return when."""
        moment = datetime.now(timezone.utc)
        new = self.home / "dags" / "new"  # not .py: a file that is half written is no Dag file
        shutil.copy(DAGS / name, new)
        new.replace(self.home / "dags" / "working.py")
        return moment

    def trigger(self, dag_id: str, **conf: object) -> str:
        """Start a run by hand and return its id."""
        run_id = f"by_hand_{uuid.uuid4().hex[:8]}"
        self.command("dags", "trigger", "--run-id", run_id, "--conf", json.dumps(conf), dag_id)
        return run_id

    def runs(self, dag_id: str, state: str, since: datetime, until: datetime | None = None) -> int:
        """Count the scheduled runs of a Dag that started in a time and ended in a state."""
        query = (
            "SELECT COUNT(*) FROM dag_run WHERE dag_id = ? AND state = ? AND run_type = 'scheduled' "
            "AND start_date >= ? AND start_date < ?"
        )
        end = until or datetime.now(timezone.utc)
        times = [moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f") for moment in (since, end)]
        return int(self.metadata._rows(query, dag_id, state, *times)[0][0])

    def until(self, done: Callable[[], object], what: str) -> None:
        """Wait until a condition is true."""
        self._wait(done, what, _DEADLINE)

    def _logins(self) -> dict[str, str]:
        return {
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{LOGIN}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
        }

    def _component_arguments(self) -> dict[str, tuple[str, ...]]:
        components = super()._component_arguments()
        if airflow_major() < 3:
            components["webserver"] = ("--hostname", "127.0.0.1", "--port", str(self._port))
        return components

    def _is_healthy(self) -> bool:
        wanted = {"SchedulerJob", "TriggererJob"} | ({"DagProcessorJob"} if airflow_major() >= 3 else set())
        return self.metadata.running_jobs() >= wanted and self._answers()

    def _answers(self) -> bool:
        version = "v1" if airflow_major() < 3 else "v2"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/api/{version}/version", timeout=10):
                return True
        except urllib.error.HTTPError as error:
            with error:
                return error.code in (401, 403)
        except OSError:
            return False


def wait_for_runs(
    airflow: ObservedAirflow, since: datetime, wanted: Callable[[datetime, datetime], bool]
) -> float:
    """Wait until something holds of both halves of the time since then; return the seconds of a half.

    So the horizon is as long as this machine needs for the runs, however slow it is.

    :param wanted: what must hold from one time to another.
    """
    halves: list[float] = []

    def both_hold() -> bool:
        now = datetime.now(timezone.utc)
        middle = since + (now - since) / 2
        if wanted(since, middle) and wanted(middle, now):
            halves.append((now - since).total_seconds() / 2)
        return bool(halves)

    airflow.until(both_hold, "runs in both halves")
    time.sleep(0.1)  # a run that started in the second half is in it
    return halves[0]
