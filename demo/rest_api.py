# SPDX-License-Identifier: Apache-2.0
"""A client for the REST API of a throw-away Airflow 3, where every user is an administrator."""

from __future__ import annotations

import functools
import json
import urllib.error
import urllib.request
from typing import Any

_LOGIN = "/auth/token"  # returns a token to every user, as airflow_settings configure it
_SECONDS_FOR_AN_ANSWER = 10.0


class RestApiError(Exception):
    """The API refused, or did not answer."""


class RestApi:
    """An API server on loopback.

    :param port: its port.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and return the JSON of the response.

        :raises RestApiError: if it refuses or does not answer.
        """
        headers = {"content-type": "application/json"}
        if path != _LOGIN:
            headers["authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_SECONDS_FOR_AN_ANSWER) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise RestApiError(f"{method} {path}: {error.code} {error.read().decode()}") from None
        except OSError as error:
            raise RestApiError(f"{method} {path}: {error}") from error

    def answers(self) -> bool:
        """Return whether the server answers."""
        try:
            self.send("GET", "/api/v2/version")
        except RestApiError:
            return False
        return True

    @functools.cached_property
    def _token(self) -> str:
        return str(self.send("GET", _LOGIN)["access_token"])
