# SPDX-License-Identifier: Apache-2.0
"""The cost of a long history: pages until the previous deploy is found, memory while all of it is read."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

from benchmarks.sandbox import sandbox_and_hook

if TYPE_CHECKING:
    from collections.abc import Iterator

_STEPS = (1_000, 5_000, 10_000)


def run() -> Iterator[str]:
    """Plan on a history of 10,000 deploys, then read all of it."""
    with sandbox_and_hook() as (sandbox, hook):
        deployment = sandbox.deployment("ten-thousand", rows=1)["id"]
        hook.plan(deployment)
        pages = sum("paginatedDeployRevisions" in request["fields"] for request in sandbox.requests())
        yield f"pages fetched to find the previous deploy among 10,000: {pages}"
        sandbox.clear_requests()
        yield from _walk(hook.deploys(deployment))
        yield f"pages fetched to walk all of it: {len(sandbox.requests())}"


def _walk(deploys: Iterator[object]) -> Iterator[str]:
    tracemalloc.start()
    count = 0
    for count, _ in enumerate(deploys, start=1):
        if count in _STEPS:
            held, _peak = tracemalloc.get_traced_memory()
            yield f"memory held after {count:6,} deploys: {held / 1024:8.0f} KiB"
    tracemalloc.stop()
    yield f"deploys walked: {count:,}"
