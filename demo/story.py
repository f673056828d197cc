# SPDX-License-Identifier: Apache-2.0
"""The demo itself: a bad release lands, and a Dag rolls it back."""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import subprocess
import sys
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.sandbox.client import SandboxError
from airflow_rollback_provider.sandbox.process import SandboxProcess
from demo.airflow_home import AirflowFailed, ThrowAwayAirflow
from demo.follower import TaskFollower
from demo.signals import Stopped, signals_as_exceptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DAG_ID = "example_manual_rollback"
TASK_ID = "roll_back"
CONNECTION = "AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT"
REASON = "Invoices are doubled since release-45"
_SECONDS_FOR_THE_RUN = 180.0
_ROLLBACK_SECONDS = 12.0
_ROWS_SHOWN = 5
_MOST_COLUMNS = 160


def run(deployment_key: str, target: str, *, verbose: bool, keep: bool) -> int:
    """Run the demo from the start to the last cleaned-up file.

    :param deployment_key: a Deployment of the embedded platform.
    :param target: the deploy to go back to.
    :param verbose: show everything in the task's log.
    :param keep: keep Airflow's home.
    :return: an exit code.
    """
    return run_to_exit_code(lambda: _run(deployment_key, target, verbose=verbose, keep=keep))


def run_to_exit_code(work: Callable[[], int]) -> int:
    """Return the exit code of ``work``, also when a signal or an error ends it, which is printed."""
    try:
        with signals_as_exceptions():
            return work()
    except Stopped as stopped:
        print(f"\nStopped by {stopped}; everything was ended and removed.", file=sys.stderr)
        return stopped.exit_code
    except (AirflowFailed, SandboxError, FileNotFoundError, subprocess.CalledProcessError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1


def _run(deployment_key: str, target: str, *, verbose: bool, keep: bool) -> int:
    dag_file = example_dag()
    with contextlib.ExitStack() as stack:
        sandbox = stack.enter_context(platform_with_slow_rollbacks())
        name, workspace = _land_bad_release(sandbox, deployment_key)
        # A release name identifies a Deployment if its workspace is known.
        connection = sandbox.connection_json(workspace_id=workspace)
        airflow = ThrowAwayAirflow([dag_file], {CONNECTION: connection}, keep=keep)
        stack.enter_context(step("Starting Airflow in a temporary directory", airflow))
        print("\nA bad release has landed. The history:\n")
        _show_history(airflow, name)
        succeeded = _roll_back(airflow, name, target, verbose=verbose)
        print("\nThe history now:\n")
        _show_history(airflow, name)
        _show_requests(sandbox)
    print(f"\nEverything was ended{f'; {airflow.home} was kept' if keep else ' and removed'}.")
    return 0 if succeeded else 1


@contextlib.contextmanager
def platform_with_slow_rollbacks() -> Iterator[SandboxProcess]:
    """Print the versions and start the embedded platform."""
    print(f"Airflow {version('apache-airflow')} on Python {platform.python_version()}, about a minute.\n")
    with step("Starting the embedded platform", SandboxProcess()) as sandbox:
        # Long enough to show the wait, and for a busy scheduler to record that the task is deferred.
        sandbox.settings(rollback_seconds=_ROLLBACK_SECONDS, cross_major_seconds=2 * _ROLLBACK_SECONDS)
        yield sandbox


@contextlib.contextmanager
def step(what: str, thing: Any) -> Iterator[Any]:
    """Enter a context manager and print how long that took."""
    print(f"{what} ... ", end="", flush=True)
    began = time.monotonic()
    with thing as entered:
        print(f"{time.monotonic() - began:.0f} s", flush=True)
        yield entered


def example_dag() -> Path:
    """Return the file of the example Dag."""
    return Path(__file__).resolve().parents[1] / "example_dags" / f"{DAG_ID}.py"


def _land_bad_release(sandbox: SandboxProcess, deployment_key: str) -> tuple[str, str]:
    """Let a release land on the Deployment; return its release name and its workspace's id."""
    deployment = sandbox.deployment(deployment_key, rows=1)
    latest = deployment["deploys"][0]
    sandbox.land_deploy(
        deployment_key,
        tag="release-45",
        runtime=latest["runtimeVersion"],
        description="Release 45: faster invoices",
    )
    return deployment["releaseName"], deployment["workspace"]["id"]


def _roll_back(airflow: ThrowAwayAirflow, deployment: str, target: str, *, verbose: bool) -> bool:
    """Run the example Dag, print its progress and its result, and return whether it succeeded."""
    params = {"deployment_id": deployment, "target": target, "description": REASON}
    print(f"\nTriggering the Dag {DAG_ID} with {json.dumps(params)}\n", flush=True)
    run_id = airflow.trigger_dag(DAG_ID, params)
    follower = TaskFollower(airflow, DAG_ID, run_id, TASK_ID, verbose=verbose)
    state = airflow.wait_for_run(DAG_ID, run_id, _SECONDS_FOR_THE_RUN, follower.print_news)
    result = airflow.xcom(DAG_ID, run_id, TASK_ID)
    print(f"\nThe Dag run ended: {state}. The task returned:\n{json.dumps(result, indent=2)}")
    return state == "success"


def _show_history(airflow: ThrowAwayAirflow, deployment: str) -> None:
    """Run the package's own command, as a user would."""
    arguments = ["history", deployment, "--limit", str(_ROWS_SHOWN)]
    print(f"$ airflow-rollback {' '.join(arguments)}", flush=True)
    columns = min(shutil.get_terminal_size((_MOST_COLUMNS, 0)).columns, _MOST_COLUMNS)
    subprocess.run(
        [sys.executable, "-m", "airflow_rollback_provider.cli", *arguments],
        env=airflow.environment | {"COLUMNS": str(columns)},
        check=True,
        stdin=subprocess.DEVNULL,
    )


def _show_requests(sandbox: SandboxProcess) -> None:
    counts = Counter(str(request["operation"]) for request in sandbox.requests())
    text = ", ".join(f"{operation} {count}" for operation, count in counts.items())
    print(f"\nRequests that the platform received, for the histories above too: {text}.")
