# SPDX-License-Identifier: Apache-2.0
"""Rolls back and watches for some minutes while processes are killed, and checks the results.

::

    CHAOS_MINUTES=5 CHAOS_SEED=1 WRITE_DOCS=1 python -m tests.airflow.postgres.chaos
"""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

import psutil

from demo import task_log
from demo.airflow_home import AirflowFailed
from demo.signals import Stopped, signals_as_exceptions
from tests.airflow.crash.scene import HISTORY, Lane
from tests.airflow.crash.table import DOCUMENT
from tests.airflow.crash.user import TASK
from tests.airflow.crash.waiting import until
from tests.airflow.postgres.stage import Stage, open_stage

LANES = 4
WATCHED = 3
MAPPED = 3
SECONDS_TO_SETTLE = 300.0
_BEGIN, _END = "<!-- chaos: begin -->\n", "<!-- chaos: end -->"
_FINISHED = ("success", "failed")

REPAIRED = "the request is lost, and a repair lands"
FAULTS: dict[str, dict[str, Any] | None] = {
    "none": None,
    "the answer is lost": {"kind": "drop_after", "operation": "RollBack"},
    "the answer is cut": {"kind": "body", "operation": "RollBack"},
    "the rollback is written late": {"kind": "latency", "operation": "RollBack", "delay": 10},
    "the request is lost": {"kind": "drop_before", "operation": "RollBack", "delay": 3},
    "502 though it was done": {
        "kind": "status",
        "operation": "RollBack",
        "status": 502,
        "after_commit": True,
    },
    "503 three times": {"kind": "status", "status": 503, "count": 3},
    "slow answers": {"kind": "latency", "delay": 1.5, "count": 10},
    REPAIRED: {"kind": "drop_before", "operation": "RollBack", "delay": 6},
}
"""What goes wrong on the platform in a run: at most one of these."""


@dataclass
class Tally:
    """The counts of a run."""

    kinds: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    tries: int = 0
    rollbacks: Counter[int] = field(default_factory=Counter)
    wrong_targets: list[str] = field(default_factory=list)
    false_successes: list[str] = field(default_factory=list)
    never_ended: list[str] = field(default_factory=list)


