# SPDX-License-Identifier: Apache-2.0
"""Tests of the network checks, over real sockets: names, ports, proxies, certificates."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_rollback_provider.doctor import diagnosis
from airflow_rollback_provider.doctor.diagnosis import check_network
from airflow_rollback_provider.domain.findings import Finding, Status
from airflow_rollback_provider.http.retry_policy import Policy
from tests.support.authority import Authority
from tests.support.proxies import proxying
from tests.support.servers import make_certificate, reply, serving

DAY = timedelta(days=1)
LONG = Policy(connect_timeout=60.0)
SHORT = Policy(connect_timeout=0.2)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the machine's own proxies and authorities."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority that is not trusted by default."""
    return Authority(tmp_path)


def check(url: str, policy: Policy = LONG) -> dict[str, Finding]:
    """Return the findings by code; each step has one."""
    found = check_network(url, policy)
    assert [finding.code for finding in found] == ["DNS", "TCP", "PROXY", "TLS"]
    for finding in found:
        assert finding.remedy or finding.status is not Status.WARNING
    return {finding.code: finding for finding in found}


def statuses(found: dict[str, Finding]) -> list[str]:
    """Return the status of each step."""
    return [finding.status.value for finding in found.values()]


# The name


def test_a_name_and_its_addresses_are_named() -> None:
    """DNS is the first step; its finding lists the addresses."""
    with serving(reply(200)) as (url, _):
        found = check(url.replace("127.0.0.1", "localhost"))
    assert found["DNS"].status is Status.OK
    assert "The host of localhost:" in found["DNS"].what
    assert "127.0.0.1" in found["DNS"].what


@pytest.mark.parametrize("host", ["no-such-host", "a" * 70, "a..b"])
def test_a_name_that_does_not_resolve_ends_the_checks(host: str) -> None:
    """The later steps are skipped, with the reason."""
    found = check(f"https://{host}.invalid/v1")
    assert statuses(found) == ["error", "skipped", "skipped", "skipped"]
    assert f"The host of {host}.invalid:443 does not resolve: " in found["DNS"].what
    assert "name servers" in found["DNS"].remedy
    assert found["TLS"].what == "Skipped: DNS failed."


# The connection


def test_a_refused_connection_is_an_error() -> None:
    """The finding says that the connection was refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        found = check(f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert statuses(found) == ["ok", "error", "skipped", "skipped"]
    assert "Connection refused" in found["TCP"].what
    assert "a server listens there" in found["TCP"].remedy


def test_a_connection_without_answer_is_an_error() -> None:
    """A full queue drops connections, as a firewall does."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        waiting = [socket.socket() for _ in range(8)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(address)
            found = check(f"http://127.0.0.1:{address[1]}", SHORT)
        finally:
            for one in waiting:
                one.close()
    assert statuses(found) == ["ok", "error", "skipped", "skipped"]
    assert "no answer within 0.2 s" in found["TCP"].what
    assert "firewalls" in found["TCP"].remedy


# The certificate


def test_clear_text_on_this_machine_has_no_certificate() -> None:
    """The TLS check is skipped."""
    with serving(reply(200)) as (url, _):
        assert statuses(check(url)) == ["ok", "ok", "skipped", "skipped"]


