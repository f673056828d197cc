# SPDX-License-Identifier: Apache-2.0
"""The exit codes, and the exit code of each error."""

from __future__ import annotations

from enum import IntEnum

from airflow_rollback_provider.domain.errors import (
    AccessDenied,
    BadInput,
    DeploymentNotDrained,
    DeploymentNotHealthy,
    InvalidConnection,
    PlatformError,
    RollbackError,
    RollbackNotDone,
    RollbackRefused,
    RunNotSuccessful,
    StateUnavailable,
    WaitFailed,
)


class CommandUnavailable(RollbackError):
    """The command cannot run on this machine: Airflow does not start, or an extra is not installed."""


class OutputFailed(CommandUnavailable):
    """The result cannot be written, because stdout is closed or its disk is full."""


class Exit(IntEnum):
    """The exit codes of the command. They are part of the public interface."""

    DONE = 0
    REFUSED = 1
    BAD_INPUT = 2
    UNAVAILABLE = 3
    NOT_DONE = 4
    BUG = 70
    INTERRUPTED = 130


MEANINGS: dict[Exit, str] = {
    Exit.DONE: "allowed, or done; the doctor found no error",
    Exit.REFUSED: "refused by a rule or a check, out of date, or not confirmed; nothing was submitted; "
    "the doctor found an error",
    Exit.BAD_INPUT: "an argument cannot be used; nothing was submitted",
    Exit.UNAVAILABLE: "the connection, the platform or stdout cannot be used; nothing was submitted",
    Exit.NOT_DONE: "a rollback was, or may have been, submitted and is not known to have succeeded",
    Exit.BUG: "an error in this package; please report it",
    Exit.INTERRUPTED: "interrupted; nothing was submitted",
}

# The first matching class is used.
_EXITS: tuple[tuple[type[RollbackError], Exit, str], ...] = (
    (RollbackNotDone, Exit.NOT_DONE, "not done"),
    (RollbackRefused, Exit.REFUSED, "refused"),
    (DeploymentNotDrained, Exit.REFUSED, "not drained"),
    (DeploymentNotHealthy, Exit.REFUSED, "not healthy"),
    (RunNotSuccessful, Exit.REFUSED, "the run failed"),
    (WaitFailed, Exit.REFUSED, "the wait failed"),
    (InvalidConnection, Exit.UNAVAILABLE, "the connection cannot be used"),
    (CommandUnavailable, Exit.UNAVAILABLE, "not available here"),
    (AccessDenied, Exit.UNAVAILABLE, "access denied"),
    (PlatformError, Exit.UNAVAILABLE, "the platform cannot be used"),
    (StateUnavailable, Exit.UNAVAILABLE, "Airflow's state cannot be used"),
    (BadInput, Exit.BAD_INPUT, "bad input"),
)


def exit_of(error: RollbackError) -> tuple[Exit, str]:
    """Return the exit code of an error and a headline for it."""
    for kind, code, headline in _EXITS:
        if isinstance(error, kind):
            return code, headline
    return Exit.BUG, "error"


def exit_table() -> str:
    """Return the exit codes as text for a help page."""
    return "\n".join(["exit codes:", *(f"  {code.value:<4} {MEANINGS[code]}" for code in Exit)])
