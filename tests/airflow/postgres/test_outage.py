# SPDX-License-Identifier: Apache-2.0
"""Airflow's database is away, or two tries of a task live at once, and a rollback happens once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import psutil
import pytest

from demo.airflow_settings import airflow_major
from tests.airflow.crash.scene import RunResult, Scene
from tests.airflow.crash.waiting import until
from tests.airflow.postgres.cluster import programs
from tests.airflow.postgres.stage import Stage, open_stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(programs() is None, reason="PostgreSQL's server programs are not installed"),
]
SETTLE = 60
# The platform takes so long to write a rollback: longer than Airflow to start the next try, shorter than
# SETTLE.
LATE = 45
# The platform refuses a rollback to what runs already: the first one must go on when another one comes.
ROLLBACK = 60
SECONDS_AWAY = 4
HELD = 3
FOR_EVER = 3600
WATCHED = 5


# What happens to the database: it is away when a gate is opened, or from when the try that passed the gate
# waits for the platform, or it is there without the tables in which state may be kept; or nothing.
AWAY, AWAY_LATER, UNREADABLE, NOTHING = "away", "away later", "unreadable", "nothing"


@dataclass(frozen=True)
class Case:
    """A run, and its expected end.

    :param name: its short name; the run's too.
    :param play: brings it to a gate; without any trouble, does all there is to do.
    :param trouble: what happens to the database when the gate is opened.
    :param targets: where its rollbacks go back to: places in the history as it was at the start.
    :param state: how the run ends.
    :param says: what its log has.
    """

    name: str
    play: Callable[[Scene, contextlib.ExitStack], None]
    trouble: str = AWAY_LATER
    targets: tuple[int, ...] = (1,)
    state: str = "success"
    says: str = ""


def _next_try(scene: Scene, gates: contextlib.ExitStack) -> None:
    """Kill the task; the next try stops before it reads anything."""
    gates.enter_context(scene.gate("before"))
    scene.kill_task()
    scene.wait_at_gate("before")


def _under_way(scene: Scene, gates: contextlib.ExitStack) -> None:
    scene.rollback_ends_after(ROLLBACK)
    scene.sandbox.fault("latency", "RollBack", delay=LATE)
    scene.start()
    scene.wait_for_fault()
    began = time.monotonic()
    _next_try(scene, gates)
    left = LATE - (time.monotonic() - began)
    assert left > HELD + 2 * SECONDS_AWAY, f"The next try came with {left:.0f} s left: a busy machine."


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


def _old_try_polls(scene: Scene, _: contextlib.ExitStack) -> None:
    """The last poll of the first try ends after the next try has rolled back."""
    polls_for = SETTLE + 30
    scene.rollback_ends_after(ROLLBACK)
    scene.sandbox.fault("slow_body", "Deploys", seconds=polls_for)
    scene.start()
    scene.wait_for_fault()
    began = time.monotonic()
    with scene.supervisor_stopped() as old:
        scene.wait_for_rollbacks(1)
        assert _lives(old), "Airflow ended the first try."
        left = polls_for - (time.monotonic() - began)
        assert left > 0, "The second try came too late: a busy machine."
        time.sleep(left + 3)  # until the first try has had its answer, and time to use it
    scene.wait_for_end_of(old)


def _old_try_keeps(scene: Scene, _: contextlib.ExitStack) -> None:
    """The first try goes on from its plan when the request of the next one is under way."""
    scene.rollback_ends_after(ROLLBACK)
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
    Case("under-way-unreadable", _under_way, UNREADABLE),
    Case("repaired", _repaired, targets=(), state="failed", says="StalePlan"),
    Case("repaired-unreadable", _repaired, UNREADABLE, targets=(), state="failed", says="StalePlan"),
    Case("never-arrived", _never_arrived),
    Case("about-to-keep", _about_to_keep, AWAY),
    Case("old-try-polls", _old_try_polls, NOTHING),
    Case("old-try-keeps", _old_try_keeps, NOTHING),
)
Played = dict[str, Callable[[], tuple[Scene, RunResult]]]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """An Airflow on PostgreSQL with two schedulers and two triggerers."""
    with open_stage(len(CASES), WATCHED, ["crash.py"], {"CRASH_SETTLE": str(SETTLE)}) as opened:
        yield opened


@pytest.fixture(scope="module")
def played(stage: Stage) -> Iterator[Played]:
    """All cases side by side, and one outage for those that need it."""
    scenes = {
        case: Scene(stage.airflow, stage.user, lane, case.name, deferrable=False)
        for case, lane in zip(CASES, stage.lanes, strict=True)
    }
    gates = {case: contextlib.ExitStack() for case in CASES}

    def cases(trouble: str) -> list[Case]:
        return [case for case in CASES if case.trouble == trouble]

    def finish(case: Case, begun: Future[None]) -> tuple[Scene, RunResult]:
        begun.result()
        return scenes[case], scenes[case].result()

    with ThreadPoolExecutor(2 * len(CASES)) as pool, contextlib.ExitStack() as all_gates:
        for stack in gates.values():
            all_gates.push(stack)
        begun = {
            case: pool.submit(case.play, scenes[case], gates[case])
            for case in CASES
            if case.trouble != NOTHING
        }
        wait(begun.values())
        for case in cases(UNREADABLE):
            with stage.unreadable(times=1):
                gates[case].close()
        with _away_behind_their_backs(stage, {scenes[case]: gates[case] for case in cases(AWAY_LATER)}):
            for case in cases(AWAY):
                gates[case].close()
        for case in cases(NOTHING):  # not before: an outage delays their second tries
            begun[case] = pool.submit(case.play, scenes[case], gates[case])
        yield {case.name: pool.submit(finish, case, begun[case]).result for case in CASES}


@contextlib.contextmanager
def _away_behind_their_backs(stage: Stage, scenes: dict[Scene, contextlib.ExitStack]) -> Iterator[None]:
    """Take the database away when the tries have sent a request, a moment before it answers.

    A heartbeat that meets the outage first keeps the task's other requests waiting until it is over, as does
    what the task does before it sends one.
    """
    for scene in scenes:
        scene.sandbox.clear_requests()
        scene.sandbox.fault("latency", "SurveyHistory", delay=HELD)
    for gate in scenes.values():
        gate.close()
    until(lambda: any(scene.has_met_fault() for scene in scenes), "a try to send a request")
    time.sleep(HELD - 0.4)
    with stage.cluster.away():
        assert all(scene.has_met_fault() for scene in scenes), "The tries came apart: a busy machine."
        yield
        time.sleep(SECONDS_AWAY)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_rollback_happens_once(case: Case, played: Played) -> None:
    """The history has one rollback, to the deploy that was chosen first, or none where another one landed."""
    scene, result = played[case.name]()
    before = scene.deployment["deploys"]
    message = f"{result.state} after {result.tries}:\n{result.log}"
    assert result.targets == tuple(before[place]["id"] for place in case.targets), message
    assert result.others == 0, message
    assert result.state == case.state, message
    assert case.says in result.log, message


@pytest.mark.skipif(airflow_major() < 3, reason="Airflow 2 has no watchers")
def test_no_deploy_is_lost(stage: Stage, played: Played) -> None:
    """Deploys that land while triggerers restart and cannot read their cursor get their event later."""
    for result in played.values():
        with contextlib.suppress(AssertionError):  # that is for the tests above; here nothing else goes on
            result()
    watched = stage.watched
    watched.wait_until_watched()
    with stage.unreadable(times=WATCHED), stage.without_triggerers():
        watched.land_everywhere()
    watched.land_everywhere()
    counts = watched.count_events(watched.landed, seconds=60.0)
    assert all(counts), f"{counts.count(0)} of {len(counts)} deploys have no event: {counts}"
