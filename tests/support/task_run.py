# SPDX-License-Identifier: Apache-2.0
"""Runs an operator the way a worker and the triggerer do, without the rest of Airflow.

The tests in ``tests/airflow`` run the real thing; for the many cases of the operator that would be too slow.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from airflow_rollback_provider.compat import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow_rollback_provider.sandbox.client import SandboxControl


@dataclass
class TaskInstance:
    """The part of a task instance that the operator uses."""

    dag_id: str = "remediation"
    run_id: str = "manual__1"
    task_id: str = "roll_back"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 0
    xcom: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep the XCom of a task, if it is JSON."""
        json.dumps(value)
        self.xcom[key] = value


def run(operator: Any, ti: TaskInstance | None = None, **more: Any) -> dict[str, Any]:
    """Execute an operator to its end, through the triggerer if it defers, and run Airflow's own callbacks.

    :param more: what else the context holds.
    """
    context = {"ti": ti or TaskInstance(), **more}
    try:
        result = _execute(operator, context)
    except BaseException as error:
        run_callbacks(operator, context, error)
        raise
    json.dumps(result)
    run_callbacks(operator, context)
    return result


def _execute(operator: Any, context: dict[str, Any]) -> dict[str, Any]:
    given = set(context)
    operator.pre_execute(context)
    try:
        return dict(operator.execute(context))
    except TaskDeferred as deferred:
        event = asyncio.run(first_event(restored(deferred.trigger)))
        for name in context.keys() - given:  # another process resumes the task
            del context[name]
        operator.pre_execute(context)
        return dict(operator.resume_execution(deferred.method_name, {"event": event}, context))


def run_callbacks(operator: Any, context: Any, error: BaseException | None = None) -> None:
    """Run Airflow's own callbacks with the context of the task, as Airflow does in the task's process.

    :param error: why the task failed, None if it did not.
    """
    ti, kind = context["ti"], "on_success_callback"
    if isinstance(error, AirflowSkipException):
        kind = "on_skipped_callback"
    elif error is not None:
        final = isinstance(error, AirflowFailException) or ti.try_number > ti.max_tries
        kind = "on_failure_callback" if final else "on_retry_callback"
    found = getattr(operator, kind) or ()  # a list on Airflow 3, on Airflow 2 as it was given
    for callback in found if isinstance(found, (list, tuple)) else [found]:
        callback(context)


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


@contextmanager
def after_requests(sandbox: SandboxControl, count: int, change: Callable[[], object]) -> Iterator[None]:
    """Let something change, in another thread, once a task has sent so many requests to the platform."""

    def wait() -> None:
        deadline = time.monotonic() + 60
        while len(sandbox.requests()) < count:
            assert time.monotonic() < deadline, "The task sent too few requests."
            time.sleep(0.02)
        change()

    with ThreadPoolExecutor(1) as pool:
        changed = pool.submit(wait)
        yield
        changed.result()
