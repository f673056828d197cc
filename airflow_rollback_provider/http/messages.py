# SPDX-License-Identifier: Apache-2.0
"""Requests, responses, and the type of a flow.

A *flow* is a generator that yields requests, receives the answers and returns a domain value. It does no I/O
of its own. So one implementation serves both tasks (``requests``) and the triggerer (``httpx``).
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_rollback_provider.domain.errors import MalformedAnswer

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.poller import Call, Pause

T = TypeVar("T")

_FIRST_YEAR, _LAST_YEAR = 1970, 2999


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    :param operation: name of the operation, for logs and errors.
    :param body: JSON-ready body, or None. The body of a login contains the password: never log it.
    :param headers: headers besides the transport's own. They contain the token: never log them.
    :param repeatable: whether the request may be sent twice. Default True.
    :param recipient: the server, for errors. Default ``the platform``.
    """

    operation: str
    method: str
    url: str
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    repeatable: bool = True
    recipient: str = "the platform"


@dataclass(frozen=True)
class Response:
    """The answer to a request, whatever its status.

    :param headers: the headers, with names in lower case and values that may be repeated in an error.
    :param body: the body's bytes, decoded.
    :param received_at: local time of the answer, to measure the clock skew.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime

    @property
    def platform_time(self) -> datetime | None:
        """The platform's time from the ``Date`` header, or None."""
        return self.date("date")

    @property
    def clock_skew(self) -> timedelta | None:
        """How far the local clock is ahead of the platform's; None if that is unknown."""
        return self.received_at - self.platform_time if self.platform_time is not None else None

    def date(self, name: str) -> datetime | None:
        """Return the time in a header in UTC; None if there is no such header, or no time of this era in it.

        :param name: the header, in lower case.
        """
        try:
            moment = parsedate_to_datetime(self.headers[name])
            moment = moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)
        except (LookupError, TypeError, ValueError, OverflowError):
            return None
        # Callers add and subtract days.
        return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None

    def json(self, operation: str) -> Any:
        """Read the body as JSON. Half of a character, which JSON can hold and UTF-8 cannot, becomes U+FFFD.

        :raises MalformedAnswer: when it is not JSON.
        """
        try:
            text = self.body.decode(json.detect_encoding(self.body))
            value = json.loads(text)
            return _whole(value) if "\\ud" in text.lower() else value
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "no content type")
            raise MalformedAnswer(
                f"The platform's answer to {operation!r} (HTTP {self.status}, {kind}, {len(self.body)} "
                "bytes) is not JSON. A proxy or a login page may have answered: check the base URL."
            ) from None


def _whole(value: Any) -> Any:
    """Return a JSON value with U+FFFD in place of each half of a surrogate pair."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value


Flow = Generator["Request | Pause | Call", Any, T]
