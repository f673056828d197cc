# SPDX-License-Identifier: Apache-2.0
"""What went wrong, as the page shows it: a code for its state, what happened, and what to do next."""

from __future__ import annotations

from typing import Any

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
from airflow_rollback_provider.ui.config import OPTION, SECTION, InvalidOffer

# A status that no proxy replaces by a page of its own, as many do with 502 to 504.
_FAILED_DEPENDENCY = 424
_FOR_AN_ADMINISTRATOR = "Trying again does not help: ask an Airflow administrator."


class Problem(Exception):
    """An answer other than the one that was asked for.

    :param status: HTTP status.
    :param code: stable name that the page knows.
    :param message: what happened.
    :param remedy: what to do next.
    """

    def __init__(self, status: int, code: str, message: str, remedy: str) -> None:
        super().__init__(f"{code}: {message} {remedy}")
        self.status = status
        self.code = code
        self.message = message
        self.remedy = remedy

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"error": self.told}

    @property
    def told(self) -> dict[str, str]:
        """What a person is told."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy}


# The first class that fits decides: children come before their parents.
_MEANINGS: tuple[tuple[type[RollbackError], int, str, str], ...] = (
    (StalePlan, 409, "STALE", "Look at the history again and decide anew."),
    (
        InvalidConnection,
        _FAILED_DEPENDENCY,
        "NO-CONNECTION",
        "Ask an Airflow administrator to make or correct the connection.",
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
        "Ask an Airflow administrator to correct what the page offers, or the connection's token.",
    ),
    (DeployNotFound, _FAILED_DEPENDENCY, "NO-SUCH-DEPLOY", "Look at the history again and choose from it."),
    (InvalidOffer, 500, "NOTHING-OFFERED", "Ask an Airflow administrator to correct the setting."),
    (BadInput, 400, "BAD-REQUEST", "Open the page anew."),
    (RollbackError, 500, "FAILED", "Airflow's log says more."),
)


def problem_of(error: RollbackError) -> Problem:
    """Return what the page shows for an error of the domain. Its message never holds a token."""
    for kind, status, code, remedy in _MEANINGS:
        if isinstance(error, kind):
            return Problem(status, code, str(error), remedy)
    raise AssertionError(error)  # the root of the tree is in the table


def bad_request(message: str) -> Problem:
    """Return the answer to a request that the page itself does not make."""
    return Problem(400, "BAD-REQUEST", message, "Open the page anew.")


def not_offered() -> Problem:
    """Return the answer for whatever is not offered, whether it exists or not."""
    return Problem(
        404,
        "NOT-OFFERED",
        "This page does not offer that connection and Deployment.",
        "Choose one from the list, or ask an Airflow administrator to offer it.",
    )


def nothing_offered() -> Problem:
    """Return what the page says where nothing was configured."""
    return Problem(
        404,
        "NOTHING-OFFERED",
        "Airflow's configuration names no connection and Deployment for this page.",
        f"Ask an Airflow administrator to set [{SECTION}] {OPTION}, for example "
        '{"astro_private_cloud_default": ["stellar-orbit-4821"]}.',
    )


def nothing_here() -> Problem:
    """Return the answer for an address that leads nowhere."""
    return Problem(404, "BAD-REQUEST", "There is nothing at this address.", "Open the page anew.")


def not_logged_in() -> Problem:
    """Return the answer for somebody whom Airflow does not know."""
    return Problem(401, "NOT-LOGGED-IN", "Airflow does not know who asks.", "Log in to Airflow.")


def no_access() -> Problem:
    """Return the answer for somebody who may not see the page."""
    return Problem(
        403,
        "NO-ACCESS",
        "You do not have the right to see the Deploy History page.",
        "Ask an Airflow administrator for it.",
    )


def may_not_trigger(dag_id: str) -> Problem:
    """Return the answer for somebody who may not start the rollback Dag."""
    return Problem(
        403,
        "NO-RIGHT",
        f"Rolling back needs the right to trigger the Dag {dag_id}, which you do not have.",
        "Ask an Airflow administrator for it.",
    )


def already_started(dag_id: str, run_id: str) -> Problem:
    """Return the answer for a start whose run is there already: an earlier answer was lost, for one."""
    return Problem(
        409,
        "ALREADY-STARTED",
        f"The Dag {dag_id} has a run {run_id} already, so no other was started.",
        "Look at that run.",
    )


def cross_site() -> Problem:
    """Return the answer for a request that another web site made."""
    return Problem(
        403,
        "CROSS-SITE",
        "This request did not come from Airflow's own pages.",
        "Open the Deploy History page in Airflow.",
    )


def failed() -> Problem:
    """Return the answer for a defect of ours; what it was stays in the log."""
    return Problem(500, "FAILED", "The page's server code failed.", "Airflow's log says more.")
