# SPDX-License-Identifier: Apache-2.0
"""A token that cannot be printed or pickled by accident, and quotes of foreign texts without it."""

from __future__ import annotations

from typing import NoReturn

from airflow_rollback_provider.domain import redaction


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
        """Return a foreign text without the secret; see :func:`redaction.quote`."""
        return redaction.quote(text, self._value)

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret cannot be pickled or copied: pass the connection's id instead.")
