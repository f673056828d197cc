# SPDX-License-Identifier: Apache-2.0
"""What the doctors of all platforms share: checks go on after a failure, and the clocks are compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from airflow_rollback_provider.domain.errors import RollbackError

if TYPE_CHECKING:
    from airflow_rollback_provider.http.messages import Flow, Response

T = TypeVar("T")


def attempt(flow: Flow[T]) -> Flow[T | RollbackError]:
    """Run a flow and return its value, or the error that ended it."""
    try:
        return (yield from flow)
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


def measure_skew(flow: Flow[T], clock: ClockSkew) -> Flow[T]:
    """Run a flow and take the platform's time from its answers."""
    try:
        request = next(flow)
        while True:
            try:
                response = yield request
            except RollbackError as error:
                request = flow.throw(error)
            else:
                clock.note(response)
                request = flow.send(response)
    except StopIteration as end:
        value: T = end.value
        return value
