# SPDX-License-Identifier: Apache-2.0
"""The doctor: checks of everything that a connection needs, in order. It changes nothing."""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import socket
import ssl
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from airflow_rollback_provider.domain.doctor_checks import of_clock, of_error
from airflow_rollback_provider.domain.errors import InvalidConnection, ProxyUnusable, RollbackError, TlsFailed
from airflow_rollback_provider.domain.findings import Finding, Report, Status, complete, skip, skip_from
from airflow_rollback_provider.http.connection_fields import is_loopback
from airflow_rollback_provider.http.flow import run_flow
from airflow_rollback_provider.http.transports import RequestsTransport

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from airflow_rollback_provider.http.messages import Request, Response
    from airflow_rollback_provider.http.retry_policy import Policy
    from airflow_rollback_provider.platforms.registry import Connected

_TRIES = 2
"""Tries of each request: a user waits for the report."""
_ENDS_SOON = timedelta(days=14)
# By step: the failure and the remedy.
_FAILURES = {
    "DNS": (
        "The host of {hop} does not resolve",
        "Check {source}, and the name servers of this machine.",
    ),
    "TCP": (
        "There is no connection to {hop}",
        "Check {source}, that a server listens there, and the firewalls in between.",
    ),
    "PROXY": (
        "There is no connection to {goal} through {hop}",
        "Allow the connection in the proxy; check the proxy's user and password.",
    ),
    "TLS": (
        "The TLS handshake with {goal} failed",
        "Check {source}, and that its port serves TLS; a firewall or proxy may close the connection.",
    ),
}
_PROXY_SOURCES = "the connection's proxies, HTTPS_PROXY and NO_PROXY"
_RENEW = "Have the platform's certificate renewed."
# By OpenSSL's codes: not yet valid, expired, another host name, another IP address.
_CERTIFICATE_REMEDIES = {
    9: "Check this machine's clock.",
    10: _RENEW,
    62: "Correct the base URL, or have the certificate renewed with this name.",
    64: "Correct the base URL, or have the certificate renewed with this address.",
}


def diagnose(connected: Connected, conn_id: str, deployment: str | None, tolerated: timedelta) -> Report:
    """Check a connection, the network first.

    :param conn_id: the connection's id, for the report.
    :param deployment: id or name of a Deployment to check as well; None checks none.
    :param tolerated: tolerated clock skew of this machine.
    """
    platform = connected.platform
    name, address = platform.capabilities.name, platform.address
    usable = Finding("CONNECTION", Status.OK, f"The connection {conn_id!r} leads to {name} at {address}.")
    network = check_network(address, connected.policy)
    failed = next((finding for finding in network if finding.status is Status.ERROR), None)
    if failed is not None:
        rest = skip_from("API", f"{failed.code} failed.")
    else:
        rest = _diagnose(connected, deployment, tolerated)
    return Report(conn_id, name, address, deployment, complete([usable, *network, *rest], name))


def unusable(error: InvalidConnection, conn_id: str, deployment: str | None) -> Report:
    """Return the report on a connection with an invalid field."""
    findings = of_error("CONNECTION", error), *skip_from("DNS", "the connection cannot be used.")
    return Report(conn_id, "", "", deployment, findings)


def _diagnose(connected: Connected, deployment: str | None, tolerated: timedelta) -> tuple[Finding, ...]:
    """Run the platform's own checks, and measure the clock skew from its answers."""
    transport = RequestsTransport(replace(connected.policy, tries=_TRIES))
    skews: list[timedelta] = []

    def send(request: Request) -> Response:
        response = transport.send(request)
        if response.clock_skew is not None:
            skews.append(response.clock_skew)
        return response

    try:
        found = run_flow(connected.platform.diagnose(deployment), send)
    except RollbackError as error:
        return of_error("API", error), *skip_from("TOKEN", "the API could not be read.")
    finally:
        transport.close()
    skipped = any(finding.code == "CLOCK" for finding in found)
    return found if skipped else (*found, of_clock(skews[0] if skews else None, tolerated))


def check_network(address: str, policy: Policy) -> tuple[Finding, ...]:
    """Check the network path to an address. The checks after a failure are skipped.

    :param policy: the network policy: time-outs, proxies, authorities.
    """
    try:
        path = _Path(address, policy)
    except ProxyUnusable as error:
        unusable = Finding("DNS", Status.ERROR, str(error), f"Check {_PROXY_SOURCES}.")
        return unusable, *skip(("TCP", "PROXY", "TLS"), "DNS failed.")
    found: list[Finding] = []
    checks = {"DNS": path.resolve, "TCP": path.connect, "PROXY": path.tunnel, "TLS": path.shake_hands}
    for code, check in checks.items():
        try:
            found.append(check())
        except (OSError, ValueError, http.client.HTTPException, TlsFailed) as error:
            found.append(path.failure(code, error))
            return *found, *skip(list(checks)[len(found) :], f"{code} failed.")
    return tuple(found)


