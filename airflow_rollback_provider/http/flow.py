# SPDX-License-Identifier: Apache-2.0
"""Runs a flow: sends each of its requests, and hands the answer or the error back."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from airflow_rollback_provider.domain.errors import RollbackError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")
T = TypeVar("T")


def run_flow(flow: Generator[RequestT, AnswerT, T], send: Callable[[RequestT], AnswerT]) -> T:
    """Run a flow to its end and return its value. The flow is closed in any case.

    :param send: answers one request. An error of this package goes to the flow, which may go on.
    :raises RollbackError: what the flow raises, or does not catch.
    """
    try:
        request = next(flow)
        while True:
            try:
                answer = send(request)
            except RollbackError as error:
                request = flow.throw(error)
            else:
                request = flow.send(answer)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        flow.close()


async def arun_flow(
    flow: Generator[RequestT, AnswerT, T],
    send: Callable[[RequestT], Awaitable[AnswerT]],
) -> T:
    """Do what :func:`run_flow` does, inside an event loop."""
    try:
        request = next(flow)
        while True:
            try:
                answer = await send(request)
            except RollbackError as error:
                request = flow.throw(error)
            else:
                request = flow.send(answer)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        flow.close()
