# SPDX-License-Identifier: Apache-2.0
"""Shared helpers: the command line of a process, and the result of a run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Result:
    """The result of a run of the command."""

    code: int
    out: str
    err: str


Cli = Callable[..., Result]


def command(*arguments: str) -> list[str]:
    """Return the command line of a process of its own."""
    return [sys.executable, "-m", "airflow_rollback_provider.cli", *arguments]
