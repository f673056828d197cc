# SPDX-License-Identifier: Apache-2.0
"""What an answer that is no success means, in words for whoever looks after the connection."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import (
    MalformedAnswer,
    PermissionMissing,
    PlatformFailed,
    RateLimited,
    RollbackError,
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
        "the connection's user may not do that, or (Airflow 2) its password is wrong. It needs a role that "
        "may read Dags, Dag runs, task instances and import errors, and edit Dags where they are to be "
        "paused.",
    ),
    404: (
        PlatformFailed,
        "there is no such page. It may be restarting; or the host of the connection is wrong.",
    ),
    429: (RateLimited, "it asks to slow down."),
}


def error_of(response: Response, operation: str, settings: ApiSettings) -> RollbackError:
    """Return the error for an answer whose status is not a success."""
    kind, what = _KINDS.get(response.status, (None, ""))
    if kind is None and response.status >= 500:
        kind, what = PlatformFailed, "it failed. It may be restarting."
    elif kind is None:
        kind, what = MalformedAnswer, "it did not understand the request."
    asked = f"The Airflow at {settings.base} could not be asked for {operation!r} (HTTP {response.status})"
    return kind(f"{asked}: {what}{_said(response, settings)}")


def malformed(operation: str, settings: ApiSettings, problem: str) -> MalformedAnswer:
    """Describe an answer that is not what Airflow's API promises.

    :param problem: continues "the answer …".
    """
    return MalformedAnswer(
        f"The answer of the Airflow at {settings.base} to {operation!r} {problem}. A proxy or a login page "
        "may stand in between: check the connection's host."
    )


def _said(response: Response, settings: ApiSettings) -> str:
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        return ""
    detail = (body.get("detail") or body.get("title")) if isinstance(body, dict) else None
    return f" It said: {settings.secret.quote(detail)}" if detail else ""