def test_clear_text_to_another_machine_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others could read the token; allow_http permits it."""
    monkeypatch.setattr(diagnosis, "is_loopback", lambda _: False)
    with serving(reply(200)) as (url, _):
        found = check(url)
    assert found["TLS"].status is Status.WARNING
    assert "allow_http" in found["TLS"].what


@pytest.mark.parametrize("source", ["field", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_finding_on_a_trusted_certificate_names_the_authorities(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """It names the file and its source, the subject, the issuer and the end; nothing is sent."""
    policy, file = LONG, str(authority.file)
    if source == "field":
        policy = Policy(connect_timeout=60.0, ca_bundle=file)
    else:
        monkeypatch.setenv(source, file)
    with serving(reply(200), authority.certify()) as (url, server):
        found = check(url, policy)
    assert statuses(found) == ["ok", "ok", "skipped", "ok"], found["TLS"]
    named = "the connection's field ca_bundle" if source == "field" else source
    for text in (file, named, "CN=houston", "CN=Own Authority", "valid until 20"):
        assert text in found["TLS"].what
    assert server.seen == []


def test_ca_bundle_may_be_a_folder(authority: Authority, tmp_path: Path) -> None:
    """As in requests; this folder has no file with a name that OpenSSL looks for."""
    policy = Policy(connect_timeout=60.0, ca_bundle=str(tmp_path))
    with serving(reply(200), authority.certify()) as (url, _):
        found = check(url, policy)
    assert "not trusted" in found["TLS"].what
    assert f"checked by {tmp_path} (the connection's field ca_bundle)" in found["TLS"].remedy


@pytest.mark.parametrize(
    ("certificate", "words", "remedy"),
    [
        ({}, "not trusted", "ca_bundle"),
        ({"ends": -timedelta(hours=1)}, "expired", "renewed"),
        ({"begins": DAY}, "not yet valid", "clock"),
        ({"host": "127.0.0.9"}, "IP address mismatch", "base URL"),
    ],
    ids=["unknown", "expired", "early", "other"],
)
def test_the_finding_on_a_refused_certificate_has_the_reason(
    authority: Authority, certificate: dict[str, Any], words: str, remedy: str
) -> None:
    """It describes the certificate and has a remedy; the token was not sent."""
    policy = Policy(connect_timeout=60.0, ca_bundle=str(authority.file) if certificate else None)
    with serving(reply(200), authority.certify(**certificate)) as (url, server):
        found = check(url, policy)
    assert found["TLS"].status is Status.ERROR
    assert words in found["TLS"].what
    assert "CN=houston, signed by CN=Own Authority" in found["TLS"].what
    assert remedy in found["TLS"].remedy
    assert server.seen == []


def test_a_certificate_that_signs_itself_is_refused(tmp_path: Path) -> None:
    """The finding names the issuer."""
    with serving(reply(200), make_certificate(tmp_path)) as (url, _):
        found = check(url)
    assert "self-signed" in found["TLS"].what.replace("self signed", "self-signed")
    assert "signed by CN=test" in found["TLS"].what
    assert "ca_bundle" in found["TLS"].remedy


@pytest.mark.parametrize(("days", "status"), [(1, "warning"), (13, "warning"), (15, "ok")])
def test_a_certificate_that_ends_soon_is_a_warning(authority: Authority, days: int, status: str) -> None:
    """The warning begins two weeks before the end."""
    policy = Policy(connect_timeout=60.0, ca_bundle=str(authority.file))
    with serving(reply(200), authority.certify(ends=days * DAY + timedelta(hours=1))) as (url, _):
        found = check(url, policy)
    assert found["TLS"].status.value == status
    assert (f"expires in {days} day(s)" in found["TLS"].what) is (status == "warning")


def test_a_check_that_is_switched_off_is_a_warning(authority: Authority) -> None:
    """The finding describes the certificate, even an expired one."""
    with serving(reply(200), authority.certify(ends=-timedelta(hours=1))) as (url, _):
        found = check(url, Policy(connect_timeout=60.0, verify=False))
    assert found["TLS"].status is Status.WARNING
    assert "verify is false" in found["TLS"].what
    assert "CN=houston" in found["TLS"].what


@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_an_unusable_ca_bundle_is_an_error(tmp_path: Path, kind: str) -> None:
    """The file does not exist or contains no authorities."""
    file = tmp_path / "authorities.pem"
    if kind == "empty":
        file.write_text("nothing", encoding="utf-8")
    with serving(reply(200), make_certificate(tmp_path)) as (url, _):
        found = check(url, Policy(connect_timeout=60.0, ca_bundle=str(file)))
    assert found["TLS"].status is Status.ERROR
    assert str(file) in found["TLS"].what


def test_https_to_a_plain_http_server_is_an_error() -> None:
    """The remedy is to check that the port serves TLS."""
    with serving(reply(200)) as (url, _):
        found = check(url.replace("http:", "https:"))
    assert found["TLS"].status is Status.ERROR
    assert "The TLS handshake with 127.0.0.1:" in found["TLS"].what
    assert "its port serves TLS" in found["TLS"].remedy


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run a server that calls ``answer`` for each connection; yield its address as https://."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        ended = threading.Event()

        def serve() -> None:
            kept = []
            while not ended.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    break
                kept.append(connection)
                answer(connection)
            for connection in kept:
                connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.getsockname()[1]}"
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join(60)


def test_a_handshake_without_answer_is_an_error() -> None:
    """The server accepts the connection and sends nothing."""
    with listening(lambda _: None) as url:
        found = check(url, SHORT)
    assert found["TLS"].status is Status.ERROR
    assert "The TLS handshake with " in found["TLS"].what
    assert "no answer within 0.2 s" in found["TLS"].what


def test_an_aborted_handshake_is_an_error() -> None:
    """The server closes the connection at once."""
    with listening(lambda connection: connection.close()) as url:
        found = check(url)
    assert found["TLS"].status is Status.ERROR


# Proxies


@pytest.mark.parametrize("source", ["field", "environment"])
def test_a_proxy_and_the_path_through_it_are_checked(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """DNS and TCP check the proxy, and their findings say so; the certificate is the platform's."""
    with proxying("me:pr0xypass") as proxy, serving(reply(200), authority.certify()) as (url, server):
        address = f"http://me:pr0xypass@127.0.0.1:{proxy.server_address[1]}"
        proxies = (("https", address),) if source == "field" else ()
        if source == "environment":
            monkeypatch.setenv("HTTPS_PROXY", address)
            monkeypatch.setenv("NO_PROXY", "")
            monkeypatch.setenv("no_proxy", "")
        policy = Policy(connect_timeout=60.0, ca_bundle=str(authority.file), proxies=proxies)
        found = check(url, policy)
    assert statuses(found) == ["ok", "ok", "ok", "ok"]
    assert "the proxy 127.0.0.1:" in found["DNS"].what
    assert "the proxy 127.0.0.1:" in found["TCP"].what
    assert found["PROXY"].what.endswith(f" connects to {url.removeprefix('https://')}.")
    assert "CN=houston" in found["TLS"].what
    assert set(proxy.targets) == {url.removeprefix("https://")}
    assert server.seen == []
    assert "pr0xypass" not in repr(found)


