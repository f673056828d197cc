# SPDX-License-Identifier: Apache-2.0
"""Airflow's database is away, or two tries of a task live at once, and a rollback happens once all the same."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import psutil
import pytest

from airflow_rollback_provider.demo.airflow_settings import airflow_major
from tests.airflow.crash.scene import Scene, Seen
from tests.airflow.postgres.stage import Stage, open_stage

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]
SETTLE = 45
# The platform takes so long to write a rollback: longer than Airflow to start the next try, shorter than
# SETTLE.
LATE = 30
SECONDS_AWAY = 3
SECONDS_UNREADABLE = 8
FOR_EVER = 3600
WATCHED = 5
# Where a watcher may keep how far it has come.
TABLES = ("variable", "task_state_store", "asset_state_store")


@dataclass(frozen=True)
class Case:
    """A run, and what must hold at its end.

    :param name: its short name; the run's too.
    :param play: brings it to where the database goes away; the gates that it leaves are opened then. Or, with
        ``two_tries``, does all there is to do.
    :param deferrable: whether the task waits in the triggerer.
    :param targets: where its rollbacks go back to: places in the history as it was at the start.
    :param state: how the run ends.
    :param says: what its log has.
    :param two_tries: whether it needs no outage.
    """

    name: str
    play: Callable[[Scene, contextlib.ExitStack], None]
    deferrable: bool = False
    targets: tuple[int, ...] = (1,)
    state: str = "success"
    says: str = ""
    two_tries: bool = False


def _next_try(scene: Scene, gates: contextlib.ExitStack) -> None:
    """Kill the task; the next try stops before it reads anything."""
    gates.enter_context(scene.gate("before"))
    scene.kill_task()
    scene.wait_at_gate("before")


def _under_way(scene: Scene, gates: contextlib.ExitStack) -> None:
    scene.sandbox.fault("latency", "RollBack", delay=LATE)
    scene.start()
    scene.wait_for_fault()
    began = time.monotonic()
    _next_try(scene, gates)
    left = LATE - (time.monotonic() - began)
    assert left > 2 * SECONDS_AWAY, f"The next try came {left:.0f} s before the rollback: a busy machine."


def _never_arrived(scene: Scene, gates: contextlib.ExitStack) -> None:
    scene.sandbox.fault("drop_before", "RollBack", delay=FOR_EVER)
    scene.start()
    scene.wait_for_fault()
    _next_try(scene, gates)


def _repaired(scene: Scene, gates: contextlib.ExitStack) -> None:
    _never_arrived(scene, gates)
    scene.sandbox.land_deploy(scene.name, tag="repair")


def _about_to_keep(scene: Scene, gates: contextlib.ExitStack) -> None:
    gates.enter_context(scene.gate("planned.1"))
    scene.start()
    scene.wait_at_gate("planned.1")


def _old_try_looks(scene: Scene, _: contextlib.ExitStack) -> None:
    """The first try's last look takes so long that the next one has rolled back when it ends."""
    looks_for = SETTLE + 20
    scene.sandbox.fault("slow_body", "Deploys", seconds=looks_for)
    scene.start()
    scene.wait_for_fault()
    began = time.monotonic()
    with scene.supervisor_stopped() as old:
        scene.wait_for_rollbacks(1)
        assert _lives(old), "Airflow ended the first try."
        left = looks_for - (time.monotonic() - began)
        assert left > 0, "The second try came too late: a busy machine."
        time.sleep(left + 3)  # until the first try has had its answer, and time to use it
    scene.wait_for_end_of(old)


def _old_try_keeps(scene: Scene, _: contextlib.ExitStack) -> None:
    """The first try goes on from its plan when the request of the next one is under way."""
    with scene.gate("planned.1"):
        scene.sandbox.fault("latency", "RollBack", delay=LATE)
        scene.start()
        scene.wait_at_gate("planned.1")
        with scene.supervisor_stopped() as old:
            scene.wait_for_fault()
            assert _lives(old), "Airflow ended the first try."
    scene.wait_for_end_of(old)


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


