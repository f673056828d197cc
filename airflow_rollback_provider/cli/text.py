# SPDX-License-Identifier: Apache-2.0
"""Text in a terminal: how wide it is, and what must not reach one."""

from __future__ import annotations

import unicodedata


def clean(text: str) -> str:
    """Put a text on one line without anything that moves a cursor or hides text.

    Descriptions and names come from whoever may deploy; a terminal must not obey them.
    """
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def clean_lines(text: str) -> str:
    """Do the same for a text of several lines, keeping lines and indentation."""
    return "\n".join(
        "".join(char if char.isprintable() else " " for char in line) for line in text.split("\n")
    )


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def cut(text: str, width: int) -> str:
    """Shorten a text to a width, with an ellipsis where something is missing."""
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
