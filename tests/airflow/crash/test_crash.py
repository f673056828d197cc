# SPDX-License-Identifier: Apache-2.0
"""Tasks of a real Airflow are killed at every step of a rollback, which still happens once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import pytest

from demo.airflow_home import ThrowAwayAirflow
from demo.airflow_settings import airflow_major
from tests.airflow.crash import table
from tests.airflow.crash.scene import FOUND, Lane, RunResult, Scene, connections_to, open_lanes
from tests.airflow.crash.steps import ALL_STEPS, LOSSES, STEPS, Step
from tests.airflow.crash.user import User, user_of
from tests.airflow.crash.waiting import until
from tests.support.leaks import require_no_token_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
LANES = 5
DAG_FILE = Path(__file__).parents[1] / "dags" / "crash.py"
SECONDS_TO_START = 300.0
SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "8",
    # What is lost with its machine is missed after some 30 s instead of five minutes.
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    # The same in Airflow 2. Its detection interval stays at 10 s: it reports a lost task each time until
    # that was dealt with, and a report that comes late fails the next try.
    "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "30",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}
Played = dict[str, Callable[[], tuple[Scene, RunResult]]]


@pytest.fixture(scope="module")
def lanes() -> Iterator[list[Lane]]:
    """Platforms for the runs."""
    with open_lanes(LANES) as lanes:
        yield lanes


@pytest.fixture(scope="module")
def airflow(lanes: list[Lane]) -> Iterator[ThrowAwayAirflow]:
    """An Airflow with the crash Dags and all platforms."""
    throw_away = ThrowAwayAirflow([DAG_FILE], {**SETTINGS, **connections_to(lanes)})
    if airflow_major() < 3:  # each process writes to SQLite, whose timeout of five seconds is too short
        throw_away.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] += "?timeout=60"
    throw_away.start(SECONDS_TO_START)
    try:
        until(lambda: throw_away.metadata.has_dag("crash_deferred"), "the Dags to be parsed")
        yield throw_away
    finally:
        throw_away.stop()


@pytest.fixture(scope="module")
def user(airflow: ThrowAwayAirflow) -> Iterator[User]:
    """A user of the web interface."""
    somebody = user_of(airflow)
    yield somebody
    somebody.leave()


@pytest.fixture(scope="module")
def played(airflow: ThrowAwayAirflow, user: User, lanes: list[Lane]) -> Played:
    """All steps: first those that concern one task, side by side, then those that take components away."""
    free: SimpleQueue[Lane] = SimpleQueue()
    for lane in lanes:
        free.put(lane)

    def scene_of(step: Step, lane: Lane) -> Scene:
        return Scene(airflow, user, lane, step.name, deferrable=step.deferrable)

    def alone(step: Step) -> tuple[Scene, RunResult]:
        lane = free.get()
        try:
            scene = scene_of(step, lane)
            step.play(scene)
            return scene, scene.result()
        finally:
            free.put(lane)

    with ThreadPoolExecutor(LANES) as pool:
        results: Played = {step.name: pool.submit(alone, step).result for step in STEPS}
    for components, steps in LOSSES:
        scenes = {step: scene_of(step, lane) for step, lane in zip(steps, lanes, strict=False)}
        with ThreadPoolExecutor(1) as pool:  # its failure fails those steps alone
            together = pool.submit(lose, airflow, components, scenes)
        results.update({step.name: partial(one_of, together, step) for step in steps})
    return results


def lose(
    airflow: ThrowAwayAirflow, components: tuple[str, ...], scenes: dict[Step, Scene]
) -> dict[Step, tuple[Scene, RunResult]]:
    """Bring runs to their steps, kill components, let the rollbacks end, and start the components again."""
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(lambda step: step.play(scenes[step]), scenes))
    for name in components:
        airflow.kill_component(name)
    for scene in scenes.values():
        scene.end_rollback()
    for name in components:
        airflow.start_component(name)
    return {step: (scene, scene.result()) for step, scene in scenes.items()}


def one_of(together: Future[dict[Step, tuple[Scene, RunResult]]], step: Step) -> tuple[Scene, RunResult]:
    """Return how one of several steps ended, or raise what kept them from it."""
    return together.result()[step]


def check(step: Step, scene: Scene, result: RunResult) -> None:
    """Check the end of a run."""
    before = scene.deployment["deploys"]
    message = f"{result.state} after {result.tries}:\n{result.log}"
    assert result.targets == tuple(before[place]["id"] for place in step.targets), message
    assert result.others == step.others, message
    assert result.state == step.state, message
    # Airflow loses a try now and then, by a late report of the one before. The next one finds the rollback.
    lost = result.tries - step.tries
    assert lost >= 0, message
    assert result.then in ({step.then, FOUND} if lost else {step.then}), message
    assert result.is_pending == (not step.targets), "A rollback in the history needs no Variable."


@pytest.mark.parametrize("step", ALL_STEPS, ids=lambda step: step.name)
def test_a_rollback_happens_once(step: Step, played: Played) -> None:
    """After each kill the history has one rollback, to the target of the first try."""
    check(step, *played[step.name]())


def test_the_table_matches_the_results(played: Played) -> None:
    """The documentation's table has these results; with WRITE_DOCS=1 it is written."""
    line = table.airflow_line()
    if line not in table.LINES:
        pytest.skip(f"The table has no column for Airflow {line}.")
    for step in ALL_STEPS:
        check(step, *played[step.name]())
    document = table.DOCUMENT.read_text(encoding="utf-8")
    if os.environ.get("WRITE_DOCS"):
        table.DOCUMENT.write_text(table.with_column(document, line), encoding="utf-8")
    else:
        assert table.column(document, line) == table.expected()


def test_no_token_is_in_what_airflow_keeps(airflow: ThrowAwayAirflow, played: Played) -> None:
    """Neither its database, with XComs, triggers and rendered templates, nor a log, whatever was killed."""
    for result in played.values():
        result()
    require_no_token_in(airflow)
