# SPDX-License-Identifier: Apache-2.0
"""The methods of a logger that this package calls."""

from __future__ import annotations

from typing import Any, Protocol


class Log(Protocol):
    """A logger in the style of the standard library; Airflow 3's is not one of its classes."""

    def info(self, msg: str, /, *args: Any) -> Any:
        """Log what happens."""

    def warning(self, msg: str, /, *args: Any) -> Any:
        """Log what a user should look at."""
