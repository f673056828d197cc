# SPDX-License-Identifier: Apache-2.0
"""Causes of requests without an answer: one name for each, for both HTTP libraries."""

from __future__ import annotations

import socket
import ssl
import zlib
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_rollback_provider.domain.errors import (
    MalformedAnswer,
    OutcomeUnknown,
    PlatformUnreachable,
    RollbackError,
    TlsFailed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_rollback_provider.http.messages import Request
    from airflow_rollback_provider.http.retry_policy import Policy


ODD_ANSWER = (ValueError, OverflowError, zlib.error)
"""What the libraries and this package raise besides their own errors when an answer cannot be read."""


class Cause(Enum):
    """Cause of a request without an answer: whether it arises before sending, the reason, and the remedy."""

    DNS = (
        True,
        "the host name cannot be resolved",
        "Check the base URL and the name servers of this machine.",
    )
    REFUSED = (
        True,
        "nothing listens there (connection refused)",
        "Check the base URL, its port, and that the platform runs.",
    )
    CONNECT_TIMEOUT = (
        True,
        "no connection within {connect:g} s",
        "Check the routes, firewalls and proxies in between.",
    )
    PROXY = (
        True,
        "the proxy did not pass the request on",
        "Check the connection's proxies or HTTPS_PROXY and NO_PROXY.",
    )
    CERTIFICATE = (
        True,
        "the certificate is not trusted{detail}",
        "Put the file of the authority that signed it in the connection's field CA bundle.",
    )
    CA_FILE = (
        True,
        "the CA bundle contains no certificate authorities",
        "Put a PEM file with them in the connection's field CA bundle.",
    )
    NO_ROUTE = (True, "no connection can be made", "Check the base URL, routes and firewalls.")
    BUSY = (True, "too many requests of this process are waiting for a connection", "Try again later.")
    TLS = (
        False,
        "the secured connection failed{detail}",
        "Check that the base URL's port serves TLS; plain HTTP needs http://.",
    )
    READ_TIMEOUT = (
        False,
        "no answer within {read:g} s",
        "The platform is slow, or a proxy delays the answer.",
    )
    LOST = (
        False,
        "the connection was lost before the answer was complete",
        "A proxy or a restart of the platform may be the cause.",
    )
    CODING = (False, "the answer's body cannot be decoded", "A proxy may have changed it.")
    TOO_LONG = (
        False,
        "the answer is longer than {most:,} bytes",
        "Another server than the platform may have answered.",
    )
    REDIRECT = (  # 303 may be the answer to a request that was carried out
        False,
        "the answer redirects to {detail}",
        "The token is not sent to another address. If the final address is the platform's, put it in the "
        "connection.",
    )

    @property
    def before_sending(self) -> bool:
        """Whether the platform cannot have received the request."""
        return bool(self.value[0])


_NO_CONNECTION = (Cause.DNS, Cause.REFUSED)
_KINDS: dict[Cause, type[RollbackError]] = {
    Cause.CERTIFICATE: TlsFailed,
    Cause.TLS: TlsFailed,
    Cause.CA_FILE: TlsFailed,
    Cause.CODING: MalformedAnswer,
    Cause.TOO_LONG: MalformedAnswer,
}


def failure(cause: Cause, request: Request, policy: Policy, detail: str = "") -> RollbackError:
    """Return the error for a request without an answer.

    :param detail: more about the cause, without secrets.
    :return: :class:`OutcomeUnknown` when a request that must not be repeated may have arrived.
    """
    _, template, remedy = cause.value
    reason = template.format(
        connect=policy.connect_timeout, read=policy.read_timeout, most=policy.most_bytes, detail=detail
    )
    host = urlsplit(request.url).netloc.rpartition("@")[2]
    message = f"The request {request.operation!r} to {request.recipient} at {host} failed: {reason}. {remedy}"
    if not request.repeatable and not cause.before_sending:
        return OutcomeUnknown(f"{message} The request was sent. It is unknown whether it was carried out.")
    return _KINDS.get(cause, PlatformUnreachable)(message)


def cause_of_requests(error: Exception) -> tuple[Cause, str]:
    """Return the cause of an exception of ``requests``, and a detail for the message."""
    import requests
    import urllib3

    if isinstance(error, requests.exceptions.ConnectTimeout):
        return Cause.CONNECT_TIMEOUT, ""
    if isinstance(error, (requests.exceptions.ProxyError, requests.exceptions.InvalidProxyURL)):
        return (Cause.PROXY if _failed_before_sending(error) else Cause.LOST), ""
    chain = list(_chain(error))
    if (cause := _cause_in(chain)) is not None:
        return cause
    if not isinstance(error, (requests.exceptions.RequestException, urllib3.exceptions.HTTPError)):
        return Cause.CODING, ""
    if any(
        isinstance(link, (requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError)) for link in chain
    ):
        return Cause.READ_TIMEOUT, ""
    if any(isinstance(link, urllib3.exceptions.NewConnectionError) for link in chain):
        return Cause.NO_ROUTE, ""
    return Cause.LOST, ""


def _failed_before_sending(error: Exception) -> bool:
    """Whether nothing can have been sent. urllib3 raises a proxy error for a lost answer too."""
    import requests
    import urllib3

    before = (
        requests.exceptions.InvalidProxyURL,
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        ssl.SSLCertVerificationError,
        socket.gaierror,
        ConnectionRefusedError,
    )
    return any(isinstance(link, before) or "Tunnel connection failed" in str(link) for link in _chain(error))


def cause_of_httpx(error: Exception, *, proxied: bool) -> tuple[Cause, str]:
    """Return the cause of an exception of ``httpx``, and a detail for the message.

    :param proxied: whether the connection was to go through a proxy.
    """
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return Cause.CONNECT_TIMEOUT, ""
    if isinstance(error, httpx.PoolTimeout):
        return Cause.BUSY, ""
    cause = _cause_in(list(_chain(error)))
    unconnected = isinstance(error, httpx.ConnectError) and (cause is None or cause[0] in _NO_CONNECTION)
    if isinstance(error, httpx.ProxyError) or (proxied and unconnected):
        return Cause.PROXY, ""
    if cause is not None:
        return cause
    if isinstance(error, httpx.TimeoutException):
        return Cause.READ_TIMEOUT, ""
    if isinstance(error, httpx.ConnectError):
        return Cause.NO_ROUTE, ""
    return (Cause.LOST if isinstance(error, httpx.HTTPError) else Cause.CODING), ""


def _cause_in(chain: list[BaseException]) -> tuple[Cause, str] | None:
    """Find the first error of the operating system or OpenSSL."""
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            return Cause.CERTIFICATE, f" ({link.verify_message})"
        if isinstance(link, ssl.SSLError) and "NO_CERTIFICATE" in (link.reason or ""):
            return Cause.CA_FILE, ""
        if isinstance(link, ssl.SSLError):
            return Cause.TLS, f" ({link.reason})" if link.reason else ""
        # A label of a name that is empty or too long is no text of the codec IDNA.
        if isinstance(link, socket.gaierror) or (isinstance(link, UnicodeError) and "label" in str(link)):
            return Cause.DNS, ""
        if isinstance(link, ConnectionRefusedError):
            return Cause.REFUSED, ""
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its causes. The libraries store them in several attributes."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        link = pending.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            pending += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
