# SPDX-License-Identifier: Apache-2.0
"""Which tests are slow, and which may run side by side when several run at a time (``pytest -n``).

xdist's own groups do nothing under pytest 9.2, without a word.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

FOLDERS = ("tests/airflow/", "tests/ui/browser/")
"""Where the tests are that start whole Airflows."""

CLUSTER = "tests/pods/"
"""Where the tests on a Kubernetes API server are."""

WEB_SERVER = ("tests/ui/test_access.py", "tests/ui/test_plugin.py")
"""Where the tests before Airflow's web server are, which takes long to make."""

SLOW_FIXTURES = {"airflow_db", "kube", "process", "whole_site"}
"""What makes a test slow: Airflow's database, an API server, a process that loads Airflow, a web server."""


def is_slow(item: pytest.Item) -> bool:
    """Return whether a test starts a slow process."""
    return starts_an_airflow(item.nodeid) or not SLOW_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


def starts_an_airflow(nodeid: str) -> bool:
    """Return by its id whether a test may start a whole Airflow."""
    return nodeid.startswith(FOLDERS)


def outlives_its_folder(scope: str, folder: str) -> bool:
    """Return whether a fixture of such a folder would go on while other tests run on the same worker.

    A browser keeps an event loop running in the main thread, which no coroutine test survives, and an idle
    Airflow takes half a core. Scope ``package`` ends with the folder, which has to be a package.
    """
    return scope == "session" and starts_an_airflow(f"{folder}/")


class OneAirflowAtATime(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives the tests that share a whole Airflow, a cluster or a web server to one worker; others to any.

    A worker that is busy with one such Airflow starts no second one, since each keeps half a core busy.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = f"{file.rpartition('/')[0]}/"
        if starts_an_airflow(nodeid):
            return file if folder == FOLDERS[0] else folder
        if nodeid.startswith(WEB_SERVER):
            return "web server"
        return CLUSTER if nodeid.startswith(CLUSTER) else nodeid
