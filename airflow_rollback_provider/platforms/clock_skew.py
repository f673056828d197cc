# SPDX-License-Identifier: Apache-2.0
"""What the doctors of all platforms share: checks go on after a failure, and the clocks are compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from airflow_rollback_provider.domain.errors import RollbackError

if TYPE_CHECKING:
    from airflow_rollback_provider.http.messages import Conversation, Response

T = TypeVar("T")


def attempt(conversation: Conversation[T]) -> Conversation[T | RollbackError]:
    """Run a conversation and return its value, or the error that ended it."""
    try:
        return (yield from conversation)
    except RollbackError as error:
        return error.with_traceback(None)


@dataclass
class ClockSkew:
    """How far the local clock is ahead of the platform's.

    :param skew: the difference; None until an answer has the platform's time.
    """

    skew: timedelta | None = None

    def note(self, response: Response) -> None:
        """Take the difference from an answer, unless there is one already."""
        moment = response.platform_time
        if moment is not None and self.skew is None:
            self.skew = response.received_at - moment


def measure_skew(conversation: Conversation[T], clock: ClockSkew) -> Conversation[T]:
    """Run a conversation and take the platform's time from its answers."""
    try:
        request = next(conversation)
        while True:
            try:
                response = yield request
            except RollbackError as error:
                request = conversation.throw(error)
            else:
                clock.note(response)
                request = conversation.send(response)
    except StopIteration as end:
        value: T = end.value
        return value
