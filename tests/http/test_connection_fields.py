# SPDX-License-Identifier: Apache-2.0
"""Tests of the fields of an Airflow connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.deploys import Deployment
from airflow_rollback_provider.domain.errors import InvalidConnection
from airflow_rollback_provider.http.connection_fields import Fields
from airflow_rollback_provider.http.retry_policy import Policy
from airflow_rollback_provider.platforms.private_cloud.settings import private_cloud_settings
from airflow_rollback_provider.platforms.registry import connect
from tests.support.talking import connection

TOKEN = "tok-3cr3t-value"


@pytest.mark.parametrize(
    ("fields", "endpoint"),
    [
        ({"host": "https://houston.example.com"}, "https://houston.example.com/v1"),
        ({"host": "https://houston.example.com/v1/"}, "https://houston.example.com/v1"),
        ({"host": "https://api.example.com/apc/v1"}, "https://api.example.com/apc/v1"),
        ({"host": "example.com"}, "https://houston.example.com/v1"),
        ({"host": " example.com "}, "https://houston.example.com/v1"),
        ({"host": "houston.example.com", "port": 8443}, "https://houston.example.com:8443/v1"),
        ({"host": "https://houston.example.com", "schema": "https"}, "https://houston.example.com/v1"),
        ({"host": "127.0.0.1", "schema": "http", "port": 8080}, "http://127.0.0.1:8080/v1"),
        ({"host": "localhost", "schema": "http"}, "http://localhost/v1"),
        ({"host": "http://[::1]:8080"}, "http://[::1]:8080/v1"),
        ({"host": "fd00::5", "port": 8443}, "https://[fd00::5]:8443/v1"),
        ({"host": "[fd00::5]"}, "https://[fd00::5]/v1"),
        ({"host": "::1", "schema": "http"}, "http://[::1]/v1"),
        ({"host": "http://houston.corp", "extra": {"allow_http": True}}, "http://houston.corp/v1"),
    ],
)
def test_the_address_is_read_from_all_its_forms(fields: dict[str, Any], endpoint: str) -> None:
    """A base URL or a base domain, with or without schema and port, leads to the endpoint."""
    assert private_cloud_settings(Fields(connection(**fields))).endpoint == endpoint


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"host": ""}, "host is empty"),
        ({"host": "ftp://example.com"}, "must begin with https://"),
        ({"host": "https://"}, "not an address"),
        ({"host": "exa mple.com"}, "not an address"),
        ({"host": "https://example.com:port"}, "not an address"),
        ({"host": "https://me:pw@example.com"}, "address alone"),
        ({"host": "https://example.com?x=1"}, "address alone"),
        ({"host": "https://example.com", "schema": "http"}, "match the schema"),
        ({"host": "example.com", "schema": "ftp"}, "schema must be"),
        ({"host": "http://houston.example.com"}, "clear text"),
        ({"host": "http://127.0.0.1.example.com"}, "clear text"),
        ({"host": "https//houston.example.com"}, "not an address"),
        ({"host": "houston\u200b.example.com"}, "not an address"),
        ({"host": ".example.com"}, "not an address"),
        ({"host": "[v1.x]"}, "not an address"),
        ({"password": " \n"}, "password is empty"),
        ({"password": f"Basic {TOKEN}"}, "the token alone"),
        ({"password": "Bearer"}, "the token alone"),
        ({"password": f"{TOKEN[:5]}\n{TOKEN[5:]}"}, "line break"),
        ({"password": f"{TOKEN[:3]}\x00{TOKEN[3:]}"}, "characters that no token has"),
        ({"password": f"{TOKEN}é"}, "characters that no token has"),
        ({"extra": "{"}, "extra is not JSON"),
        ({"extra": "[1]"}, "extra must be a JSON object"),
        ({"extra": {"verify": "perhaps"}}, "verify must be true or false"),
        ({"extra": {"read_timeout": "soon"}}, "read_timeout must be a number"),
        ({"extra": {"read_timeout": 0}}, "read_timeout must be a number"),
        ({"extra": {"read_timeout": "nan"}}, "read_timeout must be a number"),
        ({"extra": {"read_timeout": True}}, "read_timeout must be a number"),
        ({"extra": {"connect_timeout": 1e9}}, "at most 300"),
        ({"extra": {"retention_days": -1}}, "retention_days must be a number"),
        ({"extra": {"restricted_runtimes": "3.1-2, latest"}}, "restricted_runtimes must list Runtime"),
        ({"extra": {"workspace_id": 5}}, "workspace_id must be a text"),
        ({"extra": {"proxies": "proxy:3128"}}, "http:// or https:// URLs"),
        ({"extra": {"proxies": "socks5://proxy:1080"}}, "http:// or https:// URLs"),
        ({"extra": {"proxies": {"ftp": "http://proxy"}}}, "URL or a JSON object"),
        ({"extra": {"proxies": '{"https": '}}, "proxies is not JSON"),
        ({"extra": {"assumptions": "{"}}, "assumptions is not JSON"),
        ({"extra": {"assumptions": {"x": 1}}}, "'x' is not an assumption"),
        ({"extra": {"history_url": "https://x/{nothing}"}}, "history_url may contain"),
        ({"extra": {"history_url": "https://x/{"}}, "history_url may contain"),
        ({"extra": {"history_url": "javascript:alert(1)"}}, "history_url must begin"),
        ({"conn_type": "http"}, "Supported types: astro_private_cloud"),
    ],
)
def test_an_invalid_field_is_named_without_the_token(fields: dict[str, Any], message: str) -> None:
    """Every message names the connection and the field, and never shows the token."""
    with pytest.raises(InvalidConnection, match=message) as caught:
        connect(connection(**{"password": TOKEN, **fields}))
    assert "'apc'" in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert TOKEN[5:] not in str(caught.value)


@given(st.text(max_size=80))
def test_no_text_in_the_password_raises_anything_else(text: str) -> None:
    """Every text becomes a token that a header can carry, or an InvalidConnection."""
    try:
        token = Fields(connection(password=text)).token().reveal()
    except InvalidConnection:
        return
    assert token == text.strip()
    assert token.isascii()
    assert token.isprintable()


@given(st.text(max_size=60))
def test_no_text_in_the_host_raises_anything_else(text: str) -> None:
    """Every text becomes an https address or an InvalidConnection."""
    try:
        endpoint = private_cloud_settings(Fields(connection(host=text))).endpoint
    except InvalidConnection:
        return
    assert endpoint.startswith("https://") or "://localhost" in endpoint


def test_the_policy_is_read_from_json_and_from_a_form() -> None:
    """Numbers, truth values and JSON may be JSON values or, as forms send them, texts."""
    real = {"verify": False, "connect_timeout": 2, "read_timeout": 7.5, "proxies": {"https": "http://p:1"}}
    texts = {
        "verify": "False",
        "connect_timeout": "2",
        "read_timeout": "7.5",
        "proxies": '{"https": "http://p:1"}',
    }
    wanted = Policy(connect_timeout=2, read_timeout=7.5, verify=False, proxies=(("https", "http://p:1"),))
    assert Fields(connection(extra=real)).policy() == Fields(connection(extra=texts)).policy() == wanted
    assert Fields(connection(extra="")).policy() == Policy()
    assert Fields(connection(extra={"proxies": "http://p:1"})).policy().proxies == (
        ("http", "http://p:1"),
        ("https", "http://p:1"),
    )


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "example.com"}, "https://app.example.com/d/c1/deploy-history"),
        ({"host": "http://127.0.0.1:8080"}, "http://127.0.0.1:8080/d/c1/deploy-history"),
        ({"host": "https://api.example.com"}, None),
        (
            {"host": "https://api.example.com", "extra": {"history_url": "https://ui/{release_name}"}},
            "https://ui/rel",
        ),
        ({"host": "example.com", "extra": {"history_url": "{app}/w/{workspace_id}"}}, None),
        (
            {"host": "example.com", "extra": {"history_url": "{app}/w/{workspace_id}", "workspace_id": "w1"}},
            "https://app.example.com/w/w1",
        ),
    ],
)
def test_the_history_page_is_derived_or_given(fields: dict[str, Any], url: str | None) -> None:
    """The address comes from the base domain or from a template; it is None if a part is unknown."""
    platform = connect(connection(**fields)).platform
    assert platform.history_url(Deployment("c1", "One", "rel")) == url


def test_ids_cannot_change_the_page() -> None:
    """An id is quoted in the address."""
    platform = connect(connection(host="example.com")).platform
    url = platform.history_url(Deployment("../?x=1#y", "One", "rel"))
    assert url == "https://app.example.com/d/..%2F%3Fx%3D1%23y/deploy-history"


def test_the_connection_decides_about_trust_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the environment's file, then the default authorities."""
    mine, theirs = tmp_path / "mine.pem", tmp_path / "theirs.pem"
    mine.touch()
    theirs.touch()
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(theirs))
    assert Policy(ca_bundle=str(mine)).trust == str(mine)
    assert Policy().trust == str(theirs)
    assert Policy(verify=False).trust is False
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert Policy().trust is True


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer  ", "Bearer: "])
def test_what_surrounds_a_pasted_token_is_removed(prefix: str) -> None:
    """The header's value is copied more often than the token alone, and with a line break."""
    assert Fields(connection(password=f" {prefix}{TOKEN}\n")).token().reveal() == TOKEN
