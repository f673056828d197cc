# SPDX-License-Identifier: Apache-2.0
"""Runs an operator the way a worker and the triggerer do, without the rest of Airflow.

The tests in ``tests/airflow`` run the real thing; for the many cases of the operator that would be too slow.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from airflow_rollback_provider.compat import TaskDeferred


@dataclass
class TaskInstance:
    """What the operator uses of a task instance."""

    dag_id: str = "remediation"
    run_id: str = "manual__1"
    task_id: str = "roll_back"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 0
    xcom: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep what a task leaves, if JSON can hold it."""
        json.dumps(value)
        self.xcom[key] = value


def run(operator: Any, ti: TaskInstance | None = None, **more: Any) -> dict[str, Any]:
    """Execute an operator to its end, through the triggerer if it defers.

    :param more: what else the context holds.
    """
    context = {"ti": ti or TaskInstance(), **more}
    try:
        result = operator.execute(context)
    except TaskDeferred as deferred:
        event = asyncio.run(first_event(restored(deferred.trigger)))
        result = getattr(operator, deferred.method_name)(context, event)
    json.dumps(result)
    return result


def restored(trigger: Any) -> Any:
    """Send a trigger through its serialised form, as the database does."""
    path, kwargs = trigger.serialize()
    assert path == f"{type(trigger).__module__}.{type(trigger).__qualname__}"
    return type(trigger)(**json.loads(json.dumps(kwargs)))


async def first_event(trigger: Any) -> dict[str, Any]:
    """Run a trigger until it fires and return the event's payload as the database hands it on."""
    async for event in trigger.run():
        return json.loads(json.dumps(event.payload))
    raise AssertionError("The trigger ended without an event.")
