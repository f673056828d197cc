# SPDX-License-Identifier: Apache-2.0
"""Parse the parameters of a request to hosted Astro, and report the error of each field."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.sandbox.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MAX_LIMIT = 1000
MAX_DESCRIPTION = 500
_DEFAULT_LIMIT = 20
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


class Unbindable(Refused):
    """A request whose parameters or body cannot be used.

    :param field_errors: one for each failed constraint; none if the body as a whole cannot be parsed.
    """

    def __init__(self, message: str, field_errors: list[dict[str, str]] | None = None) -> None:
        super().__init__("ValidationError", message)
        self.field_errors = field_errors or []


@dataclass(frozen=True)
class RequestContext:
    """A raw request: the values of the path, the query by name, the body."""

    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    content_type: str
    body: bytes


@dataclass
class Reader:
    """Parses the fields of one request and collects their errors; ``done`` raises them together."""

    context: RequestContext
    field_errors: list[dict[str, str]] = field(default_factory=list)

    def done(self) -> None:
        """Finish.

        :raises Unbindable: if a field was wrong.
        """
        if self.field_errors:
            names = ", ".join(item["field"] for item in self.field_errors)
            raise Unbindable(f"Invalid request: {names}", self.field_errors)

    def number(self, name: str, default: int, most: int | None = None) -> int:
        """Return a number of the query; it must not be negative."""
        text = self.context.query.get(name, [""])[0]
        if not text:
            return default
        if not _INTEGER.fullmatch(text):
            self._wrong(name, "type", "must be an integer")
        elif int(text) < 0:
            self._wrong(name, "min", "must be 0 or greater")
        elif most is not None and int(text) > most:
            self._wrong(name, "max", f"must be {most} or less")
        else:
            return int(text)
        return default

    def page(self, most: int | None = None) -> tuple[int, int]:
        """Return offset and limit."""
        return self.number("offset", 0), self.number("limit", _DEFAULT_LIMIT, most)

    def list(self, name: str, allowed: Collection[str] | None = None) -> list[str]:
        """Return all values of a repeatable parameter."""
        values = self.context.query.get(name, [])
        for value in values:
            if allowed is not None and value not in allowed:
                self._wrong(name, "oneof", f"must be one of {', '.join(sorted(allowed))}")
        return values

    def description(self) -> str | None:
        """Return the description in the body, None if there is none.

        :raises Unbindable: if the body is not a JSON object.
        """
        value = _json_object(self.context).get("description")
        if value is None:
            return None
        if not isinstance(value, str):
            self._wrong("description", "type", "must be a string")
        elif len(value) > MAX_DESCRIPTION:
            self._wrong("description", "max", f"must be {MAX_DESCRIPTION} characters or less")
        return str(value)

    def _wrong(self, name: str, code: str, message: str) -> None:
        self.field_errors.append({"field": name, "code": code, "message": message})


def _json_object(context: RequestContext) -> dict[str, Any]:
    if context.content_type.split(";")[0].strip().lower() != "application/json":
        raise Unbindable("The request body must be application/json")
    try:
        body = json.loads(context.body)
    except ValueError:
        raise Unbindable("The request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise Unbindable("The request body must be a JSON object")
    return body
