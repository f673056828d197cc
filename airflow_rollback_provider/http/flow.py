# SPDX-License-Identifier: Apache-2.0
"""Drivers for flows: they send each request of a flow and return the answer or the error to it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.domain.poller import Call, Pause

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from airflow_rollback_provider.http.messages import Flow

T = TypeVar("T")


def run_flow(
    flow: Generator[Any, Any, T],
    send: Callable[[Any], Any],
    sleep: Callable[[float], object] = time.sleep,
) -> T:
    """Run a flow to its end and return its value. The flow is always closed.

    :param send: sends one request and returns the answer. An error of this package goes to the flow, which
        may go on.
    :param sleep: waits so many seconds.
    :raises RollbackError: what the flow raises, or does not catch.
    """
    try:
        step = next(flow)
        while True:
            try:
                if isinstance(step, Pause):
                    answer = sleep(step.seconds)
                else:
                    answer = step.run() if isinstance(step, Call) else send(step)
            except RollbackError as error:
                step = flow.throw(error)
            else:
                step = flow.send(answer)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        flow.close()


async def arun_flow(
    flow: Generator[Any, Any, T],
    send: Callable[[Any], Awaitable[Any]],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> T:
    """Run a flow as :func:`run_flow` does, inside an event loop."""
    try:
        step = next(flow)
        while True:
            try:
                if isinstance(step, Pause):
                    answer = await sleep(step.seconds)
                else:
                    answer = await (step.arun() if isinstance(step, Call) else send(step))
            except RollbackError as error:
                step = flow.throw(error)
            else:
                step = flow.send(answer)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        flow.close()


def attempt(flow: Flow[T]) -> Flow[T | RollbackError]:
    """Run a flow inside a flow and return its value, or the error that ended it."""
    try:
        return (yield from flow)
    except RollbackError as error:
        return error.with_traceback(None)
