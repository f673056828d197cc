# SPDX-License-Identifier: Apache-2.0
"""The fields of an Airflow connection. Every error names the connection and the field, never the token."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from airflow_rollback_provider.domain.errors import InvalidConnection, InvalidVersion
from airflow_rollback_provider.domain.versions import RuntimeVersion
from airflow_rollback_provider.http.retry_policy import Policy, is_host, is_ipv6, is_proxy_url
from airflow_rollback_provider.http.secret import Secret

_SCHEMES = {"bearer": "Bearer ", "none": ""}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class ConnectionLike(Protocol):
    """The attributes of an Airflow connection that are read; the classes of Airflow 2 and 3 have them."""

    conn_id: Any
    conn_type: Any
    host: Any
    schema: Any
    port: Any
    password: Any
    extra: Any


class Fields:
    """The fields of one connection.

    :raises InvalidConnection: when ``extra`` is not a JSON object.
    """

    def __init__(self, connection: ConnectionLike) -> None:
        self.conn_id = str(connection.conn_id or "")
        self._connection = connection
        self._extra = self._read_extra(connection.extra)

    def _read_extra(self, extra: object) -> Mapping[str, Any]:
        if isinstance(extra, str):
            try:
                extra = json.loads(extra) if extra.strip() else {}
            except ValueError:
                raise self.invalid("extra", "is not JSON") from None
        if not isinstance(extra or {}, Mapping):
            raise self.invalid("extra", "must be a JSON object")
        return extra or {}  # type: ignore[return-value]  # mypy does not narrow the operand of `or`

    def invalid(self, field: str, problem: str) -> InvalidConnection:
        """Return the error for a field.

        :param problem: end of the sentence "the field …".
        """
        return InvalidConnection(f"Connection {self.conn_id!r}: the field {field} {problem}.")

    def base(self, name: str) -> str:
        """Return one of the connection's own fields as text; an unset field is empty."""
        value = getattr(self._connection, name, None)
        return "" if value is None else str(value).strip()

    def text(self, name: str) -> str | None:
        """Return a text of ``extra``; None for an unset field."""
        value = self._extra.get(name)
        if value is not None and not isinstance(value, str):
            raise self.invalid(name, "must be a text")
        return (value or "").strip() or None

    def number(self, name: str, default: float, most: float) -> float:
        """Return a number of ``extra`` that is greater than 0."""
        value = self._extra.get(name)
        if value is None or value == "":
            return default
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not 0 < number <= most:
            raise self.invalid(name, f"must be a number greater than 0 and at most {most:g}")
        return number

    def flag(self, name: str, default: bool) -> bool:
        """Return a truth value of ``extra``."""
        value = self._extra.get(name)
        words = {"true": True, "false": False, "": default, "none": default}
        known = words.get(str(value).strip().lower())
        if known is None:
            raise self.invalid(name, "must be true or false")
        return known

    def one_of(self, name: str, words: Collection[str]) -> str | None:
        """Return a text of ``extra`` that is one of some words, in lower case; None for an unset field."""
        word = (self.text(name) or "").lower()
        if word and word not in words:
            raise self.invalid(name, f"must be one of {', '.join(words)}, or empty")
        return word or None

    def auth_scheme(self, default: str) -> str:
        """Return the prefix of the token in the header, from the field ``auth_scheme``.

        :param default: the scheme of an unset field: ``bearer`` or ``none``.
        """
        return _SCHEMES[self.one_of("auth_scheme", _SCHEMES) or default]

    def json(self, name: str) -> Any:
        """Return a JSON value of ``extra``. A form's text field contains it as text."""
        value = self._extra.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value.strip() else None
        except ValueError:
            raise self.invalid(name, "is not JSON") from None

    def token(self) -> Secret:
        """Return the token from the password, without a ``Bearer`` that was copied with it.

        :raises InvalidConnection: when it is missing or cannot be sent in a header.
        """
        text = str(getattr(self._connection, "password", None) or "").strip()
        if not text:
            raise self.invalid("password", "is empty: put the API token there")
        text = re.sub(r"(?i)^bearer:?\s+", "", text)
        if text.split()[0].lower() in ("bearer", "bearer:", "token", "basic"):
            raise self.invalid(
                "password", "must be the token alone, without 'Basic' or another word before it"
            )
        if len(text.split()) > 1:
            raise self.invalid(
                "password", "has a space or a line break inside the token; copy the token again"
            )
        if not text.isascii() or not text.isprintable():
            raise self.invalid("password", "has characters that no token has; copy the token again")
        return Secret(text)

    def policy(self) -> Policy:
        """Return the network policy."""
        return Policy(
            connect_timeout=self.number("connect_timeout", Policy.connect_timeout, 300),
            read_timeout=self.number("read_timeout", Policy.read_timeout, 600),
            verify=self.flag("verify", True),
            ca_bundle=self.text("ca_bundle"),
            proxies=self._proxies(),
        )

    def _proxies(self) -> tuple[tuple[str, str], ...]:
        value = self._extra.get("proxies")
        if isinstance(value, str):
            value = self.json("proxies") if value.strip().startswith("{") else value.strip()
        if not value:
            return ()
        proxies = {"http": value, "https": value} if isinstance(value, str) else value
        if not isinstance(proxies, Mapping) or not set(proxies) <= {"http", "https"}:
            raise self.invalid(
                "proxies", 'must be a URL or a JSON object such as {"https": "http://proxy:3128"}'
            )
        urls = {scheme: str(url).strip() for scheme, url in proxies.items()}
        if not all(re.match(r"https?://", url, re.I) and is_proxy_url(url) for url in urls.values()):
            raise self.invalid("proxies", "must contain http:// or https:// URLs")
        return tuple(sorted(urls.items()))


