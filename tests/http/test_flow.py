# SPDX-License-Identifier: Apache-2.0
"""Holding flows, with and without an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator

import pytest

from airflow_rollback_provider.domain.errors import PlatformUnreachable, RollbackError
from airflow_rollback_provider.http.flow import arun_flow, run_flow

Talk = Generator[int, int, int]


def hold_in_a_loop(flow: Talk, answer: Callable[[int], int]) -> int:
    """Hold a flow as the triggerer does."""

    async def later(asked: int) -> int:
        return answer(asked)

    return asyncio.run(arun_flow(flow, later))


@pytest.fixture(params=[run_flow, hold_in_a_loop], ids=["at-once", "in-a-loop"])
def held(request: pytest.FixtureRequest) -> Callable[[Talk, Callable[[int], int]], int]:
    """Either way of holding one."""
    way: Callable[[Talk, Callable[[int], int]], int] = request.param
    return way


class Talker:
    """Adds two answers, and notes its end.

    :param cures: whether an error of the first answer counts as nought.
    """

    def __init__(self, cures: bool = False) -> None:
        self.cures = cures
        self.closed = False

    def talk(self) -> Talk:
        """Ask for 1 and for 2."""
        try:
            try:
                first = yield 1
            except RollbackError:
                if not self.cures:
                    raise
                first = 0
            return first + (yield 2)
        finally:
            self.closed = True


def broken(asked: int) -> int:
    """Answer the second request alone."""
    if asked == 1:
        raise PlatformUnreachable("gone")
    return 5


def test_answers_come_back(held: Callable[..., int]) -> None:
    """Each to its request; the value is what the flow returns."""
    assert held(Talker().talk(), lambda asked: asked * 10) == 30


def test_a_flow_may_cure_an_error(held: Callable[..., int]) -> None:
    """It goes on where it was asked from."""
    assert held(Talker(cures=True).talk(), broken) == 5


def test_an_error_that_it_does_not_catch(held: Callable[..., int]) -> None:
    """It reaches who holds the flow, which is over."""
    talker = Talker()
    with pytest.raises(PlatformUnreachable, match="gone"):
        held(talker.talk(), broken)
    assert talker.closed


def test_a_defect_ends_it_too(held: Callable[..., int]) -> None:
    """What is no error of this package is not the flow's to cure; what it holds is let go."""
    talker = Talker(cures=True)
    with pytest.raises(ZeroDivisionError):
        held(talker.talk(), lambda asked: 1 // 0)
    assert talker.closed
