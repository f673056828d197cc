# SPDX-License-Identifier: Apache-2.0
"""Domain errors for the unsuccessful answers of an Airflow's REST API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import (
    MalformedAnswer,
    PermissionMissing,
    PlatformFailed,
    RateLimited,
    RollbackError,
    TokenExpired,
    TokenRefused,
)

if TYPE_CHECKING:
    from airflow_rollback_provider.airflow_api.settings import ApiSettings
    from airflow_rollback_provider.http.messages import Response

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


def error_of(response: Response, operation: str, settings: ApiSettings) -> RollbackError:
    """Return the error for an answer whose status is not a success."""
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
