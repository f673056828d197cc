# SPDX-License-Identifier: Apache-2.0
"""The number of requests of one rollback, counted by the platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.idempotency import make_idempotency_key
from benchmarks.sandbox import sandbox_and_hook

if TYPE_CHECKING:
    from collections.abc import Iterator


def run() -> Iterator[str]:
    """Count the requests of a plan, of a submission and of one poll."""
    with sandbox_and_hook() as (sandbox, hook):
        deployment = sandbox.deployment("dag-deploy-af3", rows=1)
        sandbox.clear_requests()
        plan = hook.plan(deployment["id"])
        planned = len(sandbox.requests())
        hook.submit(plan, "benchmark", make_idempotency_key("benchmark"))
        submitted = len(sandbox.requests()) - planned
        yield f"requests for a plan:              {planned}"
        yield f"requests from plan to submission: {submitted}"
        yield f"requests for a rollback:          {planned + submitted} (at most 4, the polls not counted)"
