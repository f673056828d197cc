# SPDX-License-Identifier: Apache-2.0
"""Tests of the hook for an Airflow's REST API."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

from airflow_rollback_provider.domain.errors import InvalidConnection
from airflow_rollback_provider.get_provider_info import get_provider_info
from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook
from tests.airflow_api.talking import of_fake
from tests.support.fake_airflow import PASSWORD, FakeAirflow, serving


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    """An Airflow on the default connection."""
    with serving(FakeAirflow()) as fake:
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", fake.connection())
        yield fake


def test_the_button_test(airflow: FakeAirflow) -> None:
    """Its message has the version and address, or the error."""
    assert AirflowApiHook().test_connection() == (
        True,
        f"Airflow 3.3.2 answers at {airflow.url} (REST API v2).",
    )
    works, words = AirflowApiHook(connection=of_fake(airflow, password="wrong")).test_connection()
    assert not works
    assert "log in" in words


async def test_both_transports_return_the_same(airflow: FakeAirflow) -> None:
    """Tasks and the triggerer get the same values."""
    hook = AirflowApiHook()
    async with AirflowApiHook() as other:
        assert await other.async_run(other.api.components()) == hook.run(hook.get_conn().components())
    hook.close()
    assert hook.run(hook.api.components())


async def test_an_invalid_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error does not contain the connection's password."""
    monkeypatch.setenv(
        "AIRFLOW_CONN_AIRFLOW_API_DEFAULT", f'{{"conn_type": "http", "password": "{PASSWORD}"}}'
    )
    with pytest.raises(InvalidConnection, match="host") as caught:
        _ = AirflowApiHook().api
    assert PASSWORD not in repr(caught.value)
    with pytest.raises(InvalidConnection, match="host"):
        async with AirflowApiHook():
            pass


def test_a_pickled_hook_has_no_secret(airflow: FakeAirflow) -> None:
    """The copy reads the connection again."""
    hook = AirflowApiHook()
    hook.run(hook.api.check())
    pickled = pickle.dumps(hook)
    assert PASSWORD.encode() not in pickled
    assert b"session-1" not in pickled
    copy = pickle.loads(pickled)
    assert copy.run(copy.api.components())
    assert PASSWORD not in repr(vars(hook))


def test_a_connection_that_is_read_again(
    airflow: FakeAirflow,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It replaces the old one; an unreadable one, or one that did not come from Airflow, does not."""
    hook, given = AirflowApiHook(), AirflowApiHook(connection=of_fake(airflow))
    before = hook.api, given.api
    for variable in (f'{{"conn_type": "http", "password": "{PASSWORD}"}}', "{", ""):
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", variable)
        hook.reconnect.run()
        given.reconnect.run()
        assert (hook.api, given.api) == before
    logged = caplog.text + capsys.readouterr().out  # Airflow 2 and 3 log differently
    assert PASSWORD not in logged
    assert "Could not read the connection airflow_api_default again" in logged
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", airflow.connection())
    hook.reconnect.run()
    assert hook.api is not before[0]


def test_metadata_and_hook_agree() -> None:
    """The provider's metadata has the same connection type as the hook."""
    metadata = get_provider_info()["connection-types"][-1]
    assert metadata["connection-type"] == AirflowApiHook.conn_type
    assert metadata["hook-name"] == AirflowApiHook.hook_name
    assert metadata["hook-class-name"] == f"{AirflowApiHook.__module__}.{AirflowApiHook.__name__}"
    behaviour = AirflowApiHook.get_ui_field_behaviour()
    fields = metadata["ui-field-behaviour"]
    assert {name.replace("-", "_"): value for name, value in fields.items()} == behaviour
