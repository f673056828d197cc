# SPDX-License-Identifier: Apache-2.0
"""A thousand deferred rollbacks in one process: the cost of each, and whether they delay each other.

The triggers run in one event loop as in a triggerer. A metronome in the same loop measures the longest stall;
the platform counts the requests; each rollback ends at a time that the sandbox sets, so that the delay
until its trigger fires can be measured.

A full run of the garbage collector scans all objects of Airflow, which stalls the loop of any triggerer, with
any triggers. So Airflow's objects are excluded first (``gc.freeze``); the objects of the triggers still
count.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import statistics
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import psutil

from airflow_rollback_provider.domain.deploys import Deploy, DeployStatus, Scope
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.rollback.poller import Tracking
from airflow_rollback_provider.triggers.rollback import RollbackTrigger
from benchmarks.sandbox import CONNECTION, sandbox_and_hook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_rollback_provider.sandbox.process import SandboxProcess

WAITS = 1_000
DEPLOYMENTS = 20
POLL_INTERVAL = 30.0
LASTS = 60.0
_BEAT = 0.005
_EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)


def run() -> Iterator[str]:
    """Track rollbacks of some Deployments with a thousand triggers until all have ended."""
    with sandbox_and_hook() as (sandbox, _hook):
        watches = list(_watches(sandbox))
        ends_at = time.time() + LASTS
        for tracking in watches[:DEPLOYMENTS]:
            sandbox.change_deploy(
                tracking["deployment_id"], tracking["rollback_id"], seconds=ends_at - time.time()
            )
        sandbox.clear_requests()
        airflow_alone = _set_aside()
        with _quiet():
            figures = asyncio.run(_follow_all(watches, ends_at))
        gc.unfreeze()
        figures["requests"] = len(sandbox.requests()) / figures["seconds"]
    yield f"triggers in one process:              {WAITS:8,}"
    yield f"memory for each:                      {figures['memory'] / 1024:8.1f} KiB"
    yield f"longest stall of the loop:            {figures['stall'] * 1000:8.1f} ms (wanted: under 100)"
    yield f"a full collection of Airflow alone:   {airflow_alone * 1000:8.1f} ms (set aside, see the module)"
    yield f"requests to the platform:             {figures['requests']:8.1f} /s"
    yield f"from the end to the event, median:    {figures['median']:8.1f} s"
    yield f"from the end to the event, slowest:   {figures['slowest']:8.1f} s (a poll is {POLL_INTERVAL:g} s)"


def _watches(sandbox: SandboxProcess) -> Iterator[dict[str, Any]]:
    """Start a deploy on each Deployment and track it like a rollback."""
    started = [_start(sandbox, f"wait-{number}") for number in range(DEPLOYMENTS)]
    now = time.time()
    for number in range(WAITS):
        deployment_id, row = started[number % DEPLOYMENTS]
        target = Deploy(row, deployment_id, _EPOCH, DeployStatus.SUCCEEDED, image_tag="two")
        yield Tracking(
            deployment_id, row, target, Scope.IMAGE, now, now + 600, POLL_INTERVAL, "the history", {}, now
        ).to_dict()


def _start(sandbox: SandboxProcess, key: str) -> tuple[str, str]:
    deployment = sandbox.add_deployment(
        key, deploys=[{"age": 7200, "tag": "one"}, {"age": 3600, "tag": "two"}]
    )
    return deployment["id"], sandbox.land_deploy(key, tag="two", seconds=None)["id"]


def _set_aside() -> float:
    """Exclude the loaded objects from the collector; return how long a full collection took before."""
    asyncio.run(_connect_once())
    gc.collect()
    start = time.perf_counter()
    gc.collect()
    took = time.perf_counter() - start
    gc.freeze()
    return took


async def _connect_once() -> None:
    """Load the imports of a trigger's first poll."""
    async with DeployHistoryHook(CONNECTION):
        pass


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Create log lines but discard them: thousands of them would hide the figures."""
    stdout = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


async def _follow_all(watches: list[dict[str, Any]], ends_at: float) -> dict[str, float]:
    process = psutil.Process(os.getpid())
    before, start = process.memory_info().rss, time.time()
    stop = asyncio.Event()
    metronome = asyncio.create_task(_longest_gap(stop))
    delays = []
    for tracking in watches:
        delays.append(asyncio.create_task(_delay(tracking, ends_at)))
        await asyncio.sleep(0)  # as Airflow's triggerer does between two triggers
    await asyncio.sleep(LASTS * 0.8)
    memory = (process.memory_info().rss - before) / len(watches)
    late = await asyncio.gather(*delays)
    stop.set()
    return {
        "memory": memory,
        "stall": await metronome,
        "seconds": time.time() - start,
        "median": statistics.median(late),
        "slowest": max(late),
    }


async def _delay(tracking: dict[str, Any], ends_at: float) -> float:
    async for event in RollbackTrigger(CONNECTION, tracking).run():
        if event.payload["outcome"]["status"] != "done":
            raise RuntimeError(event.payload["outcome"]["message"])
    return time.time() - ends_at


async def _longest_gap(stop: asyncio.Event) -> float:
    longest, last = 0.0, time.perf_counter()
    while not stop.is_set():
        await asyncio.sleep(_BEAT)
        now = time.perf_counter()
        longest, last = max(longest, now - last - _BEAT), now
    return longest
