# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_rollback_provider.sandbox.versions import Runtime, crosses_down, is_downgrade, read_runtime


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.0.4", Runtime(2, (3, 0, 4))),
        ("3.0-4", Runtime(3, (3, 0, 4))),
        ("13.2.0", Runtime(2, (13, 2, 0))),
        ("3.1-12", Runtime(3, (3, 1, 12))),
        ("4.0-1", Runtime(4, (4, 0, 1))),
        ("2.11-1", None),
        ("3.1", None),
        ("3.1-0", None),
        ("v12", None),
        ("", None),
        ("latest", None),
        ("12.1.0-base", None),
        ("1" * 10_000, None),
        ("١٢.1.0", None),
    ],
)
def test_a_runtime_is_read_in_both_styles_and_nothing_else(text: str, expected: Runtime | None) -> None:
    """The parser distinguishes both styles and refuses similar texts."""
    assert read_runtime(text) == expected


@pytest.mark.parametrize(
    ("source", "target", "down", "across"),
    [
        ("3.1-12", "3.1-2", True, False),
        ("3.1-2", "13.0.0", True, True),
        ("13.0.0", "12.9.9", True, False),
        ("12.0.0", "12.0.0", False, False),
        ("12.0.0", "3.1-2", False, False),
        ("custom", "12.0.0", False, False),
    ],
)
def test_downgrades(source: str, target: str, down: bool, across: bool) -> None:
    """Airflow 3 is newer than each Runtime of Airflow 2, independent of the numbers."""
    assert (is_downgrade(source, target), crosses_down(source, target)) == (down, across)
