# SPDX-License-Identifier: Apache-2.0
"""Every step at which something is killed, and how a run is brought to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.airflow.crash.scene import (
    FOUND,
    LEFT_ALONE,
    OF_ITS_OWN,
    PLANNED,
    REFUSED,
    SAME_TRY,
    SENT_AGAIN,
    Scene,
)

# A request that is never answered: nothing here waits that long, the process is killed.
_FOR_EVER = 3600
# Long enough to kill the process meanwhile, and well within the task's ``submission_grace_period`` of 15 s.
_A_LITTLE_LATER = 8

TASK = "the task's process"
TRIGGERER = "the triggerer"
MACHINE = "worker, scheduler and triggerer"
NOBODY = "nothing"


@dataclass(frozen=True)
class Step:
    """One row of the table.

    :param name: its short name; the run's too.
    :param killed: what is killed.
    :param when: when, or what else happens, as the table says it.
    :param play: brings a run there, kills what is the task's own, and lets it go on.
    :param then: what the next try does.
    :param deferrable: whether the task waits in the triggerer.
    :param targets: the targets of the rollbacks with the run's idempotency key: places in the history
        as it was at the start, newest first.
    :param others: how many rollbacks the history has besides.
    :param state: how the run ends.
    :param tries: how many tries it takes; Airflow may lose more.
    """

    name: str
    killed: str
    when: str
    play: Callable[[Scene], None]
    then: str = FOUND
    deferrable: bool = False
    targets: tuple[int, ...] = (1,)
    others: int = 0
    state: str = "success"
    tries: int = 2


def _killed_at(kind: str, operation: str, **fault: float) -> Callable[[Scene], None]:
    """Kill the task when a request has come to the platform and before the task gets its answer."""

    def play(scene: Scene) -> None:
        scene.sandbox.fault(kind, operation, **fault)
        scene.start()
        scene.wait_for_fault()
        assert len(scene.rollbacks()) == (kind == "slow_body")
        scene.kill_task()

    return play


def _killed_after_the_answer(scene: Scene) -> None:
    """The first poll after the request is the second read of the history alone."""
    scene.sandbox.fault("latency", "Deploys", delay=_FOR_EVER, skip=1)
    scene.start()
    scene.wait_for_fault()
    assert len(scene.rollbacks()) == 1
    scene.kill_task()


def _killed_late_commit(scene: Scene) -> None:
    scene.sandbox.fault("latency", "RollBack", delay=_A_LITTLE_LATER)
    scene.start()
    scene.wait_for_fault()
    scene.kill_task()
    assert scene.rollbacks() == [], "The platform was faster than the kill: the machine is too busy."


def _killed_while_polling(scene: Scene) -> None:
    scene.rollback_ends_after(_FOR_EVER)
    scene.start()
    scene.wait_for_polls()
    scene.kill_task()
    scene.end_rollback()


def _killed_twice(scene: Scene) -> None:
    scene.sandbox.fault("drop_before", "RollBack", delay=_FOR_EVER, count=2)
    scene.start()
    for times in (1, 2):
        scene.wait_for_fault(times)
        scene.kill_task()


def _killed_at_resume(scene: Scene) -> None:
    scene.rollback_ends_after(_FOR_EVER)
    scene.start()
    scene.wait_for_state("deferred")
    with scene.gate("before"):
        scene.end_rollback()
        scene.wait_at_gate("before")
        scene.kill_task()


def _killed_at_the_end(scene: Scene) -> None:
    with scene.gate("after"):
        scene.start()
        scene.wait_at_gate("after")
        scene.kill_task()


def _cleared_after_success(scene: Scene) -> None:
    scene.start()
    scene.wait_for_state("success")
    scene.result()
    scene.user.clear(scene.dag_id, scene.run_id)
    scene.wait_for_try(2)


def _cleared_while_deferred(scene: Scene) -> None:
    scene.rollback_ends_after(_FOR_EVER)
    scene.start()
    scene.wait_for_state("deferred")
    scene.user.clear(scene.dag_id, scene.run_id)
    scene.wait_for_try(2)
    scene.wait_for_state("deferred")
    scene.end_rollback()


def _marked_failed(scene: Scene) -> None:
    scene.rollback_ends_after(_FOR_EVER)
    scene.start()
    if scene.deferrable:
        scene.wait_for_state("deferred")
    scene.wait_for_polls()
    scene.user.mark_failed(scene.dag_id, scene.run_id)
    scene.wait_for_log("may still be going on")
    scene.end_rollback()


def _marked_failed_and_cleared(scene: Scene) -> None:
    _marked_failed(scene)
    scene.result()  # a scheduler that is late would fail the cleared run
    scene.user.clear(scene.dag_id, scene.run_id)
    scene.wait_for_try(2)


def _stale(scene: Scene) -> None:
    scene.sandbox.fault("drop_before", "RollBack", delay=_FOR_EVER)
    scene.start()
    scene.wait_for_fault()
    scene.kill_task()
    scene.sandbox.land_deploy(scene.name, tag="repair")


def _run_again(scene: Scene) -> None:
    scene.start()
    scene.result()
    scene.start_again()


def _committed(scene: Scene) -> None:
    scene.rollback_ends_after(_FOR_EVER)
    scene.sandbox.fault("slow_body", "RollBack", seconds=_FOR_EVER)
    scene.start()
    scene.wait_for_fault()


def _polling(scene: Scene) -> None:
    scene.rollback_ends_after(_FOR_EVER)
    scene.start()
    scene.wait_for_polls()


def _deferred(scene: Scene) -> None:
    scene.rollback_ends_after(_FOR_EVER)
    scene.start()
    scene.wait_for_state("deferred")


STEPS: tuple[Step, ...] = (
    Step(
        "read",
        TASK,
        "while it reads the Deployment",
        _killed_at("latency", "SurveyContext", delay=_FOR_EVER),
        then=PLANNED,
    ),
    Step(
        "plan",
        TASK,
        "while it reads the history for the plan",
        _killed_at("latency", "SurveyHistory", delay=_FOR_EVER),
        then=PLANNED,
    ),
    Step(
        "last-read",
        TASK,
        "at the last read before the request",
        _killed_at("latency", "Deploys", delay=_FOR_EVER),
        then=PLANNED,
    ),
    Step(
        "sent",
        TASK,
        "the request is sent, and the platform never handles it",
        _killed_at("drop_before", "RollBack", delay=_FOR_EVER),
        then=SENT_AGAIN,
    ),
    Step(
        "sent-twice",
        TASK,
        "the same, and the next try is killed there too",
        _killed_twice,
        then=SENT_AGAIN,
        tries=3,
    ),
    Step(
        "sent-late",
        TASK,
        "the request is sent, and the platform handles it when the process is gone",
        _killed_late_commit,
    ),
    Step(
        "stale",
        TASK,
        "the request is sent and never handled; then another deploy lands",
        _stale,
        then=REFUSED,
        targets=(),
        state="failed",
    ),
    Step(
        "committed",
        TASK,
        "the rollback is committed, and the answer on its way",
        _killed_at("slow_body", "RollBack", seconds=_FOR_EVER),
    ),
    Step("answered", TASK, "the answer has come; before the first poll", _killed_after_the_answer),
    Step("polling", TASK, "while it polls", _killed_while_polling),
    Step(
        "defers",
        TASK,
        "the answer has come; before it defers",
        _killed_after_the_answer,
        deferrable=True,
    ),
    Step("resume", TASK, "when it takes over from the triggerer", _killed_at_resume, deferrable=True),
    Step("end", TASK, "the rollback is done; before Airflow knows", _killed_at_the_end),
    Step("cleared", NOBODY, "cleared after it succeeded", _cleared_after_success),
    Step("cleared-deferred", NOBODY, "cleared while deferred", _cleared_while_deferred, deferrable=True),
    Step(
        "failed-polling",
        NOBODY,
        "marked failed by a user while it polls",
        _marked_failed,
        then=LEFT_ALONE,
        state="failed",
        tries=1,
    ),
    Step(
        "failed-deferred",
        NOBODY,
        "marked failed by a user while deferred",
        _marked_failed,
        then=LEFT_ALONE,
        deferrable=True,
        state="failed",
        tries=1,
    ),
    Step(
        "failed-cleared",
        NOBODY,
        "marked failed by a user while deferred, then cleared",
        _marked_failed_and_cleared,
        deferrable=True,
    ),
    Step(
        "again",
        NOBODY,
        "another run of the Dag",
        _run_again,
        then=OF_ITS_OWN,
        targets=(2,),
        others=1,
        tries=1,
    ),
)
"""Steps that are played side by side."""

LOSSES: tuple[tuple[tuple[str, ...], tuple[Step, ...]], ...] = (
    (
        ("triggerer",),
        (Step("triggerer", TRIGGERER, "while deferred", _deferred, SAME_TRY, deferrable=True, tries=1),),
    ),
    (
        ("scheduler", "triggerer"),
        (
            Step(
                "lost-committed", MACHINE, "the rollback is committed, and the answer on its way", _committed
            ),
            Step("lost-polling", MACHINE, "while it polls", _polling),
            Step("lost-deferred", MACHINE, "while deferred", _deferred, SAME_TRY, deferrable=True, tries=1),
        ),
    ),
)
"""Components that are lost together, and the steps at which that happens. The rollback ends meanwhile."""

ALL_STEPS = (*STEPS, *(step for _, steps in LOSSES for step in steps))
