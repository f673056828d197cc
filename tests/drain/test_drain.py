# SPDX-License-Identifier: Apache-2.0
"""Bringing a Deployment to rest, look by look."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from airflow_rollback_provider.domain.errors import InvalidConnection, PlatformFailed, TokenRefused
from airflow_rollback_provider.domain.runs import DagRow
from airflow_rollback_provider.drain.active_work import ActiveWork
from airflow_rollback_provider.drain.drain import DrainRequest, PausedDags, Steps, next_steps
from airflow_rollback_provider.drain.poller import DrainPoller
from tests.drain.test_active_work import task

ORDER = DrainRequest(("a", "b"), ("remedy", "run", "prepare"), 1000.0, 15.0)
REST = ActiveWork("3.3.2")
BUSY = ActiveWork("3.3.2", (task(),))


def dag(dag_id: str, *, paused: bool = False) -> DagRow:
    """A Dag with a schedule."""
    return DagRow(dag_id, paused, stale=False, scheduled=True, file=f"{dag_id}.py")


@pytest.mark.parametrize(
    ("paused", "waits", "steps"),
    [
        (False, False, Steps(pause=("a",))),
        (False, True, Steps()),
        (True, False, Steps()),
        (True, True, Steps(unpause=("a",))),
    ],
)
def test_a_dag_of_ours(paused: bool, waits: bool, steps: Steps) -> None:
    """It is paused as soon as nothing of it waits, and runs on while something does."""
    work = ActiveWork("3.3.2", waiting=(task("deferred"),) if waits else ())
    assert next_steps([dag("a", paused=paused)], work, ["a"]) == steps


def test_a_dag_of_others() -> None:
    """What was paused before is not touched, though something of it waits."""
    work = ActiveWork("3.3.2", waiting=(task("deferred", "x"),))
    assert next_steps([dag("x", paused=True), dag("y")], work, ["a"]) == Steps()


def test_running_tasks_do_not_keep_a_dag_from_being_paused() -> None:
    """They come to their end in a paused Dag."""
    assert next_steps([dag("a")], BUSY, ["a"]) == Steps(pause=("a",))


def test_json_and_back() -> None:
    """An order comes back from JSON as it was."""
    assert DrainRequest.from_dict(json.loads(json.dumps(ORDER.to_dict()))) == ORDER


def test_what_is_remembered_in_json_and_back() -> None:
    """It comes back as it was, and tells a person which run holds the Dags."""
    paused_dags = PausedDags(("remedy", "run"), ("a", "b"), restoring=True)
    assert PausedDags.from_dict(json.loads(json.dumps(paused_dags.to_dict()))) == paused_dags
    assert str(paused_dags) == "run 'run' of the Dag 'remedy'"


@pytest.mark.parametrize(
    ("paused_dags", "may"),
    [
        (PausedDags(("remedy", "run"), ("a",)), True),
        (PausedDags(("remedy", "run"), ("a",), restoring=True), False),
        (PausedDags(("remedy", "another run"), ("a",)), False),
        (None, False),
    ],
)
def test_who_may_pause(paused_dags: PausedDags | None, may: bool) -> None:
    """The run that holds Dags that are not being let run again; who pauses nothing always may."""
    assert ORDER.may_pause(paused_dags) is may
    assert replace(ORDER, ours=()).may_pause(paused_dags)


def test_at_rest_is_seen_twice() -> None:
    """What was paused a moment ago may have begun something a moment before."""
    drain = DrainPoller(ORDER, lambda: 0.0)
    assert drain.on_result((BUSY, Steps(pause=("a",))), 1.0) is None
    assert drain.on_result((REST, Steps(pause=("b",))), 2.0) is None
    drained = drain.on_result((REST, Steps()), 3.0)
    assert drained is not None
    assert drained.drained
    assert drained.work == REST.to_dict()


def test_the_time_is_up() -> None:
    """The message says what still goes on."""
    drained = DrainPoller(ORDER, lambda: 0.0).on_result((BUSY, Steps()), 1000.0)
    assert drained is not None
    assert not drained.drained
    assert "1 task(s) run (a)" in drained.message


def test_an_outage() -> None:
    """It is waited out; then what was seen last is told."""
    drain = DrainPoller(ORDER, lambda: 0.0)
    drain.on_result((BUSY, Steps()), 1.0)
    assert drain.on_error(PlatformFailed("restarting"), 2.0) is None
    drained = drain.on_error(PlatformFailed("restarting"), 1001.0)
    assert drained is not None
    assert (drained.drained, drained.work) == (False, BUSY.to_dict())
    assert "restarting" in drained.message


def test_a_refusal() -> None:
    """A login that stays refused is not waited for; a connection that cannot be used is the caller's."""
    drain = DrainPoller(ORDER, lambda: 0.0)
    assert [drain.on_error(TokenRefused("no"), 1.0) for _ in range(2)] == [None, None]
    drained = drain.on_error(TokenRefused("no"), 1.0)
    assert drained is not None
    assert not drained.drained
    with pytest.raises(InvalidConnection):
        drain.on_error(InvalidConnection("no host"), 1.0)


def test_when_to_look_again() -> None:
    """More rarely with time, never past the deadline."""
    drain = DrainPoller(ORDER, lambda: 0.0)
    drain.on_result((BUSY, Steps()), 1.0)
    first = drain.next_delay(1.0)
    for _ in range(20):
        drain.on_result((BUSY, Steps()), 1.0)
    assert first < drain.next_delay(1.0) == 15.0
    assert drain.next_delay(998.0) == 2.0
    assert drain.next_delay(1001.0) > 0
