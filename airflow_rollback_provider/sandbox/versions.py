# SPDX-License-Identifier: Apache-2.0
"""The platform's own parser of Runtime versions.

It is written from the contract and not shared with the client: tests would miss a shared mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_AIRFLOW_2_STYLE = re.compile(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})", re.ASCII)
_AIRFLOW_3_STYLE = re.compile(r"(\d{1,4})\.(\d{1,4})-([1-9]\d{0,3})", re.ASCII)


@dataclass(frozen=True)
class Runtime:
    """A Runtime: its Airflow major, and three numbers that order it within its style."""

    airflow_major: int
    numbers: tuple[int, int, int]


def read_runtime(text: str) -> Runtime | None:
    """Parse ``12.1.0`` (semver: Airflow 2) or ``3.1-2`` (Airflow 3 and later); ``None`` for anything else."""
    if match := _AIRFLOW_2_STYLE.fullmatch(text):
        return Runtime(2, _numbers(match))
    if (match := _AIRFLOW_3_STYLE.fullmatch(text)) and int(match[1]) >= 3:
        return Runtime(int(match[1]), _numbers(match))
    return None


def _numbers(match: re.Match[str]) -> tuple[int, int, int]:
    return int(match[1]), int(match[2]), int(match[3])


def crosses_down(source: str, target: str) -> bool:
    """Return whether a move between two Runtimes goes to an older Airflow major."""
    before, after = read_runtime(source), read_runtime(target)
    return before is not None and after is not None and after.airflow_major < before.airflow_major


def is_downgrade(source: str, target: str) -> bool:
    """Return whether a move between two Runtimes goes to an older one."""
    before, after = read_runtime(source), read_runtime(target)
    if before is None or after is None:
        return False
    return (after.airflow_major, after.numbers) < (before.airflow_major, before.numbers)
