# SPDX-License-Identifier: Apache-2.0
"""Tests of a connection to an Airflow."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_rollback_provider.airflow_api.settings import read_connection
from airflow_rollback_provider.domain.errors import InvalidConnection
from tests.airflow_api.talking import connection


@pytest.mark.parametrize(
    "host",
    [
        "https://airflow.example.com/orbit",
        "https://airflow.example.com/orbit/",
        "https://airflow.example.com/orbit/home",
        "https://airflow.example.com/orbit/api/v1/",
        "https://airflow.example.com/orbit/api/v2",
        "airflow.example.com/orbit",
    ],
)
def test_addresses(host: str) -> None:
    """An address that was copied from the browser may have a path at its end."""
    assert read_connection(connection(host=host)).settings.base == "https://airflow.example.com/orbit"


def test_a_connection_of_another_type() -> None:
    """Airflow's own HTTP connections can be used: host, schema and port are separate."""
    conn = connection(conn_type="http", host="127.0.0.1", schema="http", port=8080)
    assert read_connection(conn).settings.base == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("fields", "header"),
    [
        ({"login": None, "password": "tok"}, "Bearer tok"),
        ({"login": "", "password": "tok", "extra": {"auth_scheme": "Bearer"}}, "Bearer tok"),
        ({"login": None, "password": "tok", "extra": '{"auth_scheme": "none"}'}, "tok"),
    ],
)
def test_a_token(fields: dict[str, Any], header: str) -> None:
    """A password without a login is a token, with or without a prefix in the header."""
    assert read_connection(connection(**fields)).settings.token_header == header


def test_login_and_password() -> None:
    """A password may contain characters that a token may not."""
    settings = read_connection(connection(login="j", password="two words é")).settings
    assert settings.basic_header == "Basic ajp0d28gd29yZHMgw6k="


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"host": None}, "host"),
        ({"host": "http://elsewhere.example.com"}, "host"),
        ({"password": None}, "password"),
        ({"login": None, "password": None}, "password"),
        ({"login": None, "password": "Basic tok"}, "password"),
        ({"extra": {"api_version": "v3"}}, "api_version"),
        ({"extra": {"auth_scheme": "digest"}}, "auth_scheme"),
        ({"extra": {"read_timeout": -1}}, "read_timeout"),
    ],
)
def test_invalid_fields(fields: dict[str, Any], field: str) -> None:
    """The error names the connection and the field, and no secret."""
    with pytest.raises(InvalidConnection, match=f"'checked'.*{field}") as caught:
        read_connection(connection(**fields))
    assert "s3cr3t" not in str(caught.value)


def test_secrets_of_a_connection() -> None:
    """They are the password, its encoded form and a proxy's URL; the representation shows none of them."""
    read = read_connection(connection(extra={"proxies": "http://u:p@127.0.0.1:1"}))
    assert set(read.secrets) == {"s3cr3t", "Y2hlY2tlcjpzM2NyM3Q=", "http://u:p@127.0.0.1:1"}
    assert not any(secret in repr(read) for secret in read.secrets)
