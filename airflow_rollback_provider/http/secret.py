# SPDX-License-Identifier: Apache-2.0
"""A token, held so that it does not slip out, and texts of others made safe to repeat."""

from __future__ import annotations

from typing import NoReturn

_LONGEST_QUOTE = 500


class Secret:
    """A text that neither prints nor pickles itself.

    :param value: the text; :meth:`reveal` gives it back.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text, for the one place that needs it: the request's header."""
        return self._value

    def quote(self, text: object) -> str:
        """Return what somebody else said, without the secret in it, on one line, cut to 500 characters."""
        line = " ".join(str(text).split())
        if self._value:
            line = line.replace(self._value, "***")
        return line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…"

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not written anywhere: pass the connection's id on instead.")
