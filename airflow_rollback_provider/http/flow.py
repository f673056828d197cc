# SPDX-License-Identifier: Apache-2.0
"""Holds a conversation: hands each of its requests to whom it is for, and the answer or the error back."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from airflow_rollback_provider.domain.errors import RollbackError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

Asked = TypeVar("Asked")
Told = TypeVar("Told")
T = TypeVar("T")


def hold(conversation: Generator[Asked, Told, T], answer: Callable[[Asked], Told]) -> T:
    """Hold a conversation to its end and return its value. It is closed in any case.

    :param answer: answers one request. An error of this package goes to the conversation, which may go on.
    :raises RollbackError: what the conversation raises, or does not catch.
    """
    try:
        asked = next(conversation)
        while True:
            try:
                told = answer(asked)
            except RollbackError as error:
                asked = conversation.throw(error)
            else:
                asked = conversation.send(told)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        conversation.close()


async def ahold(conversation: Generator[Asked, Told, T], answer: Callable[[Asked], Awaitable[Told]]) -> T:
    """Do what :func:`hold` does, inside an event loop."""
    try:
        asked = next(conversation)
        while True:
            try:
                told = await answer(asked)
            except RollbackError as error:
                asked = conversation.throw(error)
            else:
                asked = conversation.send(told)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        conversation.close()