def restricted_runtimes(fields: Fields) -> frozenset[RuntimeVersion]:
    """Read the Runtime versions that the connection lists as restricted.

    :raises InvalidConnection: when one of them is not a Runtime version.
    """
    names = re.split(r"[\s,]+", fields.text("restricted_runtimes") or "")
    try:
        return frozenset(RuntimeVersion.parse(name) for name in names if name)
    except InvalidVersion as error:
        raise fields.invalid("restricted_runtimes", f"must list Runtime versions: {error}") from None


def base_url(fields: Fields, default: str = "") -> SplitResult:
    """Return the platform's URL from the connection's host, schema and port.

    :param default: the host for a connection without one; empty requires one.
    :raises InvalidConnection: when it is not an address, has a user, query or fragment, or would send the
        token in clear text.
    """
    schema, port = fields.base("schema").lower(), fields.base("port")
    host = fields.base("host") or default
    if not host:
        raise fields.invalid("host", "is empty: put the platform's base URL or base domain there")
    if is_ipv6(host):
        host = f"[{host}]"
    if schema not in ("", "http", "https"):
        raise fields.invalid("schema", "must be http, https or empty")
    url = _split(fields, host if "://" in host else f"{schema or 'https'}://{host}")
    if "@" in url.netloc or url.query or url.fragment:
        raise fields.invalid("host", "must be an address alone, without user, query or fragment")
    if url.scheme not in ("http", "https") or (schema and "://" in host and schema != url.scheme):
        raise fields.invalid(
            "host", "must begin with https:// (or http:// for a sandbox) and match the schema"
        )
    if port and url.port is None:
        url = _split(fields, url._replace(netloc=f"{url.netloc}:{port}").geturl())
    if url.scheme == "http" and not is_loopback(url) and not fields.flag("allow_http", False):
        raise fields.invalid(
            "host",
            "uses http://, which sends the token in clear text; use https://, or set allow_http to true in "
            "the extra if the network in between is trusted",
        )
    return url


def _split(fields: Fields, text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise fields.invalid("host", "or port is not an address") from None
    # `https:/host`, with a slash too few, would be the host `https` with an empty port.
    no_port = url.netloc.endswith(":")
    # `https//host`, without the colon, would be the host `https`.
    no_colon = url.path.startswith("//")
    if not is_host(url) or port == 0 or no_port or no_colon or not text.isprintable() or " " in text:
        raise fields.invalid("host", "or port is not an address")
    return url


def is_loopback(url: SplitResult) -> bool:
    """Whether requests to a URL stay on this machine."""
    return url.hostname in _LOOPBACK
