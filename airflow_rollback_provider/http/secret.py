# SPDX-License-Identifier: Apache-2.0
"""A token that cannot be printed or pickled by accident, and quotes of foreign texts without it."""

from __future__ import annotations

from typing import NoReturn

_LONGEST_QUOTE = 500


class Secret:
    """A text that neither prints nor pickles itself.

    :param value: the text; :meth:`reveal` returns it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text. Only the code that writes the request's header needs it."""
        return self._value

    def quote(self, text: object) -> str:
        """Return a foreign text without the secret, on one line, cut to 500 characters."""
        line = " ".join(str(text).split())
        if self._value:
            line = line.replace(self._value, "***")
        return line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…"

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret cannot be pickled or copied: pass the connection's id instead.")
