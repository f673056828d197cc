# SPDX-License-Identifier: Apache-2.0
"""One run of a crash Dag with its own Deployment: the actions on it, and its result."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import psutil

from airflow_rollback_provider.domain.idempotency import key_in, make_idempotency_key, without_target
from airflow_rollback_provider.sandbox.process import SandboxProcess
from demo.airflow_home import ThrowAwayAirflow
from demo.airflow_settings import airflow_major
from tests.airflow.crash.user import TASK, User
from tests.airflow.crash.waiting import SECONDS, until

_DAY = 86_400
HISTORY = [{"age": age * _DAY, "tag": tag} for age, tag in ((4, "oldest"), (3, "older"), (2, "bad"))]

FOUND = "finds the rollback and follows it"
PLANNED = "plans and sends it"
SENT_AGAIN = "waits, finds nothing, sends it to the deploy that was chosen"
REFUSED = "refuses (`StalePlan`)"
SAME_TRY = "the same try goes on"
OF_ITS_OWN = "plans and sends one of its own"
LEFT_ALONE = "none; the log says that the rollback may still be going on"
# The first that the log holds tells. The words of the table are said here alone.
_WHAT_TRIES_SAY = {
    "StalePlan": REFUSED,
    "the request did not go through": SENT_AGAIN,
    "submitted this rollback already": FOUND,
    "Killed while waiting. The rollback": LEFT_ALONE,
    "No longer tracking the rollback": LEFT_ALONE,
}


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    :param state: the run's state.
    :param tries: how often the task was tried.
    :param targets: ids of the targets of the rollbacks with the run's idempotency key.
    :param others: other rollbacks in the history.
    :param then: the action of the last try, as in the table.
    :param is_pending: whether Airflow still stores the pending submission.
    :param log: the task's log.
    """

    state: str
    tries: int
    targets: tuple[str, ...]
    others: int
    then: str
    is_pending: bool
    log: str


@dataclass(frozen=True)
class Lane:
    """A platform and the Airflow connection that leads to it."""

    sandbox: SandboxProcess
    connection: str


@contextlib.contextmanager
def open_lanes(count: int) -> Iterator[list[Lane]]:
    """Start platforms, so that as many runs can go on side by side, each with faults of its own."""
    sandboxes = [SandboxProcess("empty") for _ in range(count)]
    try:
        yield [Lane(sandbox.start(), f"crash_{number}") for number, sandbox in enumerate(sandboxes)]
    finally:
        with ThreadPoolExecutor(count) as pool:  # each waits some seconds for requests without a response
            list(pool.map(SandboxProcess.stop, sandboxes))


def connections_to(lanes: list[Lane]) -> dict[str, str]:
    """Return the environment variables of the connections that lead to the platforms."""
    return {f"AIRFLOW_CONN_{lane.connection.upper()}": lane.sandbox.connection_json() for lane in lanes}


