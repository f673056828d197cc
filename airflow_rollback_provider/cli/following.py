# SPDX-License-Identifier: Apache-2.0
"""Following a rollback in a terminal: what the platform logs, and a line of progress now and then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.rollback.tracking import RollbackTracker

if TYPE_CHECKING:
    from airflow_rollback_provider.cli.console import Console
    from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
    from airflow_rollback_provider.rollback.outcome import Outcome
    from airflow_rollback_provider.rollback.poller import Tracking

POLL_INTERVAL = 5.0
_BETWEEN_LINES = 10.0


class ConsoleLog:
    """Takes what a task would log to the person who waits."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def info(self, msg: str, /, *args: Any) -> None:
        """Print the message."""
        self._console.say(f"  {msg % args}")

    warning = info


class TerminalFollower(RollbackTracker):
    """Follows a rollback in this process and says that it goes on.

    :param hook: the platform.
    :param tracking: what is waited for.
    :param console: where to say it.
    """

    def __init__(self, hook: DeployHistoryHook, tracking: Tracking, console: Console) -> None:
        super().__init__(hook, tracking, ConsoleLog(console))
        self._console = console
        self._began = time.monotonic()
        self._next_line = self._began

    def look(self) -> Outcome | None:
        """Look once, with a line of progress where there was none for a while."""
        outcome = super().look()
        now = time.monotonic()
        if outcome is None and now >= self._next_line:
            self._console.say(f"  in progress for {now - self._began:,.0f} s")
            self._next_line = now + _BETWEEN_LINES
        return outcome
