# SPDX-License-Identifier: Apache-2.0
"""Tests of the settings from a connection to hosted Astro."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.errors import InvalidConnection
from airflow_rollback_provider.domain.versions import RuntimeVersion
from airflow_rollback_provider.http.connection_fields import Fields
from airflow_rollback_provider.platforms.astro.settings import AstroSettings, astro_settings
from airflow_rollback_provider.platforms.registry import connect
from tests.support.talking import connection

TOKEN = "tok-3cr3t-value"


def settings(extra: dict[str, Any] | None = None, **fields: Any) -> AstroSettings:
    """Return the settings of a connection."""
    values = {"conn_type": "astro", "host": None, "password": TOKEN, **fields}
    return astro_settings(Fields(connection(**values, extra={"organization_id": "org1", **(extra or {})})))


@pytest.mark.parametrize(
    ("fields", "endpoint", "app"),
    [
        ({}, "https://api.astronomer.io/v1", "https://cloud.astronomer.io"),
        ({"host": ""}, "https://api.astronomer.io/v1", "https://cloud.astronomer.io"),
        ({"host": "https://api.astronomer.io"}, "https://api.astronomer.io/v1", "https://cloud.astronomer.io"),
        ({"host": "https://api.astronomer.io/v1/"}, "https://api.astronomer.io/v1", "https://cloud.astronomer.io"),
        ({"host": "api.example.com"}, "https://api.example.com/v1", "https://cloud.example.com"),
        ({"host": "https://gate.example.com/astro/v1"}, "https://gate.example.com/astro/v1", None),
        ({"host": "127.0.0.1", "schema": "http", "port": 8}, "http://127.0.0.1:8/v1", "http://127.0.0.1:8"),
    ],
)  # fmt: skip
def test_the_address_is_known_or_given(fields: dict[str, Any], endpoint: str, app: str | None) -> None:
    """Without a host it is Astronomer's own; the UI's address is derived from it."""
    found = settings(**fields)
    assert (found.endpoint, found.app_url) == (endpoint, app)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"extra": {}}, "organization_id is empty"),
        ({"extra": {"organization_id": " "}}, "organization_id is empty"),
        ({"extra": {"organization_id": 5}}, "organization_id must be a text"),
        ({"extra": {"organization_id": "../x"}}, "organization_id is not an id"),
        ({"extra": {"organization_id": "My organization"}}, "organization_id is not an id"),
        ({"password": None}, "password is empty"),
        ({"password": f"Basic {TOKEN}"}, "the token alone"),
        ({"host": "http://api.example.com"}, "clear text"),
        (
            {"extra": {"organization_id": "o", "history_url": "https://x/{nothing}"}},
            "history_url may contain",
        ),
    ],
)
def test_an_invalid_field_is_named_without_the_token(fields: dict[str, Any], message: str) -> None:
    """Every message names the connection and the field, and never shows the token."""
    values = {"conn_type": "astro", "host": None, "password": TOKEN, "extra": {"organization_id": "o"}}
    with pytest.raises(InvalidConnection, match=message) as caught:
        connect(connection(**{**values, **fields}))
    assert "'apc'" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_the_rules_are_read() -> None:
    """Retention and restricted Runtimes are those of the other platform too."""
    found = settings({"retention_days": "30", "restricted_runtimes": "3.1-5, 12.3.0"})
    assert found.retention_days == 30
    assert found.restricted == {RuntimeVersion.parse("3.1-5"), RuntimeVersion.parse("12.3.0")}
    assert settings().retention_days == 90


@given(st.text(max_size=60))
def test_no_organization_leads_to_another_address(text: str) -> None:
    """Every text is an id or raises an InvalidConnection."""
    try:
        found = settings({"organization_id": text}).organization_id
    except InvalidConnection:
        return
    assert found == text.strip()
    assert found not in ("", ".", "..")
    assert quote(found, safe="") == found
