# SPDX-License-Identifier: Apache-2.0
"""An Airflow with a web server and two users, one of whom may only read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from demo.airflow_home import AirflowFailed
from demo.web_airflow import User, WebAirflow

ROOT = Path(__file__).resolve().parents[3]
_SECONDS_TO_CREATE_USERS = 180.0

ANA = User("ana", "ana-may-do-everything", "admin")
VIC = User("vic", "vic-may-only-read", "viewer")


class BrowsedAirflow(WebAirflow):
    """An Airflow for a browser.

    :param dags: Dag files; they are copied.
    :param environment: more environment variables for all its processes.
    """

    def __init__(self, dags: Iterable[Path], environment: Mapping[str, str]) -> None:
        super().__init__(dags, environment, (ANA, VIC))

    def trigger_count(self, dag_id: str) -> int:
        """Return how many runs of a Dag there are."""
        return len(self.metadata._rows("SELECT 1 FROM dag_run WHERE dag_id = ?", dag_id))

    def audit(self, dag_id: str) -> list[tuple[str, str]]:
        """Return the users and actions on a Dag from the audit log, oldest first."""
        rows = self.metadata._rows("SELECT event, owner FROM log WHERE dag_id = ? ORDER BY id", dag_id)
        return [(str(event), str(owner)) for event, owner in rows]

    def create_users(self) -> None:
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
