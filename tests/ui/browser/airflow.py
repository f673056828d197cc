# SPDX-License-Identifier: Apache-2.0
"""An Airflow with a web server and users: ``airflow standalone`` on Airflow 3, ``airflow
webserver`` with a scheduler and a triggerer on Airflow 2."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.airflow_home import AirflowFailed, ThrowAwayAirflow
from demo.airflow_settings import airflow_major

ROOT = Path(__file__).resolve().parents[3]
_SECONDS_FOR_AN_ANSWER = 10.0
_SECONDS_TO_CREATE_USERS = 180.0


@dataclass(frozen=True)
class User:
    """A user who can log in.

    :param name: user name.
    :param password: password.
    :param role: role in Airflow 3's simple auth manager.
    """

    name: str
    password: str
    role: str


ANA = User("ana", "ana-may-do-everything", "admin")
VIC = User("vic", "vic-may-only-read", "viewer")
USERS = (ANA, VIC)


class BrowsedAirflow(ThrowAwayAirflow):
    """An Airflow for a browser. ``url`` ends in a slash.

    :param dags: Dag files; they are copied.
    :param environment: more environment variables for all its processes.
    """

    def __init__(self, dags: Iterable[Path], environment: Mapping[str, str]) -> None:
        super().__init__(dags)
        self.port = self._api.port
        self.url = f"http://127.0.0.1:{self.port}/"
        self.environment |= _settings(self.home, self.port) | dict(environment)

    def prepare(self) -> None:
        """Create the home directory, the database and the users."""
        super().prepare()
        if airflow_major() >= 3:
            passwords = {user.name: user.password for user in USERS}
            (self.home / "passwords.json").write_text(json.dumps(passwords))
        else:
            self._make_people()

    def trigger_count(self, dag_id: str) -> int:
        """Return how many runs of a Dag there are."""
        return len(self.metadata._rows("SELECT 1 FROM dag_run WHERE dag_id = ?", dag_id))

    def audit(self, dag_id: str) -> list[tuple[str, str]]:
        """Return the users and actions on a Dag from the audit log, oldest first."""
        rows = self.metadata._rows("SELECT event, owner FROM log WHERE dag_id = ? ORDER BY id", dag_id)
        return [(str(event), str(owner)) for event, owner in rows]

    def wait_for_dag(self, dag_id: str, seconds: float) -> None:
        """Wait until a Dag can be started."""
        self._wait(lambda: self._knows_dag(dag_id), f"the Dag {dag_id} to be parsed", seconds)

    def _component_arguments(self) -> dict[str, tuple[str, ...]]:
        if airflow_major() >= 3:
            return {"standalone": ()}
        server = ("--hostname", "127.0.0.1", "--port", str(self.port), "--workers", "2")
        common = ("--skip-serve-logs",)
        return {"webserver": server, "scheduler": common, "triggerer": common}

    def _is_healthy(self) -> bool:
        jobs = {"SchedulerJob", "TriggererJob"} | ({"DagProcessorJob"} if airflow_major() >= 3 else set())
        return self.metadata.running_jobs() >= jobs and self._answers()

    def _answers(self) -> bool:
        path = "api/v2/monitor/health" if airflow_major() >= 3 else "health"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}{path}", timeout=_SECONDS_FOR_AN_ANSWER):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def _make_people(self) -> None:
        """Create Airflow 2's users and the role for the page, as documented."""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _CREATE_USERS],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS_TO_CREATE_USERS,
        )
        if done.returncode != 0:
            raise AirflowFailed(f"The people could not be made.\n{done.stderr}")


def _settings(home: Path, port: int) -> dict[str, str]:
    if airflow_major() < 3:
        return {
            "AIRFLOW__WEBSERVER__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__WEBSERVER__SECRET_KEY": "a-key-for-one-test-alone",
            # Each process writes to SQLite, whose timeout of five seconds is too short.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=60",
        }
    return {
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{one.name}:{one.role}" for one in USERS),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
    }


_CREATE_USERS = """
from airflow.www.app import create_app
from tests.ui.browser.airflow import ANA, VIC

app = create_app()
with app.app_context():
    security = app.appbuilder.sm
    readers = security.add_role("Deploy History reader")
    for permission in security.find_role("Viewer").permissions:
        security.add_permission_to_role(readers, permission)
    for action in ("can_read", "menu_access"):
        security.add_permission_to_role(readers, security.get_permission(action, "Deploy History"))
    for user, role in ((ANA, security.find_role("Admin")), (VIC, readers)):
        mail = f"{user.name}@example.com"
        assert security.add_user(user.name, user.name, "", mail, role, password=user.password)
"""
