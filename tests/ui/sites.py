# SPDX-License-Identifier: Apache-2.0
"""A real web server of Airflow in this process, for requests of users with different rights.

Both Airflow lines have the same interface here, so that one test covers both.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from airflow_rollback_provider.compat import AIRFLOW_3

PREFIX = "/rollback"
PAGE = f"{PREFIX}/"
"""The page itself in Airflow 2."""

DAG_ID = "example_manual_rollback"

USERS = {"admin": "ADMIN", "reader": "VIEWER", "stranger": None}
"""The users, with their role in Airflow 3.

``reader`` may see the page and trigger no Dag, ``stranger`` may log in and not see the page.
"""


@dataclass(frozen=True)
class Answer:
    """A response of the server.

    :param status: HTTP status.
    :param text: the body.
    :param headers: by name, in lower case.
    """

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The code of the error."""
        return str(self.json["error"]["code"])


class Site:
    """A web server of Airflow."""

    def send(
        self,
        path: str,
        user: str | None,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        """Send one request.

        :param path: below the server's root.
        :param user: one of :data:`USERS`, or None for somebody who is not logged in.
        """
        raise NotImplementedError

    def start(self, user: str | None, url: str, body: Any) -> Answer:
        """Start a run as the page does."""
        raise NotImplementedError

    def routes(self) -> list[tuple[str, str]]:
        """Return the method and the path of each route of the page, its parameters filled in."""
        raise NotImplementedError


class SiteOfAirflow3(Site):
    """Airflow 3's API server, with its simple auth manager."""

    def __init__(self) -> None:
        from airflow.api_fastapi.app import create_app, get_auth_manager
        from starlette.testclient import TestClient

        self.app = create_app()
        self._manager = get_auth_manager()
        self.client = TestClient(self.app, raise_server_exceptions=False)

    def send(
        self,
        path: str,
        user: str | None,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        """Send one request, with the cookie that the browser would send."""
        self.client.cookies.clear()
        if user is not None:
            self.client.cookies.set("_token", self._token(user))
        with _warnings_of_our_own_code():
            answer = self.client.request(method, path, headers=headers, params=query, json=body)
        return Answer(answer.status_code, answer.text, dict(answer.headers))

    def routes(self) -> list[tuple[str, str]]:
        """Return every route of the server below the page's prefix."""
        mount: Any = next(route for route in self.app.routes if getattr(route, "path", None) == PREFIX)
        return [
            (method, PREFIX + _filled(route.path))
            for route in mount.app.routes
            for method in sorted(route.methods - {"HEAD"})
        ]

    def _token(self, user: str) -> str:
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        account = SimpleAuthManagerUser(username=user, role=USERS[user])
        return str(self._manager.generate_jwt(account))

    def start(self, user: str | None, url: str, body: Any) -> Answer:
        """Start a run as the page does."""
        return self.send(url, user, method="POST", body=body)


class SiteOfAirflow2(Site):
    """Airflow 2's web server, with its roles."""

    def __init__(self) -> None:
        with warnings.catch_warnings():  # what the web server imports is not under test here
            warnings.simplefilter("ignore")
            from airflow.www.app import create_app

            self.app = create_app(testing=True)
        self.app.config["WTF_CSRF_ENABLED"] = True
        self._clients: dict[str | None, Any] = {}
        with self.app.app_context():
            self._make_people()

    def send(
        self,
        path: str,
        user: str | None,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        """Send one request in that user's session."""
        client = self.client(user)
        answer = self._open(client, path, method=method, headers=headers, query_string=query, json=body)
        return Answer(answer.status_code, answer.get_data(as_text=True), _lowered(answer.headers))

    def client(self, user: str | None) -> Any:
        """Return the browser of a user, logged in through the form; Airflow limits the number of logins."""
        if user not in self._clients:
            client = self._clients[user] = self.app.test_client()
            if user is not None:
                form = {"username": user, "password": user, "csrf_token": self.csrf_token(client)}
                assert self._open(client, "/login/", method="POST", data=form).status_code == 302
        return self._clients[user]

    def csrf_token(self, client: Any, path: str = "/login/") -> str:
        """Return the token that a page brings to this browser."""
        page = self._open(client, path).get_data(as_text=True)
        found = re.search(r'(?:name="csrf_token"[^>]* value|data-csrf)="([^"]+)"', page)
        assert found, page
        return found[1]

    def _open(self, client: Any, path: str, **how: Any) -> Any:
        with _warnings_of_our_own_code():
            return client.open(path, **how)

    def start(self, user: str | None, url: str, body: Any) -> Answer:
        """Start a run as the page does, with the token that came with it."""
        token = self.csrf_token(self.client(user), PAGE if user is not None else "/login/")
        return self.send(url, user, method="POST", body=body, headers={"X-CSRFToken": token})

    def routes(self) -> list[tuple[str, str]]:
        """Return every route of the server below the page's prefix."""
        return [
            (method, _filled(str(rule.rule)))
            for rule in self.app.url_map.iter_rules()
            if str(rule.rule).startswith(f"{PREFIX}/")
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        ]

    def _make_people(self) -> None:
        security = self.app.appbuilder.sm
        viewers = security.find_role("Viewer")
        readers = security.add_role("Deploy History reader")
        for permission in viewers.permissions:
            security.add_permission_to_role(readers, permission)
        security.add_permission_to_role(readers, security.get_permission("can_read", "Deploy History"))
        roles = {"admin": security.find_role("Admin"), "reader": readers, "stranger": viewers}
        for name, role in roles.items():
            security.add_user(name, name, name, f"{name}@example.com", role, password=name)


@contextmanager
def _warnings_of_our_own_code() -> Iterator[None]:
    """Let a web server warn of itself as it likes; a warning of this package is an error still."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", module="airflow_rollback_provider")
        yield


def make_site() -> Site:
    """Return the web server of the Airflow that is installed."""
    return SiteOfAirflow3() if AIRFLOW_3 else SiteOfAirflow2()


def _filled(path: str) -> str:
    values = {"name": "deploy-history.js", "dag_id": DAG_ID, "run_id": "run"}
    return re.sub(r"[{<](?:\w+:)?(\w+)[}>]", lambda match: values[match[1]], path)


def _lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