class Chaos:
    """The processes and runs of one chaos test.

    :param stage: where.
    :param seed: what decides; times are the machine's own, so that no two runs are alike all the same.
    """

    def __init__(self, stage: Stage, seed: str) -> None:
        self.stage = stage
        self.tally = Tally()
        self.over = threading.Event()
        self._seed = seed
        self._lock = threading.Lock()

    def go_on(self, seconds: float) -> None:
        """Do everything at once for so long, then let the runs end."""
        lanes = self.stage.lanes
        with ThreadPoolExecutor(len(lanes) + 2) as pool:
            jobs = [pool.submit(self._roll_back, lane, number) for number, lane in enumerate(lanes)]
            jobs += [pool.submit(self._kill), pool.submit(self._deploy)]
            try:
                deadline = time.monotonic() + seconds
                while time.monotonic() < deadline and not any(job.done() for job in jobs):
                    time.sleep(1.0)
            finally:
                self.over.set()
            for job in jobs:
                job.result()

    def _chance(self, who: str) -> random.Random:
        return random.Random(f"{self._seed} {who}")

    # -- rollbacks -------------------------------------------------------------------------------------

    def _roll_back(self, lane: Lane, number: int) -> None:
        chance = self._chance(f"lane {number}")
        for count in itertools.count():
            if self.over.is_set():
                return
            self._run(lane, f"chaos-{number}-{count}", chance)

    def _run(self, lane: Lane, name: str, chance: random.Random) -> None:
        """Run a Dag to its end with one kind of fault, and check it."""
        mapped, deferred = chance.random() < 0.4, chance.random() < 0.5
        dag_id = f"chaos_{'mapped' if mapped else 'single'}_{'deferred' if deferred else 'polling'}"
        keys = [f"{name}-{index}" for index in range(MAPPED if mapped else 1)]
        deployments = [lane.sandbox.add_deployment(key, deploys=HISTORY) for key in keys]
        trouble = chance.choice([fault for fault in FAULTS if not mapped or fault != REPAIRED])
        lane.sandbox.clear_faults()
        lane.sandbox.clear_requests()
        fault = FAULTS[trouble]
        if fault is not None:
            lane.sandbox.fault(**fault)
        self._start(dag_id, name, lane.connection, [deployment["id"] for deployment in deployments])

        def has_ended() -> bool:
            return self.stage.airflow.metadata.run_state(dag_id, name) in _FINISHED

        def was_injected() -> bool:
            return any(request["fault"] for request in lane.sandbox.requests())

        ended = True
        try:
            if trouble == REPAIRED:
                until(lambda: was_injected() or has_ended(), "the request", seconds=SECONDS_TO_SETTLE)
                lane.sandbox.land_deploy(keys[0], tag="repair")
            until(has_ended, "the end", seconds=SECONDS_TO_SETTLE)
        except AssertionError:
            ended = False
        with self._lock:
            self.tally.faults[trouble] += was_injected()
            self.tally.kinds[dag_id] += 1
            if not ended:
                self.tally.never_ended.append(name)
            for index, deployment in enumerate(deployments):
                self._check(lane, dag_id, name, index if mapped else -1, deployment, trouble)

    def _start(self, dag_id: str, run_id: str, connection: str, deployments: list[str]) -> None:
        conf = {"connection": connection, "deployments": deployments}

        def is_there() -> bool:
            if self.stage.airflow.metadata.run_state(dag_id, run_id) is None:
                with contextlib.suppress(AirflowFailed):  # its API server may be dead at the moment
                    self.stage.user.trigger(dag_id, run_id, conf)
            return self.stage.airflow.metadata.run_state(dag_id, run_id) is not None

        until(is_there, f"the start of {run_id}")

    def _check(
        self, lane: Lane, dag_id: str, run_id: str, index: int, before: dict[str, Any], trouble: str
    ) -> None:
        tally, name = self.tally, f"{run_id} ({dag_id}, {index}; {trouble})"
        rows = lane.sandbox.deployment(before["id"])["deploys"]
        rollbacks = [row for row in rows if row["rollbackFromId"] is not None]
        wanted = before["deploys"][1]["id"]
        tasks = self.stage.airflow.metadata.tasks(dag_id, run_id)
        found = [task for task in tasks if task.task_id == TASK and task.map_index == index]
        state = str(found[0].state) if found else "not reached"
        tally.ends[state] += 1
        tally.tries += found[0].try_number if found else 0
        tally.rollbacks[len(rollbacks)] += 1
        if len(rollbacks) > 1:
            sys.stdout.write(f"{len(rollbacks)} rollbacks: {name}\n")
        if trouble == REPAIRED and rollbacks and rows.index(rollbacks[0]) < _place(rows, "repair"):
            tally.wrong_targets.append(f"{name}: of the repair")
        if any(row["rollbackFromId"] != wanted for row in rollbacks):
            tally.wrong_targets.append(name)
        if state == "success" and not any(row["status"] == "DEPLOYED" for row in rollbacks):
            tally.false_successes.append(name)
        if state != "success":
            tally.reasons[self._reason(dag_id, run_id, index)] += 1

    def _reason(self, dag_id: str, run_id: str, index: int) -> str:
        folder = TASK if index < 0 else f"{TASK}/map_index={index}"
        lines = task_log.read(self.stage.airflow.home / "logs", dag_id, run_id, folder)
        named = re.findall(r"^([A-Z]\w+): ", "\n".join(line.message for line in lines), re.MULTILINE)
        return named[-1] if named else "nothing said"

    # -- kills -----------------------------------------------------------------------------------------

    def _kill(self) -> None:
        chance = self._chance("kills")
        kinds: dict[str, tuple[int, Callable[[random.Random], bool]]] = {
            "task process": (5, self._kill_task),
            "task supervisor": (2, self._kill_supervisor),
            "scheduler": (1, lambda _: self._kill_component(chance, "scheduler.1", "scheduler.2")),
            "triggerer": (1, lambda _: self._kill_component(chance, "triggerer.1", "triggerer.2")),
            "API server": (1, lambda _: self._kill_component(chance, "api-server")),
            "database away": (2, self._take_database_away),
        }
        weights = [weight for weight, _ in kinds.values()]
        while not self.over.wait(chance.uniform(3.0, 10.0)):
            kind = chance.choices(list(kinds), weights)[0]
            self.tally.kills[kind] += kinds[kind][1](chance)

    def _kill_task(self, chance: random.Random) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            chance.choice(self.stage.airflow.task_processes()).kill()
            return True
        return False

    def _kill_supervisor(self, chance: random.Random) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            supervisor = chance.choice(self.stage.airflow.task_processes()).parent()
            if supervisor is not None and "LocalExecutor" in " ".join(supervisor.cmdline()):
                supervisor.kill()
                return True
        return False

    def _kill_component(self, chance: random.Random, *names: str) -> bool:
        name = chance.choice(names)
        self.stage.airflow.kill_component(name)
        time.sleep(chance.uniform(0.0, 2.0))
        self.stage.airflow.start_component(name)
        return True

    def _take_database_away(self, chance: random.Random) -> bool:
        with self.stage.cluster.away():
            time.sleep(chance.uniform(1.0, 5.0))
        return True

    # -- deploys ---------------------------------------------------------------------------------------

    def _deploy(self) -> None:
        chance = self._chance("deploys")
        while not self.over.wait(chance.uniform(1.0, 5.0)):
            self.stage.watched.land(chance.choice(list(self.stage.watched.deployments)))


