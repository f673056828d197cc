# SPDX-License-Identifier: Apache-2.0
"""Errors as the page shows them: a stable code, what happened, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.errors import (
    AccessDenied,
    BadInput,
    DeploymentNotFound,
    DeployNotFound,
    InvalidConnection,
    PlatformError,
    RollbackError,
    StalePlan,
    TlsFailed,
    TokenExpired,
    TokenRefused,
    UnknownField,
)
from airflow_rollback_provider.ui.config import OPTION, SECTION, InvalidOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

# Many proxies replace the body of a 502 to 504 response. They pass this status through.
_FAILED_DEPENDENCY = 424
_FOR_AN_ADMINISTRATOR = "Another try does not help: ask an Airflow administrator."


class Problem(Exception):
    """An error response.

    :param code: a stable name; the page reads it.
    :param remedy: what to do next.
    """

    def __init__(self, status: int, code: str, message: str, remedy: str) -> None:
        super().__init__(f"{code}: {message} {remedy}")
        self.status = status
        self.code = code
        self.message = message
        self.remedy = remedy

    def to_dict(self) -> dict[str, Any]:
        return {"error": self.body}

    @property
    def body(self) -> dict[str, str]:
        """The error as the page shows it."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy}


# The first matching class is used, so subclasses come before their parents.
_MEANINGS: tuple[tuple[type[RollbackError], int, str, str], ...] = (
    (StalePlan, 409, "STALE", "Read the history again and choose a deploy again."),
    (
        InvalidConnection,
        _FAILED_DEPENDENCY,
        "NO-CONNECTION",
        "Ask an Airflow administrator to add or correct the connection.",
    ),
    (
        TokenExpired,
        _FAILED_DEPENDENCY,
        "TOKEN-EXPIRED",
        "Ask an Airflow administrator to put a new token in the connection.",
    ),
    (
        TokenRefused,
        _FAILED_DEPENDENCY,
        "TOKEN-REFUSED",
        "Ask an Airflow administrator to put a valid token in the connection.",
    ),
    (
        AccessDenied,
        _FAILED_DEPENDENCY,
        "NO-PERMISSION",
        "Ask for the permission, or for a token that has it, in the connection.",
    ),
    (TlsFailed, _FAILED_DEPENDENCY, "PLATFORM-DOWN", _FOR_AN_ADMINISTRATOR),
    (UnknownField, _FAILED_DEPENDENCY, "PLATFORM-DOWN", _FOR_AN_ADMINISTRATOR),
    (PlatformError, _FAILED_DEPENDENCY, "PLATFORM-DOWN", "Try again in a moment."),
    (
        DeploymentNotFound,
        _FAILED_DEPENDENCY,
        "NOT-FOUND",
        "Ask an Airflow administrator to correct the page's setting, or the connection's token.",
    ),
    (
        DeployNotFound,
        _FAILED_DEPENDENCY,
        "NO-SUCH-DEPLOY",
        "Read the history again and choose a deploy from it.",
    ),
    (InvalidOptions, 500, "NOTHING-OFFERED", "Ask an Airflow administrator to correct the setting."),
    (BadInput, 400, "BAD-REQUEST", "Reload the page."),
    (RollbackError, 500, "FAILED", "Airflow's log says more."),
)


def problem_of(error: RollbackError) -> Problem:
    """Return the problem for an error of the package. Its message never contains a token."""
    for kind, status, code, remedy in _MEANINGS:
        if isinstance(error, kind):
            return Problem(status, code, str(error), remedy)
    raise AssertionError(error)  # the base class is in the table


def bad_request(message: str) -> Problem:
    """Return the problem of a request that the page itself never sends."""
    return Problem(400, "BAD-REQUEST", message, "Reload the page.")


def not_offered() -> Problem:
    """Return the problem of a Deployment that the page does not offer, whether it exists or not."""
    return Problem(
        404,
        "NOT-OFFERED",
        "This page does not offer that connection and Deployment.",
        "Choose one from the list, or ask an Airflow administrator to offer it.",
    )


def nothing_offered() -> Problem:
    return Problem(
        404,
        "NOTHING-OFFERED",
        "Airflow's configuration names no connection and Deployment for this page.",
        f"Ask an Airflow administrator to set [{SECTION}] {OPTION}. Copy one of these two, and write the ids "
        'or release names of your Deployments instead of the example. "*" instead of the list offers '
        "all that the connection's token may read. After a change of the environment, restart the server.",
    )


def nothing_here() -> Problem:
    return Problem(404, "BAD-REQUEST", "There is nothing at this address.", "Reload the page.")


def not_logged_in() -> Problem:
    return Problem(401, "NOT-LOGGED-IN", "You are not logged in to Airflow.", "Log in to Airflow.")


def no_access() -> Problem:
    return Problem(
        403,
        "NO-ACCESS",
        "You do not have the right to see the Deploy History page.",
        "Ask an Airflow administrator for it.",
    )


def may_not_trigger(dag_id: str) -> Problem:
    return Problem(
        403,
        "NO-RIGHT",
        f"Rolling back needs the right to trigger the Dag {dag_id}, which you do not have.",
        "Ask an Airflow administrator for it.",
    )


def already_started(dag_id: str, run_id: str) -> Problem:
    """Return the problem of a start whose run exists already, for example after a lost response."""
    return Problem(
        409,
        "ALREADY-STARTED",
        f"The Dag {dag_id} has a run {run_id} already, so no other was started.",
        "Open that run.",
    )


def cross_site() -> Problem:
    return Problem(
        403,
        "CROSS-SITE",
        "This request did not come from Airflow's own pages.",
        "Open the Deploy History page in Airflow.",
    )


def failed() -> Problem:
    """Return the problem of a defect in this package. Only the log has the details."""
    return Problem(500, "FAILED", "The page's server code failed.", "Airflow's log says more.")


def require_same_origin(headers: Mapping[str, str]) -> None:
    """Accept a request from Airflow's own pages, or from a program that is not a browser.

    Every current browser sends the origin of a request in this header, and no page can change it.

    :raises Problem: for a request from another site or from the address bar.
    """
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise cross_site()
