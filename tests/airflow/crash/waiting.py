# SPDX-License-Identifier: Apache-2.0
"""Waits for a condition."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 300.0
_BETWEEN_LOOKS = 0.1


def until(
    done: Callable[[], object], what: str, more: Callable[[], str] = str, seconds: float = SECONDS
) -> None:
    """Wait until a condition is true.

    :param done: returns whether it is.
    :param what: the name of the condition, for the error.
    :param more: what else to say when that is in vain.
    :param seconds: how long to wait.
    """
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(f"Waited in vain for {what}.\n{more()}")
        time.sleep(_BETWEEN_LOOKS)
