# SPDX-License-Identifier: Apache-2.0
"""Requests to hosted Astro's API: the request, the answer, the errors."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow_rollback_provider.http.messages import Request, Response
from airflow_rollback_provider.platforms.astro.errors import error_of
from airflow_rollback_provider.platforms.rows import Row

if TYPE_CHECKING:
    from airflow_rollback_provider.http.secret import Secret
    from airflow_rollback_provider.platforms.request_context import RequestContext

ApiFlow = Generator[Request, Response, tuple[Row, Response]]


class Api:
    """Hosted Astro's API for one Organization.

    :param endpoint: base URL of the API, its version included.
    :param token: an API token or a user's token.
    """

    def __init__(self, endpoint: str, organization_id: str, token: Secret) -> None:
        self.base = f"{endpoint}/organizations/{quote(organization_id, safe='')}"
        self._token = token

    def read(self, context: RequestContext, *path: str, **query: Any) -> ApiFlow:
        """Send a GET request, which may be sent twice.

        :param path: the path's segments after the Organization.
        :param query: query parameters; a list is one parameter for each item.
        """
        parameters = f"?{urlencode(query, doseq=True)}" if query else ""
        return (yield from self._send(context, "GET", self._url(path) + parameters))

    def change(self, context: RequestContext, *path: str, body: Mapping[str, Any]) -> ApiFlow:
        """Send a POST request, which is never sent twice."""
        return (yield from self._send(context, "POST", self._url(path), body))

    def _url(self, path: tuple[str, ...]) -> str:
        return "/".join([self.base, *(quote(segment, safe="") for segment in path)])

    def _send(
        self, context: RequestContext, method: str, url: str, body: Mapping[str, Any] | None = None
    ) -> ApiFlow:
        response = yield Request(
            operation=context.operation,
            method=method,
            url=url,
            body=body,
            headers={"authorization": f"Bearer {self._token.reveal()}"},
            repeatable=method == "GET",
        )
        if (problem := error_of(response, context, self._token)) is not None:
            raise problem
        return Row(context.operation, response.json(context.operation)), response
