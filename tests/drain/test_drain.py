# SPDX-License-Identifier: Apache-2.0
"""The drain, poll by poll."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from airflow_rollback_provider.domain.errors import InvalidConnection, PlatformFailed, TokenRefused
from airflow_rollback_provider.domain.runs import DagRow
from airflow_rollback_provider.drain.active_work import ActiveWork
from airflow_rollback_provider.drain.drain import DrainRequest, PausedDags, Steps, next_steps, paused_key
from airflow_rollback_provider.drain.poller import DrainPoller
from tests.drain.test_active_work import task

REQUEST = DrainRequest(("a", "b"), ("remedy", "run", "prepare"), 1000.0, 15.0)
IDLE = ActiveWork("3.3.2")
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
def test_dag_of_the_request(paused: bool, waits: bool, steps: Steps) -> None:
    """A Dag is paused once none of its tasks waits, and keeps running before that."""
    work = ActiveWork("3.3.2", waiting=(task("deferred"),) if waits else ())
    assert next_steps([dag("a", paused=paused)], work, ["a"]) == steps


def test_other_dags() -> None:
    """A Dag that was paused before stays paused, even if one of its tasks waits."""
    work = ActiveWork("3.3.2", waiting=(task("deferred", "x"),))
    assert next_steps([dag("x", paused=True), dag("y")], work, ["a"]) == Steps()


def test_running_tasks_do_not_keep_a_dag_from_being_paused() -> None:
    """Running tasks end in a paused Dag."""
    assert next_steps([dag("a")], BUSY, ["a"]) == Steps(pause=("a",))


def test_paused_dags_in_json() -> None:
    """The entry survives JSON, and its text names the run."""
    paused_dags = PausedDags(("remedy", "run"), ("a", "b"), resuming=True)
    assert PausedDags.from_dict(json.loads(json.dumps(paused_dags.to_dict()))) == paused_dags
    assert str(paused_dags) == "run 'run' of the Dag 'remedy'"


@pytest.mark.parametrize(
    ("paused_dags", "may"),
    [
        (PausedDags(("remedy", "run"), ("a",)), True),
        (PausedDags(("remedy", "run"), ("a",), resuming=True), False),
        (PausedDags(("remedy", "another run"), ("a",)), False),
        (None, False),
    ],
)
def test_may_pause(paused_dags: PausedDags | None, may: bool) -> None:
    """Only the run of the entry may pause, and not during a resume. A request without Dags always may."""
    assert REQUEST.may_pause(paused_dags) is may
    assert replace(REQUEST, ours=()).may_pause(paused_dags)


def test_drained_needs_two_polls() -> None:
    """A Dag that was just paused may have started a task just before."""
    drain = DrainPoller(REQUEST, lambda: 0.0)
    assert drain.on_result((BUSY, Steps(pause=("a",))), 1.0) is None
    assert drain.on_result((IDLE, Steps(pause=("b",))), 2.0) is None
    drained = drain.on_result((IDLE, Steps()), 3.0)
    assert drained is not None
    assert drained.drained
    assert drained.work == IDLE.to_dict()


def test_timeout() -> None:
    """The message names the active work."""
    drained = DrainPoller(REQUEST, lambda: 0.0).on_result((BUSY, Steps()), 1000.0)
    assert drained is not None
    assert not drained.drained
    assert "1 task(s) run (a)" in drained.message


def test_an_outage() -> None:
    """The wait goes on until the deadline; then the result has the last active work that was read."""
    drain = DrainPoller(REQUEST, lambda: 0.0)
    drain.on_result((BUSY, Steps()), 1.0)
    assert drain.on_error(PlatformFailed("restarting"), 2.0) is None
    drained = drain.on_error(PlatformFailed("restarting"), 1001.0)
    assert drained is not None
    assert (drained.drained, drained.work) == (False, BUSY.to_dict())
    assert "restarting" in drained.message


def test_a_refusal() -> None:
    """The wait ends after repeated refusals, and raises the error of a connection that cannot be used."""
    drain = DrainPoller(REQUEST, lambda: 0.0)
    assert [drain.on_error(TokenRefused("no"), 1.0) for _ in range(2)] == [None, None]
    drained = drain.on_error(TokenRefused("no"), 1.0)
    assert drained is not None
    assert not drained.drained
    with pytest.raises(InvalidConnection):
        drain.on_error(InvalidConnection("no host"), 1.0)


@pytest.mark.parametrize("word", ["access_token", "api_key", "password", "secret"])
def test_the_name_of_the_list_of_paused_dags(word: str) -> None:
    """Airflow's UI hides the value of a Variable with such a word in its name."""
    assert re.fullmatch("rollback_paused_[0-9a-f]{12}", paused_key(f"the_{word}_of_billing"))


def test_delay() -> None:
    """Delays grow with time and never pass the deadline."""
    drain = DrainPoller(REQUEST, lambda: 0.0)
    drain.on_result((BUSY, Steps()), 1.0)
    first = drain.next_delay(1.0)
    for _ in range(20):
        drain.on_result((BUSY, Steps()), 1.0)
    assert first < drain.next_delay(1.0) == 15.0
    assert drain.next_delay(998.0) == 2.0
    assert drain.next_delay(1001.0) > 0
