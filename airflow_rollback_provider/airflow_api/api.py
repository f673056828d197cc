# SPDX-License-Identifier: Apache-2.0
"""Requests to an Airflow's REST API: its version, authentication, pages and errors."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow_rollback_provider.domain.errors import (
    MalformedAnswer,
    PermissionMissing,
    PlatformFailed,
    RateLimited,
    RollbackError,
    TokenExpired,
    TokenRefused,
    TooMuchToRead,
)
from airflow_rollback_provider.domain.versions import series_of
from airflow_rollback_provider.http.messages import Request, Response
from airflow_rollback_provider.http.secret import Secret

if TYPE_CHECKING:
    from airflow_rollback_provider.airflow_api.settings import ApiSettings

Params = Iterable[tuple[str, Any]]
ApiFlow = Generator[Request, Response, Any]

PAGE = 100
"""Rows of a page; Airflow's default maximum ([api] maximum_page_limit)."""
MOST_ROWS = 20_000
"""Maximum number of rows of one list."""
_NOT_FOUND = (404, 405)
_KINDS: dict[int, tuple[type[RollbackError], str]] = {
    401: (
        TokenRefused,
        "it does not accept the connection's login, password or token. Correct the connection.",
    ),
    403: (
        PermissionMissing,
        "the connection's user lacks a permission, or (Airflow 2) its password is wrong. It needs a role "
        "that may read Dags, Dag runs, task instances and import errors, and edit Dags to pause them.",
    ),
    404: (
        PlatformFailed,
        "it has no such page. It may be restarting, or the connection's host is wrong.",
    ),
    429: (RateLimited, "it limits the rate of requests."),
}


@dataclass(frozen=True)
class ApiVersion:
    """Version of the API and of Airflow.

    :param api: ``v1`` or ``v2``.
    :param airflow: Airflow's version as the API returns it.
    """

    api: str
    airflow: str

    @property
    def airflow_series(self) -> tuple[int, ...]:
        """Major and minor version."""
        return series_of(self.airflow)


