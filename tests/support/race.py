# SPDX-License-Identifier: Apache-2.0
"""Tries of one task at the same time, on virtual time: seconds cost nothing, and a seed repeats a run."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from airflow_rollback_provider.domain.deploys import Access, Deploy
from airflow_rollback_provider.domain.errors import DeployNotFound, OutcomeUnknown
from airflow_rollback_provider.hooks.client import DeployHistoryClient
from airflow_rollback_provider.platforms.base import Page, Survey
from tests.support.builders import HOUSTON, NOW, deploy, deployment

Action = Callable[[], Any]


class VirtualTime:
    """Replaces ``time``. One thread runs at a time, and the one that wakes first is the next."""

    def __init__(self) -> None:
        self.now = NOW.timestamp()
        self._sleepers: list[tuple[float, int, threading.Event]] = []
        self._number = 0

    def time(self) -> float:
        """Return the time in seconds since the epoch."""
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        """Let the others run until so much time has passed."""
        event = threading.Event()
        heapq.heappush(self._sleepers, (self.now + max(seconds, 0.0), self._number, event))
        self._number += 1
        self._wake_next()
        event.wait()

    def run(self, actions: list[tuple[float, Action]]) -> list[Any]:
        """Run each action after its offset, all at once; return what each returned or raised."""
        results: list[Any] = [None] * len(actions)
        ended = threading.Event()
        left = len(actions)

        def run(number: int, start: threading.Event, action: Action) -> None:
            nonlocal left
            start.wait()
            try:
                results[number] = action()
            except BaseException as error:  # noqa: BLE001 - the test checks it
                results[number] = error
            left -= 1
            self._wake_next() if left else ended.set()

        for number, (offset, action) in enumerate(actions):
            start = threading.Event()
            heapq.heappush(self._sleepers, (self.now + offset, self._number, start))
            self._number += 1
            threading.Thread(target=run, args=(number, start, action), daemon=True).start()
        self._wake_next()
        assert ended.wait(60), "a try did not come to its end"
        return results

    def _wake_next(self) -> None:
        self.now, _, event = heapq.heappop(self._sleepers)
        event.set()


@dataclass
class MemoryPlatform:
    """A platform in memory with one Deployment and three deploys.

    :param time: the clock.
    :param commit: returns the seconds from a request to its row; None loses the request.
    :param lose_answer: whether the answer to a rollback request is lost.
    """

    time: VirtualTime
    commit: Callable[[], float | None] = lambda: 0.0
    lose_answer: Callable[[], bool] = lambda: False
    rows: list[tuple[float, Deploy]] = field(default_factory=list)
    capabilities = HOUSTON

    def __post_init__(self) -> None:
        self.deployment_now = deployment("13.2.0")
        for number in range(3):
            self.rows.append((0.0, deploy(f"d{number}", days_ago=3 - number)))

    @property
    def rollbacks(self) -> list[Deploy]:
        """All rollbacks, those too that do not show yet."""
        return [row for _, row in self.rows if row.rolled_back_to]

    def land(self, name: str) -> None:
        """Let a deploy land."""
        self.rows.append((self.time.now, deploy(name, days_ago=0)))

    def _page(self) -> Page:
        shown = [row for visible, row in self.rows if visible <= self.time.now]
        return Page(tuple(reversed(shown)), None)

    def survey(self, _name: str) -> Generator[Any, Any, Survey]:
        """Read what a plan needs."""
        yield from ()
        now = datetime.fromtimestamp(self.time.now, timezone.utc)
        return Survey(self.deployment_now, Access(), self._page(), now)

    def deploys(self, *_: Any) -> Generator[Any, Any, Page]:
        """Read the history."""
        yield from ()
        return self._page()

    def deploy(self, _deployment_id: str, deploy_id: str) -> Generator[Any, Any, Deploy]:
        """Read one deploy."""
        yield from ()
        for row in self._page().deploys:
            if row.id == deploy_id:
                return row
        raise DeployNotFound(deploy_id)

    def roll_back(
        self, _deployment: Any, target: Deploy, scope: Any, text: str
    ) -> Generator[Any, Any, Deploy]:
        """Accept a rollback: its row shows some time later."""
        yield from ()
        delay = self.commit()
        if delay is None:
            raise OutcomeUnknown("lost")
        number = len(self.rollbacks)
        row = deploy(
            f"r{number}",
            days_ago=0,
            image="",
            dags="",
            rolled_back_to=target.id,
            scope=scope,
            description=text,
        )
        self.rows.append((self.time.now + delay, row))
        if self.lose_answer() or delay > 0:
            raise OutcomeUnknown("The answer was lost.")
        return row


class RaceHook(DeployHistoryClient):
    """The hook's methods on a platform in memory.

    :param platform: the platform.
    :param latency: returns the seconds that a request takes to the platform, and its answer back.
    """

    def __init__(self, platform: MemoryPlatform, latency: Callable[[], float]) -> None:
        self._platform = platform
        self._latency = latency
        self._seen = {}

    @property
    def platform(self) -> Any:
        """The platform."""
        return self._platform

    @property
    def transport(self) -> Any:
        """Carries requests and answers: itself."""
        return self

    def sleep(self, seconds: float) -> None:
        """Wait between two polls."""
        self._platform.time.sleep(seconds)

    def run(self, flow: Any) -> Any:
        """Send a request and wait for its answer."""
        self.sleep(self._latency())
        try:
            flow.send(None)
        except StopIteration as stop:
            answer = stop.value
        self.sleep(self._latency())
        return answer
