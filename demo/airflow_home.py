# SPDX-License-Identifier: Apache-2.0
"""A whole Airflow of real processes in a temporary directory, for the demo and for tests.

::

    with ThrowAwayAirflow(dags=[Path("example.py")], environment={"AIRFLOW_CONN_X": "…"}) as airflow:
        run_id = airflow.trigger_dag("example", {"param": 1})
        assert airflow.wait_for_run("example", run_id) == "success"
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo import processes, task_log
from demo.airflow_settings import airflow_major, free_port, throw_away_environment
from demo.metadata import Metadata, TaskState
from demo.rest_api import RestApi, RestApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    import psutil

_SECONDS_BETWEEN_POLLS = 0.2
_SECONDS_FOR_A_COMMAND = 120.0
_SECONDS_TO_STOP = 10.0
_FINISHED = ("success", "failed")


class AirflowFailed(Exception):
    """The throw-away Airflow failed; the message contains its output."""


class ThrowAwayAirflow:
    """An Airflow with a scheduler and a triggerer (Airflow 3: a Dag processor and an API server too).

    :param dags: Dag files; they are copied.
    :param environment: more environment variables for all its processes, e.g. ``AIRFLOW_CONN_…``.
        ``AIRFLOW__DATABASE__SQL_ALCHEMY_CONN`` puts it on another database than SQLite.
    :param keep: keep the directory after the end, for inspection.
    :param copies: the number of schedulers and of triggerers; with more than one they are named
        ``scheduler.1``, ``scheduler.2`` …
    :param outage_timeout: how long its database may be unavailable for reads from outside, in seconds. With
        it, components that end by themselves, as they do without their database, are started again.
    """

    def __init__(
        self,
        dags: Iterable[Path],
        environment: Mapping[str, str] | None = None,
        *,
        keep: bool = False,
        copies: int = 1,
        outage_timeout: float = 0.0,
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="airflow-rollback-")).resolve()
        self._api = RestApi(free_port())
        self.environment = throw_away_environment(self.home, self._api.port, environment or {})
        self.metadata = Metadata(self.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"], outage_timeout)
        self._dags = tuple(dags)
        self._keep = keep
        self._copies = copies
        self._restarts = outage_timeout > 0
        self._components: dict[str, processes.Component] = {}
        self._left: list[processes.Component] = []
        self._lock = threading.RLock()

    def __enter__(self) -> ThrowAwayAirflow:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    # -- life ------------------------------------------------------------------------------------------

    def start(self, seconds: float = 180.0) -> None:
        """Create the database, start every component and wait until all of them work.

        :param seconds: the timeout.
        :raises AirflowFailed: if a component ends or is not ready in time. All components are stopped then.
        """
        try:
            self.prepare()
            for name in self.component_names:
                self.start_component(name)
            self._wait(self._is_healthy, "Airflow to start", seconds)
        except BaseException:
            self.stop()
            raise

    def prepare(self) -> None:
        """Create the home directory and the database, without starting anything."""
        (self.home / "dags").mkdir()
        for dag in self._dags:
            shutil.copy(dag, self.home / "dags")
        self.command("db", "migrate")
        self.metadata.allow_readers_beside_writers()

    def stop(self) -> None:
        """End all processes and remove the directory. It may have been stopped already."""
        with self._lock:
            components, self._components = [*self._components.values(), *self._left], {}
        try:
            processes.stop_all(components, _SECONDS_TO_STOP)
        finally:
            if not self._keep:
                shutil.rmtree(self.home, ignore_errors=True)

    # -- components ------------------------------------------------------------------------------------

    @property
    def component_names(self) -> tuple[str, ...]:
        """The components of this Airflow."""
        return tuple(self._component_arguments())

    def start_component(self, name: str) -> None:
        """Start a component, without waiting until it works; a killed one may be started again."""
        command = self._airflow(name.partition(".")[0], *self._component_arguments()[name])
        log = self.home / f"{name}.log"
        with self._lock:
            self._components[name] = processes.Component(name, command, self.environment, log)

    def kill_component(self, name: str) -> None:
        """Kill a component and all its child processes at once, as in a machine failure."""
        with self._lock:
            component = self._components.pop(name)
        component.kill()

    def start_again(self) -> list[str]:
        """Restart the components that ended by themselves, as a service manager does; return their names."""
        with self._lock:
            ended = [name for name, component in self._components.items() if not component.runs()]
            for name in ended:
                self._left.append(self._components[name])  # its child processes may still run
                self.start_component(name)
        return ended

    def task_processes(self) -> list[psutil.Process]:
        """Return the processes that run a task's code now."""
        with self._lock:
            components = [*self._components.values(), *self._left]
        members = (process for component in components for process in component.members())
        return [process for process in members if task_log.runs_a_task(process)]

    def _component_arguments(self) -> dict[str, tuple[str, ...]]:
        numbers = [f".{number + 1}" for number in range(self._copies)] if self._copies > 1 else [""]
        common: dict[str, tuple[str, ...]] = {
            f"{name}{number}": ("--skip-serve-logs",)
            for name in ("scheduler", "triggerer")
            for number in numbers
        }
        if airflow_major() < 3:
            return common
        api_server = ("--host", "127.0.0.1", "--port", str(self._api.port))
        return {"api-server": api_server, "dag-processor": (), **common}

    # -- Dags ------------------------------------------------------------------------------------------

    def trigger_dag(
        self, dag_id: str, conf: Mapping[str, Any] | None = None, run_id: str | None = None
    ) -> str:
        """Wait until the Dag was parsed, start a run of it and return the run's id.

        :raises AirflowFailed: if the Dag cannot be imported or does not appear within 60 seconds.
        """
        self._wait(lambda: self._knows_dag(dag_id), f"the Dag {dag_id} to be parsed", 60.0)
        run_id = run_id or f"throw_away_{uuid.uuid4().hex[:8]}"
        if airflow_major() < 3:
            self.command("dags", "trigger", "--run-id", run_id, "--conf", json.dumps(conf or {}), dag_id)
        else:  # the same, ten times as fast
            body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf or {})}
            self.api("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)
        return run_id

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str,
        seconds: float = 120.0,
        watch: Callable[[], None] = lambda: None,
    ) -> str:
        """Wait until a run has ended and return ``success`` or ``failed``.

        :param watch: called again and again meanwhile, and once after the end.
        :raises AirflowFailed: if it has not ended within ``seconds``, or a component ended.
        """

        def has_ended() -> bool:
            ended = self.metadata.run_state(dag_id, run_id) in _FINISHED
            watch()
            return ended

        self._wait(has_ended, f"the run {run_id} of {dag_id} to end", seconds)
        return str(self.metadata.run_state(dag_id, run_id))

    def wait_for_task(
        self, dag_id: str, run_id: str, task_id: str, states: Iterable[str], seconds: float = 60.0
    ) -> TaskState:
        """Wait until a task is in one of the states, e.g. ``{"deferred"}``, and return it."""
        wanted = set(states)

        def found() -> list[TaskState]:
            tasks = self.metadata.tasks(dag_id, run_id)
            return [task for task in tasks if task.task_id == task_id and task.state in wanted]

        self._wait(found, f"{task_id} to be {' or '.join(sorted(wanted))}", seconds)
        return found()[0]

    def task_log(self, dag_id: str, run_id: str, task_id: str) -> list[task_log.LogLine]:
        """Return the log of all tries of a task, with the triggerer's part, in time order."""
        return task_log.read(self.home / "logs", dag_id, run_id, task_id)

    def story(self, dag_id: str, run_id: str) -> str:
        """Return the state and the log of each task of a run."""
        return "\n".join(
            f"{task.task_id}: {task.state}, try {task.try_number}\n"
            + "\n".join(f"  {line.message}" for line in self.task_log(dag_id, run_id, task.task_id))
            for task in self.metadata.tasks(dag_id, run_id)
        )

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return an XCom value of a task, ``None`` if there is none."""
        return self.metadata.xcom(dag_id, run_id, task_id, key)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call Airflow's REST API (Airflow 3 only), as an administrator.

        :raises AirflowFailed: if it refuses or does not answer.
        """
        try:
            return self._api.send(method, path, body)
        except RestApiError as error:
            raise AirflowFailed(str(error)) from None

    def command(self, *arguments: str) -> str:
        """Run one command of Airflow's own command line here and return what it printed.

        :raises AirflowFailed: if it fails.
        """
        log = self.home / "commands.log"
        try:
            return processes.run_to_end(
                self._airflow(*arguments), self.environment, log, _SECONDS_FOR_A_COMMAND
            )
        except processes.ProcessError as error:
            raise AirflowFailed(str(error)) from None

    # -- waiting ---------------------------------------------------------------------------------------

    def _airflow(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "airflow", *arguments]

    def _wait(self, done: Callable[[], object], what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            self._check_components()
            if time.monotonic() > deadline:
                raise AirflowFailed(f"Waited {seconds:g} s for {what}, in vain.\n{self._last_words()}")
            time.sleep(_SECONDS_BETWEEN_POLLS)

    def _check_components(self) -> None:
        if self._restarts:
            self.start_again()
            return
        try:
            for component in self._components.values():
                component.check()
        except processes.ProcessError as error:
            raise AirflowFailed(str(error)) from None

    def _last_words(self) -> str:
        return "\n".join(
            f"--- {name}:\n{processes.last_lines(component.log, 10)}"
            for name, component in self._components.items()
        )

    def _is_healthy(self) -> bool:
        jobs = self.metadata.running_jobs()
        if airflow_major() < 3:
            return jobs >= {"SchedulerJob", "TriggererJob"}
        return jobs >= {"SchedulerJob", "TriggererJob", "DagProcessorJob"} and self._api.answers()

    def _knows_dag(self, dag_id: str) -> bool:
        if self.metadata.has_dag(dag_id):
            return True
        if errors := self.metadata.import_errors():
            raise AirflowFailed(f"Airflow could not import a Dag file.\n{errors}")
        return False
