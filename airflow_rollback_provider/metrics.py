# SPDX-License-Identifier: Apache-2.0
"""What is counted and timed in Airflow's own metrics, and the one way to send it.

Tasks send; triggers do not. From 3.2 on, Airflow initialises the metrics of providers in the process of a
task only, and setting up a backend blocks an event loop. A trigger puts its numbers into its event instead.

Before a task runs, Airflow counts its start. So the backend exists by then, and to send something here opens
no connection and needs no name server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import (
    AirflowFailException,
    TaskDeferred,
    flush_stats,
    stats,
    stats_lose_tags,
)
from airflow_rollback_provider.domain.errors import FleetStopped, OutcomeUnknown, RollbackRefused

if TYPE_CHECKING:
    from airflow_rollback_provider.compat import Context
    from airflow_rollback_provider.domain.log import Log
    from airflow_rollback_provider.domain.poller import Poller

PREFIX = "airflow_rollback."


@dataclass(frozen=True)
class Metric:
    """A metric of this package.

    :param name: its name, without :data:`PREFIX`.
    :param meaning: what one count, or one measured time, stands for.
    :param tag: the tag that it has besides ``dag_id``; None if it has no other.
    :param timed: whether it is a time; otherwise it is a counter.
    """

    name: str
    meaning: str
    tag: str | None = None
    timed: bool = False


METRICS = (
    Metric("planned", "a plan that is about to be carried out, or was made with `plan_only`"),
    Metric("refused", "a rollback that was valid and must not be carried out", "error"),
    Metric("checks_failed", "a check or guard rail that a refusal names", "check"),
    Metric("submitted", "a rollback that this try submitted"),
    Metric("resumed", "a try that found the rollback of an earlier one, and submitted none"),
    Metric("done", "a rollback that was tracked to its end and is done"),
    Metric("failed", "a task that ended in another way", "error"),
    Metric("unknown", "a request or rollback whose outcome is not known"),
    Metric("duration", "from submission to done", timed=True),
    Metric("polls_failed", "a poll of a rollback that failed"),
    Metric("health.verdicts", "a verdict on a deploy", "verdict"),
    Metric("health.time_to_verdict", "from landing to verdict", "verdict", timed=True),
    Metric("health.polls_failed", "a poll of a Deployment's Airflow that failed"),
)
"""All metrics, in the order of docs/metrics.md."""

_BY_NAME = {metric.name: metric for metric in METRICS}


class Metrics:
    """Sends the metrics of one task. As a context manager it sends at the end what the backend still holds.

    A failure to send is logged, and changes nothing else.
    """

    def __init__(self, context: Context, log: Log) -> None:
        self._ti: Any = context["ti"]
        self._log = log

    def __enter__(self) -> Metrics:
        return self

    def __exit__(self, *_: object) -> None:
        self._safely(flush_stats)

    def count(self, name: str, number: int = 1, value: str | None = None) -> None:
        """Add to a counter; zero sends nothing.

        :param name: a name of :data:`METRICS`.
        :param value: the value of the metric's tag.
        """
        if number:
            self._send(_BY_NAME[name], number, value)

    def time(self, name: str, seconds: float, value: str | None = None) -> None:
        """Send a time, in milliseconds. A negative one, of clocks that disagree, is sent as zero.

        :param name: a name of :data:`METRICS`.
        :param value: the value of the metric's tag.
        """
        # A number is milliseconds everywhere. OpenTelemetry on Airflow 2.10 sends a timedelta in seconds.
        self._send(_BY_NAME[name], max(0.0, seconds) * 1000.0, value)

    @contextmanager
    def polls_failed(self, name: str, poller: Poller[Any, Any]) -> Iterator[None]:
        """Count the polls of a wait that failed, whether the wait succeeds or not.

        :param name: a name of :data:`METRICS`.
        """
        try:
            yield
        finally:
            self.count(name, poller.failed_polls)

    def refused(self, error: str, checks: Sequence[str]) -> None:
        """Count a refusal, and each check that it names.

        :param error: the name of the error.
        :param checks: codes of checks or guard rails.
        """
        self.count("refused", value=error)
        for check in checks:
            self.count("checks_failed", value=check)

    @contextmanager
    def ends(self) -> Iterator[None]:
        """Count how a task that rolls back fails, once Airflow does not try it again."""
        with self:
            try:
                yield
            except TaskDeferred:
                raise
            except BaseException as error:
                self._safely(partial(self._end, error))
                raise

    def _end(self, error: BaseException) -> None:
        final = isinstance(error, (AirflowFailException, FleetStopped))
        if not final and self._ti.try_number <= self._ti.max_tries:  # Airflow's own rule for a retry
            return
        kind = type(error).__name__
        if isinstance(error, OutcomeUnknown):
            self.count("unknown")
        elif isinstance(error, RollbackRefused):
            self.refused(kind, error.codes)
        else:
            self.count("failed", value=kind)

    def _send(self, metric: Metric, amount: float, value: str | None) -> None:
        def send() -> None:
            name, tags = f"{PREFIX}{metric.name}", {"dag_id": self._ti.dag_id}
            if metric.tag and value:
                tags[metric.tag] = value
            backend = stats()
            record = backend.timing if metric.timed else backend.incr
            record(name, amount, tags=tags)
            if value and stats_lose_tags():
                record(f"{name}.{value}", amount)

        self._safely(send)

    def _safely(self, send: Callable[[], object]) -> None:
        try:
            send()
        except Exception as error:  # noqa: BLE001 - whatever it is, the rollback matters more
            self._log.warning("Could not send metrics (%s: %s).", type(error).__name__, error)
