# SPDX-License-Identifier: Apache-2.0
"""An Airflow on PostgreSQL with two schedulers and two triggerers, platforms, and watched Deployments."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from airflow_rollback_provider.sandbox.process import SandboxProcess
from demo.airflow_home import ThrowAwayAirflow
from demo.airflow_settings import airflow_major
from tests.airflow.crash.scene import Lane, connections_to, open_lanes
from tests.airflow.crash.user import User, user_of
from tests.airflow.crash.waiting import until
from tests.airflow.postgres.cluster import Cluster

DAGS = Path(__file__).parents[1] / "dags"
SECONDS_TO_START = 300.0
# Longer than any outage here and the start of a server after it.
OUTAGE_TIMEOUT = 60.0
# How long somebody may take to act on what was not to be read.
SECONDS_TO_ACT = 3.0
# Where the package may keep state.
TABLES = ("variable", "task_state_store", "asset_state_store")
TRIGGERERS = ("triggerer.1", "triggerer.2")
SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "6",
    # Airflow gives a task up after 15 s without a heartbeat instead of five minutes.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "15",  # the same in Airflow 2
    # A lost scheduler's tasks, and a lost triggerer's triggers, go to the other one as soon.
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}


@dataclass(frozen=True)
class Stage:
    """The parts that the tests share.

    :param airflow: the Airflow.
    :param cluster: its database.
    :param user: a user of its web interface.
    :param lanes: platforms for rollbacks.
    :param watched: the Deployments that are watched.
    """

    airflow: ThrowAwayAirflow
    cluster: Cluster
    user: User
    lanes: list[Lane]
    watched: Watched

    @contextlib.contextmanager
    def unreadable(self, times: int) -> Iterator[None]:
        """Take the tables away that may keep state, until a number of queries for them."""
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        tables = sorted({row[0] for row in self.airflow.metadata._rows(query)} & set(TABLES))
        self._alter(f"ALTER TABLE {table} RENAME TO {table}_away" for table in tables)
        wanted = self.cluster.misses(tables) + times
        try:
            yield
            until(lambda: self.cluster.misses(tables) >= wanted, f"{', '.join(tables)} to be read")
            time.sleep(SECONDS_TO_ACT)
        finally:
            self._alter(f"ALTER TABLE {table}_away RENAME TO {table}" for table in tables)

    def _alter(self, statements: Iterable[str]) -> None:
        with self.airflow.metadata.connected() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    @contextlib.contextmanager
    def without_triggerers(self) -> Iterator[None]:
        """Kill the triggerers, and start them at the end."""
        for name in TRIGGERERS:
            self.airflow.kill_component(name)
        yield
        for name in TRIGGERERS:
            self.airflow.start_component(name)


@contextlib.contextmanager
def open_stage(
    lanes: int, watched: int, dags: Sequence[str], environment: Mapping[str, str]
) -> Iterator[Stage]:
    """Start everything, and end it.

    :param lanes: how many platforms there are for rollbacks.
    :param watched: how many Deployments are watched; Airflow 2 has no watchers.
    :param dags: Dag files that roll back.
    :param environment: more environment variables for Airflow's processes.
    """
    with contextlib.ExitStack() as stack:
        *for_rollbacks, for_deploys = stack.enter_context(open_lanes(lanes + 1))
        result = Watched(for_deploys.sandbox, watched if airflow_major() >= 3 else 0)
        cluster = stack.enter_context(Cluster())
        variables = {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": cluster.url,
            "WATCHED": " ".join(result.deployments),
            "WATCHED_CONNECTION": for_deploys.connection,
        }
        connections = connections_to([*for_rollbacks, for_deploys])
        watchers = ["watchers.py"] if result.deployments else []
        airflow = ThrowAwayAirflow(
            [DAGS / name for name in (*dags, *watchers)],
            {**SETTINGS, **variables, **connections, **environment},
            copies=2,
            outage_timeout=OUTAGE_TIMEOUT,
        )
        result.airflow = airflow
        stack.callback(airflow.stop)
        airflow.start(SECONDS_TO_START)
        stack.enter_context(_restarting(airflow))
        until(lambda: {*dags, *watchers} <= _parsed(airflow), "the Dags to be parsed")
        user = user_of(airflow)
        stack.callback(user.leave)
        yield Stage(airflow, cluster, user, for_rollbacks, result)


@contextlib.contextmanager
def _restarting(airflow: ThrowAwayAirflow) -> Iterator[None]:
    """Start components again that end by themselves, as long as this lasts."""
    over = threading.Event()

    def restart() -> None:
        while not over.wait(1.0):
            airflow.start_again()

    thread = threading.Thread(target=restart, name="restarts components")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _parsed(airflow: ThrowAwayAirflow) -> set[str]:
    assert not airflow.metadata.import_errors(), airflow.metadata.import_errors()
    return {Path(row[0]).name for row in airflow.metadata._rows("SELECT fileloc FROM dag")}


@dataclass
class Watched:
    """The watched Deployments: their deploys, and Airflow's asset events.

    :param sandbox: the platform.
    :param count: how many there are.
    """

    sandbox: SandboxProcess
    count: int
    deployments: dict[str, str] = field(default_factory=dict)
    landed: list[str] = field(default_factory=list)
    airflow: ThrowAwayAirflow = field(init=False)

    def __post_init__(self) -> None:
        """Make the Deployments; the dictionary has each one's key by its id."""
        for number in range(self.count):
            key = f"watched-{number}"
            self.deployments[self.sandbox.add_deployment(key, deploys=[{"age": 86_400}])["id"]] = key

    def land(self, deployment: str) -> str:
        """Let a deploy land and return its id."""
        deploy: str = self.sandbox.land_deploy(self.deployments[deployment])["id"]
        self.landed.append(deploy)
        return deploy

    def land_everywhere(self) -> None:
        """Let a deploy land on each Deployment."""
        for deployment in self.deployments:
            self.land(deployment)

    def wait_until_watched(self) -> None:
        """Wait until each watcher reports a deploy that lands; earlier deploys do not count."""
        unreported = set(self.deployments)

        def all_reported() -> bool:
            for deployment in list(unreported):
                if self.count_events([self.land(deployment)], seconds=3.0)[0]:
                    unreported.remove(deployment)
            return not unreported

        until(all_reported, "the watchers to begin")
        self.landed.clear()

    def count_events(self, deploys: list[str], seconds: float = 0.0) -> list[int]:
        """Return the number of asset events of each deploy. Wait for those without one."""
        counts: list[int] = []

        def all_reported() -> bool:
            rows = self.airflow.metadata._rows("SELECT extra FROM asset_event")
            extras = [str(extra) for (extra,) in rows]
            counts[:] = [sum(deploy in extra for extra in extras) for deploy in deploys]
            return all(counts)

        with contextlib.suppress(AssertionError):
            until(all_reported, "the events", seconds=seconds)
        return counts
