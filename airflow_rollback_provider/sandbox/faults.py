# SPDX-License-Identifier: Apache-2.0
"""Scripted faults: the kind, the matching requests, the number of times."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from itertools import count
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.sandbox.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = (
    "latency",
    "status",
    "drop_before",
    "drop_after",
    "body",
    "slow_body",
    "api_error",
    "land_before",
    "land_after",
)
BODIES = ("truncated", "html", "empty", "wrong_shape")


@dataclass
class Fault:
    """One scripted fault.

    ``kind``: ``latency`` (answer after ``delay``), ``status`` (HTTP ``status``, ``retry_after`` if given),
    ``drop_before`` (the connection is closed before the request is handled), ``drop_after`` (it is handled,
    the answer is lost), ``body`` (handled, the body damaged: see ``BODIES``), ``slow_body`` (handled, the
    answer's body takes ``seconds``), ``api_error`` (an error in the form of the requested API:
    ``message``; on Houston ``name``; on hosted Astro ``status`` and ``field_errors``), ``land_before`` and
    ``land_after`` (handled and answered well, but another user's deploy ``draft`` lands on ``deployment``,
    an id or key, just before or after).

    ``operation``: the GraphQL operation's name or a root field, or the ``operationId`` in the platform's
    OpenAPI document; ``None`` matches each request.
    ``count``: the number of times (``None``: until the faults are cleared), after ``skip`` matching requests.
    ``delay``: seconds to wait first, with any kind. ``after_commit``: with ``status`` and ``api_error``,
    the request is still handled, as behind a gateway with a short timeout.
    """

    kind: str
    operation: str | None = None
    count: int | None = 1
    skip: int = 0
    delay: float = 0.0
    status: int = 500
    retry_after: str | None = None
    seconds: float = 2.0
    body: str = "truncated"
    message: str = "Something went wrong"
    name: str = "InternalError"
    field_errors: list[dict[str, str]] = field(default_factory=list)
    after_commit: bool = False
    deployment: str | None = None
    draft: dict[str, Any] = field(default_factory=dict)
    id: int = 0
    hits: int = 0

    @property
    def handles_request(self) -> bool:
        """Whether the platform still handles the request."""
        if self.kind in ("status", "api_error"):
            return self.after_commit
        return self.kind != "drop_before"

    @property
    def headers(self) -> dict[str, str]:
        """The headers that go with an error."""
        return {} if self.retry_after is None else {"retry-after": str(self.retry_after)}

    def matches(self, names: Iterable[str]) -> bool:
        """Count a request with these names; return whether the fault applies to it."""
        if self.operation is not None and self.operation not in names:
            return False
        if self.count is not None and self.hits >= self.count:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.hits += 1
        return True


class FaultBook:
    """The faults, in the order in which they were set."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._ids = count(1)

    def add(self, values: dict[str, Any]) -> Fault:
        """Set a fault.

        :raises Refused: if a field or its value is unknown.
        """
        fault = _read(values)
        fault.id = next(self._ids)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def next_for(self, names: Iterable[str]) -> Fault | None:
        """Return the first fault that applies to a request with these names, and count it."""
        requested = tuple(names)
        return next((fault for fault in self._faults if fault.matches(requested)), None)

    def as_list(self) -> list[dict[str, Any]]:
        """Return all faults with their ``hits`` as JSON values."""
        return [asdict(fault) for fault in self._faults]


def _read(values: dict[str, Any]) -> Fault:
    settable = {item.name for item in fields(Fault)} - {"id", "hits"}
    if unknown := sorted(set(values) - settable):
        raise invalid(f"Unknown field {unknown[0]!r} of a fault; known: {', '.join(sorted(settable))}")
    if values.get("kind") not in KINDS:
        raise invalid(f"A fault needs a kind: {', '.join(KINDS)}")
    if values["kind"].startswith("land") and not values.get("deployment"):
        raise invalid("A deploy that lands needs a deployment")
    if values.get("body", BODIES[0]) not in BODIES:
        raise invalid(f"The body of a fault is one of {', '.join(BODIES)}")
    return Fault(**values)
