# SPDX-License-Identifier: Apache-2.0
"""Helpers that run flows of an Airflow's API, without pauses between tries."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, TypeVar

from airflow_rollback_provider.airflow_api.client import AirflowApi
from airflow_rollback_provider.airflow_api.settings import read_connection
from airflow_rollback_provider.http.messages import Flow
from airflow_rollback_provider.http.transports import RequestsTransport
from tests.support.fake_airflow import FakeAirflow

T = TypeVar("T")


def connection(**fields: Any) -> SimpleNamespace:
    """Return the attributes of an Airflow connection that the package reads; arguments replace defaults."""
    usual = {
        "conn_id": "checked",
        "conn_type": "airflow_api",
        "host": "https://airflow.example.com/orbit",
        "schema": None,
        "port": None,
        "login": "checker",
        "password": "s3cr3t",
        "extra": None,
    }
    return SimpleNamespace(**{**usual, **fields})


def of_fake(airflow: FakeAirflow, **fields: Any) -> SimpleNamespace:
    """Return the connection to a fake, with some fields replaced."""
    return connection(**{**json.loads(airflow.connection()), **fields})


class Talker:
    """Runs flows of one Airflow."""

    def __init__(self, conn: SimpleNamespace) -> None:
        read = read_connection(conn)
        self.api = AirflowApi(read.settings)
        self.pauses: list[float] = []
        self._transport = RequestsTransport(read.policy, sleep=self.pauses.append, rng=lambda: 1.0)

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        try:
            return self._transport.run(flow)
        finally:
            self._transport.close()
