# SPDX-License-Identifier: Apache-2.0
"""Tracking a rollback in a terminal: the platform's log lines, and a line of progress now and then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.rollback.tracking import track

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


def follow(hook: DeployHistoryHook, tracking: Tracking, console: Console) -> Outcome:
    """Track a rollback in this process, with a line of progress where nothing was printed for a while.

    :param hook: the platform.
    :param tracking: the rollback.
    :param console: where the lines go.
    """
    began = next_line = time.monotonic()

    def progress() -> None:
        nonlocal next_line
        now = time.monotonic()
        if now >= next_line:
            console.say(f"  in progress for {now - began:,.0f} s")
            next_line = now + _BETWEEN_LINES

    return hook.run(track(hook.platform, tracking, ConsoleLog(console), on_wait=progress))