class _Path:
    """The network path to one address. Each step returns its finding or raises an error."""

    def __init__(self, address: str, policy: Policy) -> None:
        proxy = policy.proxy_for(address)
        self._policy, self._goal, self._proxy = policy, urlsplit(address), urlsplit(proxy) if proxy else None
        self._hop = self._proxy or self._goal
        self._name = f"the proxy {_host(self._hop)}" if self._proxy else _host(self._hop)

    def resolve(self) -> Finding:
        found = socket.getaddrinfo(self._hop.hostname, _port(self._hop), type=socket.SOCK_STREAM)
        addresses = dict.fromkeys(str(item[4][0]) for item in found)
        return Finding("DNS", Status.OK, f"The host of {self._name} is {', '.join(addresses)}.")

    def connect(self) -> Finding:
        self._open(tunnel=False).close()
        return Finding("TCP", Status.OK, f"There is a connection to {self._name}.")

    def tunnel(self) -> Finding:
        if self._proxy is None or self._goal.scheme == "http":
            return skip(("PROXY",), "no HTTPS connection goes through a proxy.")[0]
        if self._proxy.scheme != "http":
            return Finding("PROXY", Status.UNKNOWN, f"Not checked: {self._name} is not a plain HTTP proxy.")
        self._open().close()
        return Finding("PROXY", Status.OK, f"{self._name} connects to {_host(self._goal)}.")

    def shake_hands(self) -> Finding:
        if self._goal.scheme == "http" and is_loopback(self._goal):
            return skip(("TLS",), "http:// on this machine needs no certificate.")[0]
        if self._goal.scheme == "http":
            what = "The connection is not encrypted: others on the network can read the token (allow_http)."
            return Finding("TLS", Status.WARNING, what, "Use https:// and remove allow_http from the extra.")
        if self._proxy and self._proxy.scheme != "http":
            return Finding("TLS", Status.UNKNOWN, f"Not checked: {self._name} is not a plain HTTP proxy.")
        certificate = self._certificate(_new_context(self._policy.trust))
        if not self._policy.verify:
            what = f"The certificate is not checked (verify is false). It is the {_describe(certificate)}."
            return Finding(
                "TLS", Status.WARNING, what, "Set verify to true: another server can pose as the platform."
            )
        what = f"The {_describe(certificate)}, is trusted by {self._authorities}."
        left = _end(certificate) - datetime.now(timezone.utc)
        if left < _ENDS_SOON:
            what = f"{what} It expires in {left.days} day(s)."
            return Finding("TLS", Status.WARNING, what, _RENEW)
        return Finding("TLS", Status.OK, what)

    def failure(self, code: str, error: Exception) -> Finding:
        """Return the finding on a step that failed."""
        if isinstance(error, TlsFailed):
            return Finding(code, Status.ERROR, str(error))
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._untrusted(error)
        reason = getattr(error, "strerror", None) or error
        if isinstance(error, TimeoutError):
            reason = f"no answer within {self._policy.connect_timeout:g} s"
        source = _PROXY_SOURCES if self._proxy else "the base URL"
        what, remedy = _FAILURES[code]
        what = what.format(hop=self._name, goal=_host(self._goal))
        return Finding(code, Status.ERROR, f"{what}: {reason}.", remedy.format(source=source))

    def _untrusted(self, error: ssl.SSLCertVerificationError) -> Finding:
        """Return the finding on a refused certificate. A second connection reads it and sends nothing."""
        what = f"The certificate of {_host(self._goal)} is not trusted: {error.verify_message}."
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            what = f"{what} It is the {_describe(self._certificate(_new_context(trust=False)))}."
        sign = (
            "Put the file of the authority that signed it in the field CA bundle (ca_bundle); now it is "
            f"checked by {self._authorities}."
        )
        return Finding("TLS", Status.ERROR, what, _CERTIFICATE_REMEDIES.get(error.verify_code, sign))

    @property
    def _authorities(self) -> str:
        source, file = self._policy.ca_file
        return f"{file or 'the default authorities'} ({source})"

    def _open(self, *, tunnel: bool = True) -> http.client.HTTPConnection:
        """Connect, through the proxy if there is one."""
        host, timeout = self._hop.hostname or "", self._policy.connect_timeout
        connection = http.client.HTTPConnection(host, _port(self._hop), timeout=timeout)
        if self._proxy and tunnel:
            user = f"{unquote(self._proxy.username or '')}:{unquote(self._proxy.password or '')}"
            basic = f"Basic {base64.b64encode(user.encode()).decode()}"
            headers = {"Proxy-Authorization": basic} if self._proxy.username else {}
            connection.set_tunnel(self._goal.hostname or "", _port(self._goal), headers)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def _certificate(self, context: ssl.SSLContext) -> Certificate:
        from cryptography import x509

        host, plain = self._goal.hostname, self._open().sock
        with plain, context.wrap_socket(plain, server_hostname=host) as secured:
            return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")


def _new_context(trust: bool | str) -> ssl.SSLContext:
    """Return the context that ``requests`` uses: the same versions, ciphers and authorities."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if trust else ssl.CERT_NONE)
    context.check_hostname = bool(trust)
    if trust:
        file = DEFAULT_CA_BUNDLE_PATH if trust is True else str(trust)
        try:
            context.load_verify_locations(**{"capath" if os.path.isdir(file) else "cafile": file})
        except ssl.SSLError:
            raise TlsFailed(f"{file!r} contains no certificate authorities. Put a PEM file there.") from None
    return context


def _describe(certificate: Certificate) -> str:
    subject, issuer = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
    return f"certificate of {subject}, signed by {issuer}, valid until {_end(certificate):%Y-%m-%d}"


def _end(certificate: Certificate) -> datetime:
    end = getattr(certificate, "not_valid_after_utc", None)  # since cryptography 42
    return end or certificate.not_valid_after.replace(tzinfo=timezone.utc)


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _host(url: SplitResult) -> str:
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return f"{host}:{_port(url)}"
