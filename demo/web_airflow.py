# SPDX-License-Identifier: Apache-2.0
"""A throw-away Airflow with a web server, for users who log in."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from demo.airflow_home import ThrowAwayAirflow
from demo.airflow_settings import airflow_major

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_SECONDS_FOR_AN_ANSWER = 10.0


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


class WebAirflow(ThrowAwayAirflow):
    """An Airflow for a browser. ``url`` ends in a slash.

    :param dags: Dag files; they are copied.
    :param environment: more environment variables for all its processes.
    :param users: the users. Airflow 2 makes all of them administrators.
    """

    def __init__(self, dags: Iterable[Path], environment: Mapping[str, str], users: Sequence[User]) -> None:
        super().__init__(dags)
        self.port = self._api.port
        self.url = f"http://127.0.0.1:{self.port}/"
        self.users = users
        self.environment |= _settings(self.home, self.port, users) | dict(environment)

    def prepare(self) -> None:
        """Create the home directory, the database and the users."""
        super().prepare()
        if airflow_major() >= 3:
            passwords = {user.name: user.password for user in self.users}
            (self.home / "passwords.json").write_text(json.dumps(passwords))
        else:
            self.create_users()

    def create_users(self) -> None:
        """Create Airflow 2's users."""
        for user in self.users:
            names = ("--username", user.name, "--firstname", user.name, "--lastname", user.name)
            mail = ("--email", f"{user.name}@example.com")
            self.command("users", "create", "--role", "Admin", *names, *mail, "--password", user.password)

    def wait_for_dag(self, dag_id: str, seconds: float) -> None:
        """Wait until a Dag can be started."""
        self._wait(lambda: self._knows_dag(dag_id), f"the Dag {dag_id} to be parsed", seconds)

    def wait_for_page(self, path: str, user: User, seconds: float) -> None:
        """Wait until a path of the web server answers a user who logs in.

        :raises AirflowFailed: if it does not answer in time, or a component ended.
        """

        def answers() -> bool:
            try:
                with log_in(self.url, user.name, user.password) as session:
                    return session.get(f"{self.url}{path}", timeout=_SECONDS_FOR_AN_ANSWER).ok
            except requests.RequestException:
                return False

        self._wait(answers, f"{path} to answer {user.name}", seconds)

    def run(self) -> None:
        """Let it run until a signal interrupts it.

        :raises AirflowFailed: if a component ended.
        """
        self._wait(lambda: False, "a signal", float("inf"))

    def _component_arguments(self) -> dict[str, tuple[str, ...]]:
        components = super()._component_arguments()
        if airflow_major() >= 3:
            return components
        server = ("--hostname", "127.0.0.1", "--port", str(self.port), "--workers", "2")
        return {"webserver": server, **components}

    def _is_healthy(self) -> bool:
        jobs = {"SchedulerJob", "TriggererJob"} | ({"DagProcessorJob"} if airflow_major() >= 3 else set())
        return self.metadata.running_jobs() >= jobs and self._answers()

    def _answers(self) -> bool:
        path = "api/v2/monitor/health" if airflow_major() >= 3 else "health"
        try:
            with _session() as session:
                return session.get(f"{self.url}{path}", timeout=_SECONDS_FOR_AN_ANSWER).ok
        except requests.RequestException:
            return False


def log_in(url: str, user: str, password: str) -> requests.Session:
    """Return a session of a user at the Airflow whose ``url`` ends in a slash.

    :raises requests.RequestException: if Airflow refuses or does not answer.
    """
    session = _session()
    credentials = {"username": user, "password": password}
    if airflow_major() >= 3:
        token = session.post(f"{url}auth/token", json=credentials, timeout=_SECONDS_FOR_AN_ANSWER)
        token.raise_for_status()
        session.cookies.set("_token", token.json()["access_token"])
        return session
    form = session.get(f"{url}login/", timeout=_SECONDS_FOR_AN_ANSWER).text
    csrf = "".join(re.findall(r'name="csrf_token"[^>]* value="([^"]+)"', form)[:1])
    data = {**credentials, "csrf_token": csrf}
    session.post(f"{url}login/", data=data, timeout=_SECONDS_FOR_AN_ANSWER).raise_for_status()
    return session


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy
    return session


def _settings(home: Path, port: int, users: Sequence[User]) -> dict[str, str]:
    if airflow_major() < 3:
        return {
            "AIRFLOW__WEBSERVER__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__WEBSERVER__SECRET_KEY": secrets.token_urlsafe(32),
            # Each process writes to SQLite, whose timeout of five seconds is too short.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=60",
        }
    return {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user.name}:{user.role}" for user in users),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
    }
