# SPDX-License-Identifier: Apache-2.0
"""Removes credentials from texts of other programs, such as the log of a container.

Credentials are found by their form. It is better to remove too much than too little.
"""

from __future__ import annotations

import re

_HIDDEN = "***"
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
