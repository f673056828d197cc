# SPDX-License-Identifier: Apache-2.0
"""A server's certificate: who signed it, who trusts it, when it ends. No request is sent."""

from __future__ import annotations

import base64
import http.client
import os
import ssl
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import TlsFailed
from airflow_rollback_provider.domain.findings import Finding, Status

if TYPE_CHECKING:
    from airflow_rollback_provider.platforms.policy import Policy

SOON = timedelta(days=14)
"""How long before its end a certificate is worth a warning."""

# OpenSSL's numbers for what is wrong with a certificate.
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64


@dataclass(frozen=True)
class Certificate:
    """What a certificate says of itself.

    :param subject: whom it is for.
    :param issuer: who signed it.
    :param names: host names and addresses that it is good for.
    :param ends: when it ends.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    ends: datetime

    def __str__(self) -> str:
        return f"certificate of {self.subject}, signed by {self.issuer}, good until {self.ends:%Y-%m-%d}"


@dataclass(frozen=True)
class Server:
    """A server that speaks TLS.

    :param proxy: host and port of an HTTP proxy that a connection is made through; None for none.
    :param proxy_user: name and password that the proxy is told; None for none.
    """

    host: str
    port: int
    proxy: tuple[str, int] | None = None
    proxy_user: tuple[str, str] | None = field(default=None, repr=False)

    def connect(self, context: ssl.SSLContext, timeout: float) -> http.client.HTTPSConnection:
        """Connect, up to and including the handshake.

        :param timeout: seconds for each step.
        :raises OSError: when there is no connection, or the proxy makes none.
        """
        host, port = self.proxy or (self.host, self.port)
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        if self.proxy:
            connection.set_tunnel(self.host, self.port, headers=self._introduction())
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def _introduction(self) -> dict[str, str]:
        if self.proxy_user is None:
            return {}
        told = base64.b64encode(":".join(self.proxy_user).encode()).decode()
        return {"Proxy-Authorization": f"Basic {told}"}

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def examine_certificate(server: Server, policy: Policy) -> Finding:
    """Return the finding ``TLS`` on a server.

    :param policy: what is trusted, and how long to wait.
    """
    try:
        context = _context(policy.trust)
    except TlsFailed as error:
        return Finding("TLS", Status.ERROR, str(error))
    except ssl.SSLError:
        source, file = policy.ca_file
        what = f"The file {file!r}, which {source} names, holds no certificate authorities."
        return Finding("TLS", Status.ERROR, what, "Put a PEM file with them there.")
    try:
        certificate, version = _look(server, context, policy.connect_timeout)
    except ssl.SSLCertVerificationError as error:
        return _not_trusted(error, server, policy)
    except (OSError, http.client.HTTPException) as error:
        return _no_handshake(error, server, policy)
    return _judge(certificate, version, policy)


def _context(trust: bool | str) -> ssl.SSLContext:
    """Make the context that requests are made with: the same versions, ciphers and authorities."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if trust else ssl.CERT_NONE)
    context.check_hostname = bool(trust)
    if trust:
        path = DEFAULT_CA_BUNDLE_PATH if trust is True else str(trust)
        folder = os.path.isdir(path)
        context.load_verify_locations(cafile=None if folder else path, capath=path if folder else None)
    return context


def _look(server: Server, context: ssl.SSLContext, timeout: float) -> tuple[Certificate, str]:
    """Connect and return the certificate and the version of TLS."""
    connection = server.connect(context, timeout)
    try:
        secured = connection.sock
        assert isinstance(secured, ssl.SSLSocket)  # noqa: S101 - what an HTTPS connection has once it stands
        return _read(secured.getpeercert(binary_form=True) or b""), secured.version() or "TLS"
    finally:
        connection.close()


def _read(certificate: bytes) -> Certificate:
    from cryptography import x509

    found = x509.load_der_x509_certificate(certificate)
    ends = getattr(found, "not_valid_after_utc", None)  # since cryptography 42
    return Certificate(
        found.subject.rfc4514_string() or "nobody in particular",
        found.issuer.rfc4514_string() or "nobody in particular",
        _names(found),
        ends or found.not_valid_after.replace(tzinfo=timezone.utc),
    )