class Scene:
    """One run of the crash Dag.

    :param airflow: where it runs.
    :param user: who starts it.
    :param lane: which platform it uses; nothing else does meanwhile.
    :param name: name of the run and key of its Deployment.
    :param deferrable: whether the task waits in the triggerer.
    """

    def __init__(
        self, airflow: ThrowAwayAirflow, user: User, lane: Lane, name: str, *, deferrable: bool
    ) -> None:
        self.airflow = airflow
        self.user = user
        self.lane = lane
        self.sandbox = lane.sandbox
        self.name = name
        self.run_id = name
        self.deferrable = deferrable
        self.dag_id = "crash_deferred" if deferrable else "crash_polling"
        self.deployment = self.sandbox.add_deployment(name, deploys=HISTORY)
        self.sandbox.clear_faults()
        self.sandbox.clear_requests()
        self.rollback_ends_after(1)

    # -- what is done ----------------------------------------------------------------------------------

    def rollback_ends_after(self, seconds: int) -> None:
        """Say how long rollbacks take here."""
        self.sandbox.settings(rollback_seconds=seconds)

    def start(self) -> None:
        """Start the run."""
        conf = {"connection": self.lane.connection, "deployment": self.deployment["id"]}
        self.user.trigger(self.dag_id, self.run_id, conf)

    def start_again(self) -> None:
        """Start another run of the Dag for the same Deployment; from now on that is the run."""
        self.run_id = f"{self.name}-again"
        self.start()

    def wait_for_state(self, state: str) -> None:
        """Wait until the task is in a state."""
        self.airflow.wait_for_task(self.dag_id, self.run_id, TASK, {state}, SECONDS)

    def wait_for_try(self, number: int) -> None:
        """Wait until the task is at a try or beyond."""
        tasks = self.airflow.metadata.tasks
        self._until(
            lambda: any(task.try_number >= number for task in tasks(self.dag_id, self.run_id)),
            f"try {number}",
        )

    def wait_for_log(self, words: str) -> None:
        """Wait until the task has logged a text."""
        self._until(lambda: words in self._log(), f"the words {words!r}")

    def wait_for_fault(self, times: int = 1) -> None:
        """Wait until faults were injected so often."""
        self._until(lambda: self.has_met_fault(times), f"fault {times} to be injected")

    def has_met_fault(self, times: int = 1) -> bool:
        """Return whether faults were injected so often."""
        return sum(entry["fault"] is not None for entry in self.sandbox.requests()) >= times

    def wait_for_rollbacks(self, count: int) -> None:
        """Wait until the history has so many rollbacks of this run."""
        self._until(lambda: len(self.rollbacks()) >= count, f"rollback {count}")

    def wait_for_polls(self) -> None:
        """Wait until the task has polled its rollback a few times."""
        self._until(lambda: self._polls() >= 3, "the task to poll")

    def kill_task(self) -> None:
        """Kill the process that runs the task's code, as the kernel does when memory runs out."""
        self._until(self._processes, "the task's process")
        victims = self._processes()
        for process in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._until(lambda: not any(_title(process) for process in victims), "the task's process to end")

    @contextlib.contextmanager
    def supervisor_stopped(self) -> Iterator[psutil.Process]:
        """Stop the process that watches over the task's as long as this lasts, and give the task's own.

        Airflow misses the heartbeats, gives the try up and starts the next one, while this one lives.
        """
        self._until(self._processes, "the task's process")
        (task,) = self._processes()
        supervisor = task.parent()
        assert supervisor is not None
        supervisor.suspend()
        try:
            yield task
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                supervisor.resume()

    def wait_for_end_of(self, process: psutil.Process) -> None:
        """Wait until a process is gone."""
        self._until(lambda: not _title(process), f"the end of process {process.pid}")

    @contextlib.contextmanager
    def gate(self, where: str) -> Iterator[None]:
        """Stop the task's process ``before`` or ``after`` the operator's code as long as this lasts."""
        file = self.airflow.home / "gates" / f"{self.run_id}.{where}"
        file.parent.mkdir(exist_ok=True)
        file.touch()
        try:
            yield
        finally:
            file.unlink()

    def wait_at_gate(self, where: str) -> None:
        """Wait until the task's process has stopped there."""
        reached = self.airflow.home / "gates" / f"{self.run_id}.{where}.reached"
        self._until(reached.exists, f"the task to stop {where} its code")

    def end_rollback(self) -> None:
        """Let the rollback succeed now."""
        (rollback,) = self.rollbacks()
        self.sandbox.change_deploy(self.name, rollback["id"], outcome="DEPLOYED", seconds=0)

    # -- results ----------------------------------------------------------------------------------------

    def rollbacks(self) -> list[dict[str, Any]]:
        """Return the entries of the history with the run's idempotency key."""
        return [row for row in self._deploys() if key_in(row["description"] or "") == self._idempotency_key]

    def result(self) -> RunResult:
        """Wait until the run has ended and return its result."""
        state = self.airflow.wait_for_run(self.dag_id, self.run_id, SECONDS)
        (task,) = self.airflow.metadata.tasks(self.dag_id, self.run_id)
        log, rows = self._log(), self.rollbacks()
        return RunResult(
            state=state,
            tries=task.try_number,
            targets=tuple(row["rollbackFromId"] for row in rows),
            others=sum(row["rollbackFromId"] is not None for row in self._deploys()) - len(rows),
            then=self._then(log, task.try_number),
            is_pending=self._has_pending(),
            log=log,
        )

    def _deploys(self) -> list[dict[str, Any]]:
        deploys: list[dict[str, Any]] = self.sandbox.deployment(self.name)["deploys"]
        return deploys

    @property
    def _idempotency_key(self) -> str:
        deployment_id = self.sandbox.deployment(self.name)["id"]
        return make_idempotency_key(self.dag_id, self.run_id, TASK, deployment_id, "image", target="previous")

    def _log(self) -> str:
        lines = self.airflow.task_log(self.dag_id, self.run_id, TASK)
        return "\n".join(line.message for line in lines)

    def _then(self, log: str, tries: int) -> str:
        said = next((words for phrase, words in _WHAT_TRIES_SAY.items() if phrase in log), None)
        if said is not None:
            return said
        if self.run_id != self.name:
            return OF_ITS_OWN
        return PLANNED if tries > 1 else SAME_TRY

    def _has_pending(self) -> bool:
        """Return whether anything of a submission is left, in Airflow's own store or in Variables."""
        tables = ["variable"] if version("apache-airflow") < "3.3" else ["variable", "task_state_store"]
        key = f"rollback_%_{without_target(self._idempotency_key)}"
        rows = self.airflow.metadata._rows
        return any(rows(f"SELECT 1 FROM {table} WHERE key LIKE ?", key) for table in tables)

    def _polls(self) -> int:
        names = [entry["operation"] for entry in self.sandbox.requests()]
        return names[names.index("RollBack") :].count("Deploys") if "RollBack" in names else 0

    def _processes(self) -> list[psutil.Process]:
        """Airflow 2 names the run in the title of a task's process, Airflow 3 the task instance."""
        name = self.run_id if airflow_major() < 3 else self._task_instance_id()
        return [process for process in self.airflow.task_processes() if name in _title(process).split()]

    def _task_instance_id(self) -> str:
        query = "SELECT id FROM task_instance WHERE dag_id = ? AND run_id = ?"
        found = self.airflow.metadata._rows(query, self.dag_id, self.run_id)
        return str(uuid.UUID(str(found[0][0]))) if found else "none yet"

    def _until(self, done: Callable[[], object], what: str) -> None:
        until(done, f"{what} in {self.name}", self._log)


def _title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
