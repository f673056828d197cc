# SPDX-License-Identifier: Apache-2.0
"""Cleans texts of others, such as an answer's header, an error of a library or the log of a container.

Credentials are found by their form. It is better to remove too much than too little.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_HIDDEN = "***"
_LONGEST_QUOTE = 500
_LONGEST_LINE = 300
_CREDENTIALS = (
    # The user of a URL. A password may contain any character, so the match extends to the last @ of the word.
    (re.compile(r"://(?:[^\s/?#@:]*:\S*|[^\s/?#@]+)@"), f"://{_HIDDEN}@"),
    (
        re.compile(r"(authorization['\"]?\s*[:=]\s*['\"]?)(?:(?:bearer|basic|token)\s+)?[^\s'\",;]+", re.I),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.I), rf"\1 {_HIDDEN}"),
    # A JSON Web Token or a part of one: base64 of a text that begins with {"
    (re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*)*"), _HIDDEN),
    (re.compile(r"((?:password|passwd|pwd|secret|token|_key)=)[^\s&;,'\"]+", re.I), rf"\1{_HIDDEN}"),
)


def redact(text: str) -> str:
    """Return a text without the user of URLs, credentials of HTTP, JSON Web Tokens, and ``password=…``."""
    for pattern, hidden in _CREDENTIALS:
        text = pattern.sub(hidden, text)
    return text


def printable(text: str) -> str:
    """Return a text with blanks for control characters, which must not control a terminal or a log."""
    return "\n".join(
        "".join(char if char.isprintable() else " " for char in line) for line in text.split("\n")
    )


def one_line(text: str) -> str:
    """Return a text on one line, without control characters."""
    return " ".join(printable(text).split())


def short_line(text: str) -> str:
    """Return a text on one line of at most 300 characters, without credentials."""
    line = redact(" ".join(text.split()))
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


def quote(text: object, *secrets: str) -> str:
    """Return a text of others as an error may repeat it: one clean line of at most 500 characters.

    :param secrets: texts that are removed too, whatever their form, also where the text encodes them as a URL
        does.
    """
    line = one_line(str(text))
    for secret in (one_line(secret) for secret in secrets):
        if secret and secret.lower() in unquote(line).lower():
            line = re.sub(re.escape(secret), _HIDDEN, one_line(unquote(line)), flags=re.IGNORECASE)
    line = redact(line[: 4 * _LONGEST_QUOTE])
    return line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…"


def quote_error(error: BaseException) -> str:
    """Return the class and the text of an exception, as an error may repeat them."""
    return f"{type(error).__name__}: {quote(error)}"
