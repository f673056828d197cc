# SPDX-License-Identifier: Apache-2.0
"""The demo always cleans up, and runs an example of the repository."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from demo.airflow_settings import throw_away_environment
from demo.signals import Stopped, signals_as_exceptions
from demo.story import DAG_ID, example_dag


def test_the_example_is_found() -> None:
    """The Dag that the demo runs is one of the examples."""
    assert f'dag_id="{DAG_ID}"' in example_dag().read_text(encoding="utf-8")


def _signal_twice(signum: signal.Signals) -> None:
    try:
        os.kill(os.getpid(), signum)
    finally:
        os.kill(os.getpid(), signum)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_becomes_an_exception_once(signum: signal.Signals) -> None:
    """The second signal does not interrupt the cleanup, and the handlers are restored."""
    before = signal.getsignal(signum)
    with pytest.raises(Stopped, match=signum.name) as stopped, signals_as_exceptions():
        _signal_twice(signum)
    assert stopped.value.exit_code == 128 + signum
    assert signal.getsignal(signum) is before


def test_the_environment_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has nothing of the user's Airflow, and the caller's values win."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_PRODUCTION", "http://production")
    environment = throw_away_environment(tmp_path, 1, {"AIRFLOW__CORE__PARALLELISM": "2"})
    assert environment["AIRFLOW_HOME"] == str(tmp_path)
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "2"
    assert "AIRFLOW_CONN_PRODUCTION" not in environment
