# SPDX-License-Identifier: Apache-2.0
"""Reading of an object in a platform's answer, with errors that name the field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from airflow_rollback_provider.domain.arguments import read_time
from airflow_rollback_provider.domain.errors import MalformedAnswer


class Row:
    """One object of an answer. Every error names the operation and the field."""

    def __init__(self, operation: str, values: object) -> None:
        self._operation = operation
        if not isinstance(values, Mapping):
            raise self.malformed(f"contains {type(values).__name__} instead of an object")
        self._values = values

    def malformed(self, problem: str) -> MalformedAnswer:
        """Return the error for this object.

        :param problem: end of the sentence "the answer …".
        """
        return MalformedAnswer(
            f"The platform's answer to {self._operation!r} {problem}. Another server may have answered, or "
            "the platform's API has changed: check the base URL, and look for a newer version of this "
            "package."
        )

    def find(self, path: str | None) -> Any:
        """Return the value at a path; None if any field of the path is missing or null."""
        value: Any = self._values if path else None
        for name in path.split(".") if path else ():
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def has(self, name: str) -> bool:
        """Whether the object has a field, null included."""
        return name in self._values

    def text(self, path: str | None) -> str | None:
        """Return a text, or None for null and empty."""
        value = self.find(path)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        if value is not None and not isinstance(value, str):
            raise self.malformed(f"has {type(value).__name__} instead of a text in the field {path!r}")
        return value or None

    def needed(self, path: str | None) -> str:
        value = self.text(path)
        if value is None:
            raise self.malformed(f"lacks the field {path!r}")
        return value

    def time(self, path: str | None) -> datetime | None:
        """Return a time with its zone, or None for null."""
        text = self.text(path)
        try:
            moment = read_time(text) if text else None
        except ValueError:
            raise self.malformed(f"has no ISO 8601 time in the field {path!r}") from None
        return moment and moment.replace(tzinfo=moment.tzinfo or timezone.utc)

    def needed_time(self, path: str | None) -> datetime:
        self.needed(path)
        moment = self.time(path)
        assert moment is not None  # noqa: S101 - needed() found a text
        return moment