def _place(rows: list[dict[str, Any]], tag: str) -> int:
    return next((place for place, row in enumerate(rows) if tag in str(row)), -1)


# -- the report ----------------------------------------------------------------------------------------


def report(chaos: Chaos, counts: list[int], seconds: float) -> tuple[str, bool]:
    """Return the table, and whether all results are correct."""
    tally, rows = chaos.tally, chaos.stage.airflow.metadata._rows
    lost, twice = counts.count(0), sum(times > 1 for times in counts)
    most = max(tally.rollbacks, default=0)
    must = {
        "Most rollbacks of one task": (most, most == 1),
        "Rollbacks to a wrong deploy": (len(tally.wrong_targets), not tally.wrong_targets),
        "Successes without a rollback": (len(tally.false_successes), not tally.false_successes),
        "Runs that did not end": (len(tally.never_ended), not tally.never_ended),
        "Deploys that no watcher reported": (lost, not lost and bool(counts)),
    }
    kept = "SELECT COUNT(*) FROM variable WHERE substr(key, 1, 9) = 'rollback_'"
    result = {
        "Runs of a Dag": _listed(tally.kinds),
        "Tasks by their end": _listed(tally.ends),
        "Tries": tally.tries,
        "Rollbacks in the history, and of how many tasks": _listed(
            Counter({str(number): count for number, count in sorted(tally.rollbacks.items())})
        ),
        "Why tasks failed": _listed(tally.reasons) or "none did",
        "Killed or away": _listed(tally.kills),
        "Injected faults of the platform": _listed(tally.faults),
        "Deploys that landed and were watched": len(counts),
        "Deploys that were reported more than once": twice,
        "Variables `rollback_…` left": rows(kept)[0][0],
        "Rows of `task_state_store` left": rows("SELECT COUNT(*) FROM task_state_store")[0][0],
        "Rows of `asset_state_store` left": rows("SELECT COUNT(*) FROM asset_state_store")[0][0],
    }
    server = rows("SHOW server_version")[0][0].split()[0]
    lines = [
        f"{datetime.now(timezone.utc):%Y-%m-%d}: {seconds / 60:g} minutes on Airflow "
        f"{version('apache-airflow')}, Python {platform.python_version()} and PostgreSQL {server}.",
        "",
        "| What | Seen | Held |",
        "| --- | --- | --- |",
        *(f"| {what} | {number} | {'yes' if held else '**no**'} |" for what, (number, held) in must.items()),
        *(f"| {what} | {number} | |" for what, number in result.items()),
        "",
    ]
    return "\n".join(lines), all(held for _, held in must.values())


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{what}: {count}" for what, count in counts.items() if count)


def main() -> int:
    """Run it and return an exit code: 1 for a wrong result."""
    seconds = 60 * float(os.environ.get("CHAOS_MINUTES") or 5)
    seed = os.environ.get("CHAOS_SEED") or str(random.randrange(10**6))
    sys.stdout.write(f"CHAOS_SEED={seed}, {seconds / 60:g} minutes\n")
    with signals_as_exceptions(), open_stage(LANES, WATCHED, ["chaos.py"], {}) as stage:
        stage.watched.wait_until_watched()
        chaos = Chaos(stage, seed)
        chaos.go_on(seconds)
        counts = stage.watched.count_events(stage.watched.landed, seconds=120.0)
        text, held = report(chaos, counts, seconds)
    sys.stdout.write(f"\n{text}\n")
    for name in (*chaos.tally.wrong_targets, *chaos.tally.false_successes, *chaos.tally.never_ended):
        sys.stdout.write(f"did not hold: {name}\n")
    if held and os.environ.get("WRITE_DOCS"):
        before, rest = DOCUMENT.read_text(encoding="utf-8").split(_BEGIN)
        after = rest.split(_END)[1]
        DOCUMENT.write_text(before + _BEGIN + text + _END + after, encoding="utf-8")
    return 0 if held else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Stopped as stopped:
        sys.exit(stopped.exit_code)
