# SPDX-License-Identifier: Apache-2.0
"""One running sandbox: the world, the faults and the record of requests."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.sandbox.clock import iso
from airflow_rollback_provider.sandbox.faults import FaultBook
from airflow_rollback_provider.sandbox.model import make_id
from airflow_rollback_provider.sandbox.scenarios import make_world

if TYPE_CHECKING:
    from airflow_rollback_provider.sandbox.world import World

_REQUESTS_KEPT = 20_000


@dataclass
class Request:
    """The record of a request: never a token, only the name of a known one."""

    at: str
    operation: str | None
    fields: list[str]
    token: str
    path: str
    id: str
    fault: str | None = None
    status: int | None = None
    errors: tuple[str, ...] = ()


class Sandbox:
    """The state of the server; ``reset`` replaces it.

    :param scenario: the initial scenario, also after a reset.
    :param seed: the initial setting ``seed``, also after a reset.
    """

    def __init__(self, scenario: str = "default", seed: int = 0) -> None:
        self.scenario = scenario
        self.seed = seed
        self.world: World = self._make_world(scenario)
        self.faults = FaultBook()
        self.requests: deque[Request] = deque(maxlen=_REQUESTS_KEPT)
        self._numbers = count(1)

    def reset(self, scenario: str | None = None) -> None:
        """Start again: a fresh world with real time, no faults, no requests.

        :raises ValueError: if there is no such scenario.
        """
        world = self._make_world(scenario or self.scenario)
        self.world, self.faults = world, FaultBook()
        self.requests.clear()
        self._numbers = count(1)

    def _make_world(self, scenario: str) -> World:
        world = make_world(scenario)
        world.settings.update({"seed": self.seed})
        return world

    def record(self, operation: str | None, root_fields: tuple[str, ...], token: str, path: str) -> Request:
        """Record a request and return its entry, to be completed with the response.

        :param token: the name of the token, never its value.
        :param path: path and query of the URL.
        """
        now, request_id = iso(self.world.clock.now()), make_id("request", next(self._numbers))
        entry = Request(now, operation, list(root_fields), token, path, request_id)
        self.requests.append(entry)
        return entry

    def requests_as_list(self) -> list[dict[str, Any]]:
        """Return the requests as JSON values, oldest first."""
        return [asdict(request) for request in self.requests]