CASES = (
    Case("under-way", _under_way),
    Case("under-way-deferred", _under_way, deferrable=True),
    Case("never-arrived", _never_arrived),
    Case("repaired", _repaired, targets=(), state="failed", says="StalePlan"),
    Case("about-to-keep", _about_to_keep),
    Case("old-try-looks", _old_try_looks, two_tries=True),
    Case("old-try-keeps", _old_try_keeps, two_tries=True),
)
Played = dict[str, Callable[[], tuple[Scene, Seen]]]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """An Airflow on PostgreSQL with two schedulers and two triggerers."""
    with open_stage(len(CASES), WATCHED, {"CRASH_SETTLE": str(SETTLE)}) as opened:
        yield opened


@pytest.fixture(scope="module")
def played(stage: Stage) -> Iterator[Played]:
    """All cases side by side, and one outage for those that need it."""
    scenes = {
        case: Scene(stage.airflow, stage.person, lane, case.name, deferrable=case.deferrable)
        for case, lane in zip(CASES, stage.lanes, strict=True)
    }

    def finish(case: Case, begun: Future[None]) -> tuple[Scene, Seen]:
        begun.result()
        return scenes[case], scenes[case].seen()

    with ThreadPoolExecutor(2 * len(CASES)) as pool, contextlib.ExitStack() as gates:
        begun = {case: pool.submit(case.play, scenes[case], gates) for case in CASES}
        wait([future for case, future in begun.items() if not case.two_tries])
        with stage.cluster.away():
            gates.close()
            time.sleep(SECONDS_AWAY)
        yield {case.name: pool.submit(finish, case, begun[case]).result for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_rollback_happens_once(case: Case, played: Played) -> None:
    """The history has one rollback, to the deploy that was chosen first, or none where another one landed."""
    scene, seen = played[case.name]()
    before = scene.deployment["deploys"]
    told = f"{seen.state} after {seen.tries}:\n{seen.log}"
    assert seen.targets == tuple(before[place]["id"] for place in case.targets), told
    assert seen.others == 0, told
    assert seen.state == case.state, told
    assert case.says in seen.log, told


@pytest.mark.skipif(airflow_major() < 3, reason="Airflow 2 has no watchers")
def test_no_deploy_is_lost(stage: Stage, played: Played) -> None:
    """What lands while triggerers restart and cannot read how far they had come is told afterwards."""
    for result in played.values():
        with contextlib.suppress(AssertionError):  # that is for the tests above; here nothing else goes on
            result()
    watched = stage.watched
    watched.wait_until_watched()
    for name in ("triggerer.1", "triggerer.2"):
        stage.airflow.kill_component(name)
    with _unreadable(stage):
        watched.land_everywhere()
        for name in ("triggerer.1", "triggerer.2"):
            stage.airflow.start_component(name)
        stage.wait_for_triggerers()
        time.sleep(SECONDS_UNREADABLE)
        watched.land_everywhere()
    watched.land_everywhere()
    told = watched.times_told(watched.landed, seconds=60.0)
    assert all(told), f"{told.count(0)} of {len(told)} deploys were not told of: {told}"


@contextlib.contextmanager
def _unreadable(stage: Stage) -> Iterator[None]:
    """Take the tables away in which a watcher may keep how far it has come."""
    query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    tables = sorted({row[0] for row in stage.airflow.metadata._rows(query)} & set(TABLES))
    _alter(stage, [f"ALTER TABLE {table} RENAME TO {table}_away" for table in tables])
    try:
        yield
    finally:
        _alter(stage, [f"ALTER TABLE {table}_away RENAME TO {table}" for table in tables])


def _alter(stage: Stage, statements: list[str]) -> None:
    with stage.airflow.metadata.connected() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
