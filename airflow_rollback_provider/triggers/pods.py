# SPDX-License-Identifier: Apache-2.0
"""The trigger that waits in the triggerer until a release runs an image and is ready."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseTrigger, TriggerEvent
from airflow_rollback_provider.hooks.cluster import AsyncCluster, Surroundings
from airflow_rollback_provider.pods.cluster import Release, StabilityWindow, wait_until_ready
from airflow_rollback_provider.pods.report import PodsOutcome, broken_off

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class PodsTrigger(BaseTrigger):
    """Wait until every component of a release is ready. It only reads.

    :param kubernetes_conn_id: Airflow connection to the cluster.
    :param inside: whether that is the cluster which Airflow runs in.
    :param by_chance: whether that connection is empty.
    :param release: what to check, as :meth:`Release.to_dict` writes it.
    :param min_ready_seconds: how long it must have been ready, in seconds.
    :param poll_interval: longest time between two polls, in seconds.
    :param deadline: when to stop waiting, in seconds since the epoch.
    """

    def __init__(
        self,
        kubernetes_conn_id: str,
        inside: bool,
        release: dict[str, Any],
        min_ready_seconds: float,
        poll_interval: float,
        deadline: float,
        by_chance: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.kubernetes_conn_id = kubernetes_conn_id
        self.inside = inside
        self.release = release
        self.min_ready_seconds = min_ready_seconds
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.by_chance = by_chance

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the database keeps, in plain text."""
        return "airflow_rollback_provider.triggers.pods.PodsTrigger", {
            "kubernetes_conn_id": self.kubernetes_conn_id,
            "inside": self.inside,
            "release": self.release,
            "min_ready_seconds": self.min_ready_seconds,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
            "by_chance": self.by_chance,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the last report, or why there is none. A trigger that raised would bypass the
        operator."""
        try:
            outcome = await self._wait()
        except Exception as error:
            self.log.exception("Looking at release %s broke off.", self.release["name"])
            outcome = broken_off(error)
        yield TriggerEvent(outcome.to_dict())  # type: ignore[no-untyped-call]  # Airflow's

    async def _wait(self) -> PodsOutcome:
        waits = StabilityWindow(self.deadline, self.min_ready_seconds, self.poll_interval, random.random)  # noqa: S311 - jitter
        release = Release.from_dict(self.release)
        surroundings = Surroundings(self.inside, self.by_chance)
        async with AsyncCluster(self.kubernetes_conn_id, surroundings) as cluster:
            return await cluster.run(wait_until_ready(release, waits, time.time, self.log.info))
