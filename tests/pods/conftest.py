# SPDX-License-Identifier: Apache-2.0
"""A real API server for these tests, and Airflow connections to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.kube import Kube, Namespace, kubernetes


@pytest.fixture(scope="session")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """One API server for all tests of the session."""
    with kubernetes(tmp_path_factory.mktemp("kube")) as kube:
        yield kube


@pytest.fixture
def namespace(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> Iterator[Namespace]:
    """A new namespace, and the connection ``kubernetes_default`` to its cluster."""
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", kube.connection())
    with kube.namespace() as namespace:
        yield namespace
