# SPDX-License-Identifier: Apache-2.0
"""Conversations that go on when a part of them fails, and that tell the platform's time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from airflow_rollback_provider.domain.errors import RollbackError

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow_rollback_provider.platforms.base import Conversation, Response

T = TypeVar("T")


def attempt(conversation: Conversation[T]) -> Conversation[T | RollbackError]:
    """Hold a conversation and return its value, or the error that ended it."""
    try:
        return (yield from conversation)
    except RollbackError as error:
        return error.with_traceback(None)


@dataclass
class Heard:
    """What was noticed of answers besides what they say.

    :param skew: how far the local clock is ahead of the platform's; None until an answer tells.
    """

    skew: timedelta | None = None

    def note(self, response: Response) -> None:
        """Take notice of an answer."""
        moment = response.platform_time
        if moment is not None and self.skew is None:
            self.skew = response.received_at - moment


def overhear(conversation: Conversation[T], heard: Heard) -> Conversation[T]:
    """Hold a conversation and notice the platform's time on the way."""
    try:
        request = next(conversation)
        while True:
            try:
                response = yield request
            except RollbackError as error:
                request = conversation.throw(error)
            else:
                heard.note(response)
                request = conversation.send(response)
    except StopIteration as end:
        value: T = end.value
        return value
