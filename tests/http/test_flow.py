# SPDX-License-Identifier: Apache-2.0
"""Tests of running flows, with and without an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator

import pytest

from airflow_rollback_provider.domain.errors import PlatformUnreachable, RollbackError
from airflow_rollback_provider.http.flow import arun_flow, run_flow

IntFlow = Generator[int, int, int]


def run_in_loop(flow: IntFlow, answer: Callable[[int], int]) -> int:
    """Run a flow as the triggerer does."""

    async def send(request: int) -> int:
        return answer(request)

    return asyncio.run(arun_flow(flow, send))


@pytest.fixture(params=[run_flow, run_in_loop], ids=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Callable[[IntFlow, Callable[[int], int]], int]:
    """Return each of the two drivers."""
    driver: Callable[[IntFlow, Callable[[int], int]], int] = request.param
    return driver


class Sum:
    """Adds two answers, and records whether the flow was closed.

    :param handles: whether an error of the first answer counts as 0.
    """

    def __init__(self, handles: bool = False) -> None:
        self.handles = handles
        self.closed = False

    def flow(self) -> IntFlow:
        """Request 1 and then 2."""
        try:
            try:
                first = yield 1
            except RollbackError:
                if not self.handles:
                    raise
                first = 0
            return first + (yield 2)
        finally:
            self.closed = True


def fail_first(request: int) -> int:
    """Fail for the first request, and answer the second."""
    if request == 1:
        raise PlatformUnreachable("gone")
    return 5


def test_answers_reach_the_flow(run: Callable[..., int]) -> None:
    """The result is the value that the flow returns."""
    assert run(Sum().flow(), lambda request: request * 10) == 30


def test_a_flow_may_handle_an_error(run: Callable[..., int]) -> None:
    """It continues after the request that failed."""
    assert run(Sum(handles=True).flow(), fail_first) == 5


def test_an_uncaught_error_reaches_the_caller(run: Callable[..., int]) -> None:
    """The flow is closed."""
    total = Sum()
    with pytest.raises(PlatformUnreachable, match="gone"):
        run(total.flow(), fail_first)
    assert total.closed


def test_a_foreign_error_ends_the_flow(run: Callable[..., int]) -> None:
    """It is not thrown into the flow, which is closed."""
    total = Sum(handles=True)
    with pytest.raises(ZeroDivisionError):
        run(total.flow(), lambda request: 1 // 0)
    assert total.closed