class Api:
    """The REST API of one Airflow."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._version: ApiVersion | None = None
        self._session: Secret | None = None

    def version(self) -> Generator[Request, Response, ApiVersion]:
        """Return the version. It is read once, and again after an HTTP 404."""
        if self._version is None:
            self._version = yield from self._find_version()
        return self._version

    def get(self, operation: str, path: str, params: Params = ()) -> ApiFlow:
        """Send a GET request.

        :param path: the path after ``/api/v…``.
        """
        return (yield from self.send(operation, "GET", path, None, params))

    def send(self, operation: str, method: str, path: str, body: Any, params: Params = ()) -> ApiFlow:
        """Send a request with a body, which may be sent twice."""
        version = yield from self.version()
        url = f"{self._settings.base}/api/{version.api}{path}"
        query = urlencode([(name, value) for name, value in params if value is not None])
        response = yield from self._authorised(operation, method, f"{url}?{query}" if query else url, body)
        return self._json(operation, response)

    def rows(
        self, operation: str, path: str, key: str, params: Params = (), *, cut: bool = False
    ) -> Generator[Request, Response, list[Mapping[str, Any]]]:
        """Read all pages of a list.

        :param key: the field with the rows.
        :param cut: return the first :data:`MOST_ROWS` rows if there are more.
        :raises TooMuchToRead: when there are more, without ``cut``.
        """
        found: list[Mapping[str, Any]] = []
        while True:
            page = [*params, ("limit", PAGE), ("offset", len(found))]
            answer = yield from self.get(operation, path, page)
            rows, total = self._page(operation, answer, key)
            found += rows
            if not rows or len(found) >= total or (cut and len(found) >= MOST_ROWS):
                return found
            if total > MOST_ROWS and not cut:
                raise TooMuchToRead(
                    f"The Airflow at {self._settings.base} has {total:,} rows for {operation!r}; at most "
                    f"{MOST_ROWS:,} are read. Choose a shorter period."
                )

    def rows_by_post(
        self, operation: str, path: str, key: str, body: Mapping[str, Any]
    ) -> Generator[Request, Response, list[Mapping[str, Any]]]:
        """Read all pages of a list whose filters are sent in a body."""
        found: list[Mapping[str, Any]] = []
        while True:
            page = {**body, "page_limit": PAGE, "page_offset": len(found)}
            answer = yield from self.send(operation, "POST", path, page)
            rows, total = self._page(operation, answer, key)
            found += rows
            if not rows or len(found) >= total:
                return found

    def _page(self, operation: str, answer: Any, key: str) -> tuple[list[Mapping[str, Any]], int]:
        rows = answer.get(key) if isinstance(answer, Mapping) else None
        total = answer.get("total_entries") if isinstance(answer, Mapping) else None
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise malformed(operation, self._settings, f"has no list {key!r}")
        return rows, total if isinstance(total, int) else len(rows)

    def _authorised(
        self, operation: str, method: str, url: str, body: Any
    ) -> Generator[Request, Response, Response]:
        """Send a request; if the session has ended, log in again and repeat it."""
        had_session = self._session is not None
        header = yield from self._header()
        response = yield self.request(operation, method, url, body, header)
        if response.status == 401 and had_session:
            self._session = None
            header = yield from self._header()
            response = yield self.request(operation, method, url, body, header)
        if not 200 <= response.status < 300:
            raise self._error(operation, response)
        return response

    def _header(self) -> Generator[Request, Response, str]:
        settings = self._settings
        if not settings.login:
            return settings.token_header
        if self._version is not None and self._version.api == "v1":
            return settings.basic_header
        if self._session is None:
            self._session = yield from self._log_in()
        return f"Bearer {self._session.reveal()}"

    def _log_in(self) -> Generator[Request, Response, Secret]:
        settings = self._settings
        body = {"username": settings.login, "password": settings.secret.reveal()}
        response = yield self.request("log in", "POST", f"{settings.base}/auth/token", body, None)
        if not 200 <= response.status < 300:
            raise self._error("log in", response)
        answer = self._json("log in", response)
        token = answer.get("access_token") if isinstance(answer, Mapping) else None
        if not isinstance(token, str) or not token:
            raise malformed("log in", settings, "has no token")
        return Secret(token)

    def _error(self, operation: str, response: Response) -> RollbackError:
        """Return the error of an answer. After an HTTP 404, the next request reads the version again.

        The Airflow may have been replaced by one with the other API. This request is not repeated, because
        its path may differ there.
        """
        if response.status in _NOT_FOUND:
            self._version = self._session = None
        return error_of(response, operation, self._settings)

    def _find_version(self) -> Generator[Request, Response, ApiVersion]:
        settings = self._settings
        response = None
        for api in (settings.version,) if settings.version else ("v2", "v1"):
            header = settings.token_header if not settings.login else None
            if api == "v1" and settings.login:
                header = settings.basic_header
            url = f"{settings.base}/api/{api}/version"
            response = yield self.request("version", "GET", url, None, header)
            if response.status == 200:
                return self._read_version(api, response)
            if response.status not in _NOT_FOUND:
                raise error_of(response, "version", settings)
        raise PlatformFailed(
            f"No REST API of Airflow answers at {settings.base}/api/. The Airflow may be restarting, or the "
            "connection's host is wrong: it must be the address of the Deployment's Airflow, without /api."
        )

    def _read_version(self, api: str, response: Response) -> ApiVersion:
        answer = self._json("version", response)
        airflow = answer.get("version") if isinstance(answer, Mapping) else None
        if not isinstance(airflow, str):
            raise malformed("version", self._settings, "has no version")
        return ApiVersion(api, airflow)

    def _json(self, operation: str, response: Response) -> Any:
        if not response.body:
            return None
        try:
            return json.loads(response.body)
        except (ValueError, RecursionError):
            raise malformed(operation, self._settings, f"(HTTP {response.status}) is not JSON") from None

    def request(self, operation: str, method: str, url: str, body: Any, header: str | None) -> Request:
        headers = {} if header is None else {"authorization": header}
        return Request(operation, method, url, body, headers, recipient="the Airflow")


def error_of(response: Response, operation: str, settings: ApiSettings) -> RollbackError:
    kind, what = _KINDS.get(response.status, (None, ""))
    if kind is None and response.status >= 500:
        kind, what = PlatformFailed, "it failed. It may be restarting."
    elif kind is None:
        kind, what = MalformedAnswer, "it did not accept the request."
    detail = _detail(response, settings)
    if kind is TokenRefused and "expired" in detail.lower():
        kind, what = TokenExpired, "the connection's token has expired. Put a new one there."
    request = f"The request {operation!r} to the Airflow at {settings.base} failed (HTTP {response.status})"
    return kind(f"{request}: {what}{detail}")


def malformed(operation: str, settings: ApiSettings, problem: str) -> MalformedAnswer:
    """Return the error for an answer in an unexpected form.

    :param problem: end of the sentence "the answer …".
    """
    return MalformedAnswer(
        f"The answer of the Airflow at {settings.base} to {operation!r} {problem}. A proxy or a login page "
        "may have answered: check the connection's host."
    )


def _detail(response: Response, settings: ApiSettings) -> str:
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        return ""
    detail = (body.get("detail") or body.get("title")) if isinstance(body, dict) else None
    return f" Its message: {settings.secret.quote(detail)}" if detail else ""
