# SPDX-License-Identifier: Apache-2.0
"""The width of a text on a terminal."""

from __future__ import annotations

import unicodedata


def width_of(text: str) -> int:
    """Return the number of terminal columns of a text."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def cut(text: str, width: int) -> str:
    """Shorten a text to a width; a shortened text ends in an ellipsis."""
    if width_of(text) <= width:
        return text
    kept, room = "", width - 1
    for char in text:
        room -= _columns(char)
        if room < 0:
            break
        kept += char
    return f"{kept.rstrip()}…"


def pad(text: str, width: int) -> str:
    """Fill a text up to a width with blanks."""
    return text + " " * (width - width_of(text))


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