@pytest.mark.parametrize("user", ["", "me:wrong@"])
def test_a_proxy_that_requires_a_password_is_an_error(authority: Authority, user: str) -> None:
    """The finding has the proxy's answer, and not the password."""
    with proxying("me:pr0xypass") as proxy, serving(reply(200), authority.certify()) as (url, _):
        address = f"http://{user}127.0.0.1:{proxy.server_address[1]}"
        found = check(url, Policy(connect_timeout=60.0, proxies=(("https", address),)))
    assert statuses(found) == ["ok", "ok", "error", "skipped"]
    assert "407" in found["PROXY"].what
    assert "user and password" in found["PROXY"].remedy
    assert "wrong" not in repr(found)


def test_an_unreachable_proxy_is_an_error() -> None:
    """The finding and the remedy are about the proxy, not the platform."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        found = check("https://houston.invalid", Policy(connect_timeout=60.0, proxies=(("https", address),)))
    assert statuses(found) == ["ok", "error", "skipped", "skipped"]
    assert "There is no connection to the proxy 127.0.0.1:" in found["TCP"].what
    assert "proxies" in found["TCP"].remedy
    missing = check("https://h.invalid", Policy(proxies=(("https", "http://no-such-proxy.invalid:3128"),)))
    assert "proxies" in missing["DNS"].remedy


def test_the_path_through_an_https_proxy_is_not_checked() -> None:
    """The findings say what was not checked."""
    with serving(reply(200)) as (url, _):
        policy = Policy(connect_timeout=60.0, proxies=(("https", url.replace("http:", "https:")),))
        found = check("https://houston.invalid", policy)
    assert statuses(found) == ["ok", "ok", "unknown", "unknown"]
    assert "not a plain HTTP proxy" in found["TLS"].what


def test_a_proxy_for_clear_text_is_the_only_hop() -> None:
    """http:// requests go to the proxy without a tunnel."""
    with serving(reply(200)) as (url, _):
        found = check("http://localhost:1", Policy(connect_timeout=60.0, proxies=(("http", url),)))
    assert statuses(found) == ["ok", "ok", "skipped", "skipped"]


@pytest.mark.parametrize(
    "value", ["http://me:pr0xypass@", "http://me:pr0xypass/@proxy:3128", "http://proxy:pr0xypass"]
)
def test_a_proxy_that_is_not_a_url_is_an_error(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Requests would fail, too. The finding does not show a password in it."""
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("HTTPS_PROXY", value)
    found = check("https://houston.example.com/v1")
    assert statuses(found) == ["error", "skipped", "skipped", "skipped"]
    assert "HTTPS_PROXY" in found["DNS"].remedy
    assert "pr0xypass" not in repr(found)


def test_an_ipv6_address_has_brackets() -> None:
    """As in a URL."""
    assert "[::1]:1" in check("http://[::1]:1")["TCP"].what