def _names(certificate: object) -> tuple[str, ...]:
    from cryptography import x509

    assert isinstance(certificate, x509.Certificate)  # noqa: S101
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)


def _trusted_by(policy: Policy) -> str:
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    source, file = policy.ca_file
    return f"{file} ({source})" if file else f"the usual authorities ({source}, {DEFAULT_CA_BUNDLE_PATH})"


def _judge(certificate: Certificate, version: str, policy: Policy) -> Finding:
    if not policy.verify:
        return Finding(
            "TLS",
            Status.WARNING,
            f"The certificate is not checked (verify is false): {version}, {certificate}.",
            "Switch the check on: anybody on the way can answer in the platform's place and read the token.",
        )
    what = f"The {certificate}, is trusted by {_trusted_by(policy)}; {version}."
    left = certificate.ends - datetime.now(timezone.utc)
    if left < SOON:
        what += f" It ends in {max(0, left.days)} day(s)."
        return Finding("TLS", Status.WARNING, what, "Have the platform's certificate renewed.")
    return Finding("TLS", Status.OK, what + _of_the_triggerer(policy))


def _of_the_triggerer(policy: Policy) -> str:
    """Where no file is named, its HTTP library goes by variables that the one for tasks does not know."""
    variables = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
    if policy.ca_file[1] or not variables:
        return ""
    return f" The triggerer goes by {variables[0]} instead; the field ca_bundle holds for both."


def _not_trusted(error: ssl.SSLCertVerificationError, server: Server, policy: Policy) -> Finding:
    """Return the finding on a certificate that was refused, with what it says of itself."""
    certificate = _look_without_trust(server, policy)
    shown = f" It is the {certificate}." if certificate else ""
    what = f"The certificate of {server} is not trusted: {error.verify_message}.{shown}"
    return Finding(
        "TLS", Status.ERROR, what, _how_to_trust(error.verify_code, certificate, _trusted_by(policy))
    )


def _look_without_trust(server: Server, policy: Policy) -> Certificate | None:
    """Look at a certificate that was refused. Nothing is sent over this connection."""
    try:
        return _look(server, _context(trust=False), policy.connect_timeout)[0]
    except (OSError, ValueError, http.client.HTTPException):
        return None


def _how_to_trust(code: int, certificate: Certificate | None, by: str) -> str:
    if code == _EXPIRED:
        return "Have the platform's certificate renewed."
    if code == _NOT_YET_VALID:
        return "Check this machine's clock."
    if code in (_OTHER_HOST, _OTHER_ADDRESS):
        names = ", ".join(certificate.names) if certificate else ""
        return f"Put a name that it is good for in the base URL: {names or 'it names none'}."
    issuer = f" ({certificate.issuer})" if certificate else ""
    return (
        f"Put the file of the authority that signed it{issuer} in the connection's field CA bundle "
        f"(ca_bundle). So far it is checked by {by}."
    )


def _no_handshake(error: Exception, server: Server, policy: Policy) -> Finding:
    """Return the finding on a connection that did not get as far as a certificate."""
    if isinstance(error, ssl.SSLError):
        what = f"{server} does not speak TLS ({error.reason or 'no reason given'})."
        remedy = "Check the base URL and its port; plain HTTP needs http://."
    elif isinstance(error, TimeoutError):
        what = f"{server} did not finish the TLS handshake within {policy.connect_timeout:g} s."
        remedy = "Check firewalls and proxies on the way, and that the port speaks TLS."
    elif server.proxy:
        what = f"The proxy makes no connection to {server} ({error})."
        remedy = "Have the proxy let it through, and check the proxy's user and password."
    else:
        what = f"{server} broke the TLS handshake off ({error})."
        remedy = "Check that the port speaks TLS, and proxies and firewalls on the way."
    return Finding("TLS", Status.ERROR, what, remedy)
