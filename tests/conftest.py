# SPDX-License-Identifier: Apache-2.0
"""The base of every test: an Airflow home of its own, and the embedded platform's fixtures."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import shutil
import tempfile
import warnings
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.support import everywhere, schedule
from tests.support.leaks import Evidence

# Airflow reads its home when it is imported, which the first test module may do: later is too late.
AIRFLOW_HOME = tempfile.mkdtemp(prefix="airflow-rollback-tests-")


@atexit.register
def remove_home(owner: int = os.getpid()) -> None:
    """Remove the home directory when the process that made it ends, not one that was forked from it."""
    if os.getpid() == owner:
        shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)


for name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
    del os.environ[name]
os.environ.update(
    AIRFLOW_HOME=AIRFLOW_HOME,
    AIRFLOW__CORE__DAGS_FOLDER=os.path.join(AIRFLOW_HOME, "dags"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{AIRFLOW_HOME}/airflow.db",
    AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS="False",
    AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY="True",  # 2.11 warns about its own default
    # The embedded platform is on loopback; a developer's proxy has no part in it.
    NO_PROXY="127.0.0.1,localhost",
    no_proxy="127.0.0.1,localhost",
)

_FIXTURES = "airflow_rollback_provider.sandbox.fixtures"
pytest_plugins = [_FIXTURES, "tests.support.fixtures"] if importlib.util.find_spec(_FIXTURES) else []

# A slow machine is no failure. CI repeats the same examples; a developer's run looks for new ones.
settings.register_profile("developer", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Airflow's metadata database, made once for the tests that use it (some ten seconds)."""
    with warnings.catch_warnings():  # what Airflow's migrations and Flask use is not under test
        warnings.simplefilter("ignore")
        from airflow.utils.db import initdb

        initdb()


@pytest.fixture(autouse=True)
def no_token_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test makes has no token of the embedded platform in it."""
    if not everywhere.is_watched(request.node):
        yield
        return
    evidence = Evidence()
    with everywhere.watching(evidence):
        yield
    found = evidence.find()
    assert not found, "\n".join(found)


@pytest.fixture(autouse=True)
def nothing_is_known() -> None:
    """The embedded platform of each test is another installation, though its address stays."""
    from airflow_rollback_provider.platforms.private_cloud.installation import forget

    forget()


@pytest.fixture(scope="session", autouse=True)
def one_tls_context() -> Iterator[None]:
    """Read each file of certificate authorities once, instead of 50 ms long for each client of httpx."""
    from airflow_rollback_provider.http import client_pool

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client_pool, "tls_context", functools.cache(client_pool.tls_context))
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests together that share a whole Airflow."""
    return schedule.OneAirflowAtATime(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow tests, set their timeout, and refuse an Airflow that the schedule does not have."""
    for item in items:
        if schedule.is_slow(item):
            item.add_marker("slow")
        elif "ThrowAwayAirflow" in vars(getattr(item, "module", item)):
            raise pytest.UsageError(f"{item.nodeid} belongs into one of {', '.join(schedule.FOLDERS)}")
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600))


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> None:
    """Refuse a fixture that would keep an Airflow or a browser running after its folder's tests."""
    if schedule.outlives_its_folder(fixturedef.scope, fixturedef.baseid):
        raise pytest.UsageError(f"{fixturedef.argname} of {fixturedef.baseid} must have the scope 'package'")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that printed a token."""
    report = yield
    if everywhere.is_watched(item) and (found := everywhere.printed(report)):
        report.outcome, report.longrepr = "failed", "A token was printed:\n" + "\n".join(found)
    return report
