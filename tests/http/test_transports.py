# SPDX-License-Identifier: Apache-2.0
"""Tests of both transports: the same cases over ``requests`` and ``httpx``."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import fields
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import responses
import respx

from airflow_rollback_provider.domain.errors import (
    MalformedAnswer,
    OutcomeUnknown,
    PlatformUnreachable,
    ProxyUnusable,
    RollbackError,
    TlsFailed,
)
from airflow_rollback_provider.http.messages import Flow, Request, Response
from airflow_rollback_provider.http.retry_policy import Policy
from tests.support.proxies import Proxy, proxying
from tests.support.servers import make_certificate, reply, serving
from tests.support.talking import DRIVERS, Talker

TOKEN = "tok-3cr3t-value"
GZIPPED = gzip.compress(b'{"a": 1}', mtime=0)
TWO_TRIES = Policy(connect_timeout=2, read_timeout=20, tries=2)


def ask(url: str, *, repeatable: bool = True) -> Flow[Response]:
    """Send one request and return the answer."""
    response = yield Request(
        "deploys", "POST", f"{url}/v1", {"query": "{a}"}, {"authorization": TOKEN}, repeatable
    )
    return response


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    """The transport."""
    return str(request.param)


def talker(driver: str, policy: Policy = TWO_TRIES) -> Talker:
    """Return a talker without a platform."""
    return Talker(driver, {}, {item.name: getattr(policy, item.name) for item in fields(policy)})


def failure(driver: str, url: str, policy: Policy = TWO_TRIES, *, repeatable: bool = True) -> RollbackError:
    """Return the error of a request; it never contains the token."""
    with pytest.raises(RollbackError) as caught:
        talker(driver, policy).run(ask(url, repeatable=repeatable))
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address without a listening server; the port is bound, so that no other process uses it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_a_request_and_its_answer_are_complete(driver: str) -> None:
    """Body, token and user agent arrive; the answer's header names are in lower case."""
    with serving(reply(200, b'{"data": 1}', X_Thing="y")) as (url, server):
        response = talker(driver).run(ask(url))
    assert response.json("deploys") == {"data": 1}
    assert response.headers["x-thing"] == "y"
    (seen,) = server.seen
    assert seen["authorization"] == TOKEN
    assert seen["user-agent"].startswith("airflow-rollback-provider/")
    assert seen["content-type"] == "application/json"


def test_a_password_of_netrc_does_not_replace_the_token(
    driver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry of ~/.netrc for the host is ignored."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password wrong\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(reply(200)) as (url, server):
        talker(driver).run(ask(url))
    assert server.seen[0]["authorization"] == TOKEN


def test_reads_are_repeated_until_they_succeed(driver: str) -> None:
    """Two failures, then the answer: three requests, two pauses."""
    answers = iter([reply(503), reply(429, Retry_After="3"), reply(200, b"[]")])
    with serving(lambda handler: next(answers)(handler)) as (url, server):
        talking = talker(driver, Policy())
        assert talking.run(ask(url)).body == b"[]"
    assert len(server.seen) == 3
    assert talking.pauses == [0.5, 3.0]


def test_a_refused_connection_is_named(driver: str, nobody: str) -> None:
    """Nothing was sent, so the outcome is known even for a rollback."""
    error = failure(driver, nobody)
    assert type(error) is PlatformUnreachable
    assert "connection refused" in str(error)
    assert "2 tries" not in str(error)
    assert type(failure(driver, nobody, repeatable=False)) is PlatformUnreachable


def test_an_unknown_name_is_named(driver: str) -> None:
    """The error says that the host name cannot be resolved."""
    error = failure(driver, "http://no-such-host.invalid")
    assert type(error) is PlatformUnreachable
    assert "cannot be resolved" in str(error)
    assert type(failure(driver, "http://no-such-host.invalid", repeatable=False)) is PlatformUnreachable


def test_a_connection_that_takes_too_long_is_named(driver: str) -> None:
    """Nothing was sent before the connection was made, so the outcome is known."""
    with _raising(driver, requests.exceptions.ConnectTimeout(), httpx.ConnectTimeout("")):
        error = failure(driver, "http://h", repeatable=False)
    assert type(error) is PlatformUnreachable
    assert "no connection within 2 s" in str(error)


def test_a_proxy_is_named(driver: str, nobody: str) -> None:
    """The error does not contain the proxy's password."""
    proxy = nobody.replace("://", "://user:pr0xypass@")
    policy = Policy(tries=1, proxies=(("http", proxy), ("https", proxy)))
    for scheme in ("http", "https"):
        error = failure(driver, f"{scheme}://houston.invalid", policy)
        assert type(error) is PlatformUnreachable
        assert "pr0xypass" not in str(error)


def through(proxy: Proxy, certificate: Path) -> Policy:
    """Return a policy for a proxy on the way to a server with a certificate of its own."""
    address = f"http://127.0.0.1:{proxy.server_address[1]}"
    return Policy(tries=1, ca_bundle=str(certificate), proxies=(("https", address),))


def test_the_outcome_is_unknown_when_an_answer_is_lost_behind_a_proxy(driver: str, tmp_path: Path) -> None:
    """The proxy passed the request on, so the server may have carried it out."""

    def drop(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    certificate = make_certificate(tmp_path)
    with proxying() as proxy, serving(drop, certificate) as (url, server):
        assert type(failure(driver, url, through(proxy, certificate), repeatable=False)) is OutcomeUnknown
        assert len(server.seen) == 1


def test_a_refusal_of_the_proxy_means_that_nothing_was_sent(driver: str, tmp_path: Path) -> None:
    """It requires a password: the rollback was not submitted, and a retry may submit it."""
    certificate = make_certificate(tmp_path)
    with proxying("me:pr0xypass") as proxy, serving(reply(200), certificate) as (url, server):
        assert (
            type(failure(driver, url, through(proxy, certificate), repeatable=False)) is PlatformUnreachable
        )
        assert server.seen == []


def test_a_read_timeout_is_named(driver: str) -> None:
    """A read is tried again; the outcome of a rollback is unknown."""

    def sleep(_: BaseHTTPRequestHandler) -> None:
        time.sleep(0.8)

    policy = Policy(read_timeout=0.3, tries=2)
    with serving(sleep) as (url, server):
        error = failure(driver, url, policy)
        assert type(error) is PlatformUnreachable
        assert "no answer within 0.3 s" in str(error)
        assert len(server.seen) == 2
        assert type(failure(driver, url, policy, repeatable=False)) is OutcomeUnknown
        assert len(server.seen) == 3


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", b"nonsense\r\n\r\n"]
)
def test_a_lost_connection_is_named(driver: str, sent: bytes) -> None:
    """After a connection is lost before or within the answer, the outcome of a rollback is unknown."""

    def drop(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(sent)
        handler.close_connection = True

    with serving(drop) as (url, server):
        error = failure(driver, url)
        assert type(error) is PlatformUnreachable
        assert "lost before the answer was complete" in str(error)
        assert type(failure(driver, url, repeatable=False)) is OutcomeUnknown
        assert len(server.seen) == 3


def test_the_length_of_a_body_is_bounded(driver: str) -> None:
    """The bound applies after decompression, so that a small answer cannot become a huge one."""
    bomb = gzip.compress(bytes(8 * 2**20))
    with serving(reply(200, bomb, content_encoding="gzip")) as (url, _):
        policy = Policy(tries=1, most_bytes=2**20)
        error = failure(driver, url, policy)
        assert type(error) is MalformedAnswer
        assert "longer than 1,048,576 bytes" in str(error)
        assert type(failure(driver, url, policy, repeatable=False)) is OutcomeUnknown


def test_the_time_of_an_answer_is_bounded(driver: str) -> None:
    """A body that arrives in small chunks does not prolong a request without end."""

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        for _ in range(20):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    with serving(drip) as (url, _):
        policy = Policy(tries=1, read_timeout=5, longest_answer=0.2)
        assert type(failure(driver, url, policy)) is PlatformUnreachable


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(driver: str, status: int) -> None:
    """The token is not sent to another address, and the error names that address."""
    with (
        serving(reply(200)) as (elsewhere, other),
        serving(reply(status, location=f"{elsewhere}/login")) as (url, _),
    ):
        error = failure(driver, url, Policy(tries=1))
        # A redirect may be the answer to a request that was carried out.
        assert type(failure(driver, url, repeatable=False)) is OutcomeUnknown
    assert type(error) is PlatformUnreachable
    assert "redirects to 127.0.0.1/login" in str(error)
    assert other.seen == []


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_an_untrusted_certificate_is_named(driver: str, tmp_path: Path) -> None:
    """The error has a remedy, and no token was sent; with the CA bundle or unverified it succeeds."""
    certificate = make_certificate(tmp_path)
    with serving(reply(200), certificate) as (url, server):
        for repeatable in (True, False):
            error = failure(driver, url, repeatable=repeatable)
            assert type(error) is TlsFailed
            assert "not trusted" in str(error)
            assert "CA bundle" in str(error)
        assert server.seen == []
        for policy in (Policy(ca_bundle=str(certificate)), Policy(verify=False)):
            assert talker(driver, policy).run(ask(url)).status == 200


def test_a_ca_bundle_without_certificates_is_named(driver: str, tmp_path: Path) -> None:
    """The error is clearer than OpenSSL's."""
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing", encoding="utf-8")
    with serving(reply(200), make_certificate(tmp_path)) as (url, _):
        error = failure(driver, url, Policy(tries=1, ca_bundle=str(empty)))
    assert type(error) is TlsFailed
    assert "contains no certificate authorities" in str(error)


def test_https_to_a_plain_http_server_is_named(driver: str) -> None:
    """The remedy is to check that the port serves TLS."""
    with serving(reply(200)) as (url, _):
        error = failure(driver, url.replace("http:", "https:"))
    assert type(error) is TlsFailed
    assert "serves TLS" in str(error)


def _raising(
    driver: str, of_requests: Exception, of_httpx: Exception
) -> responses.RequestsMock | respx.MockRouter:
    """Make the HTTP library raise an error that cannot be provoked here."""
    if driver == "requests":
        mock = responses.RequestsMock()
        mock.add(responses.POST, "http://h/v1", body=of_requests)
        return mock
    router = respx.mock()
    router.post("http://h/v1").mock(side_effect=of_httpx)
    return router


# The network of the environment


@pytest.mark.parametrize("no_proxy", ["localhost,127.0.0.1,::1/128", "[::1]", "h:80", "fd00::/8", "*", "a b"])
def test_any_list_of_hosts_without_proxy_can_be_read(
    driver: str, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    """A task and the triggerer read NO_PROXY alike (encode/httpx#3221)."""
    set_proxies(monkeypatch, no_proxy=no_proxy)
    with serving(reply(200)) as (url, _):
        assert talker(driver).run(ask(url)).status == 200


@pytest.mark.parametrize(
    ("variable", "no_proxy", "through"),
    [
        ("http_proxy", "10.0.0.0/8", True),
        ("http_proxy", "127.0.0.0/8", False),
        ("http_proxy", "127.0.0.1", False),
        ("all_proxy", "", True),
        ("https_proxy", "", False),
    ],
)
def test_the_environments_proxy_is_chosen_alike(
    driver: str, monkeypatch: pytest.MonkeyPatch, nobody: str, variable: str, no_proxy: str, through: bool
) -> None:
    """Both transports send a request through the same proxy, or through none."""
    set_proxies(monkeypatch, no_proxy=no_proxy, **{variable: f" {nobody} "})
    with serving(reply(200)) as (url, _):
        if through:
            assert "proxy did not pass the request on" in str(failure(driver, url))
        else:
            assert talker(driver).run(ask(url)).status == 200


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize(
    ("proxy", "named"),
    [
        ("socks5://me:pr0xypass@127.0.0.1:1080", "pip install PySocks socksio"),
        ("socks4://127.0.0.1:1080", "http, https, socks5"),
        ("ftp://127.0.0.1", "http, https, socks5"),
        ("http://[::1", "HTTPS_PROXY"),
        ("http://me:pr0xypass@proxy:none", "HTTPS_PROXY"),
        ("http://me:pr0xypass@", "HTTPS_PROXY"),
        ("http://pro xy:1", "HTTPS_PROXY"),
        ("http://me:pr0xypass%C3%A4@proxy:1", "HTTPS_PROXY"),
        ("http://me@proxy:1", "HTTPS_PROXY"),
        ("http://999.999.1.1:80", "HTTPS_PROXY"),
        ("http://me:pr0xy\\pass@proxy:1", "HTTPS_PROXY"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_before_anything_is_sent(
    driver: str, monkeypatch: pytest.MonkeyPatch, proxy: str, named: str, repeatable: bool
) -> None:
    """The error says what to set or to install. It is the same in a task and in the triggerer."""
    set_proxies(monkeypatch, all_proxy=proxy)
    with serving(reply(200)) as (url, server):
        error = failure(driver, url, repeatable=repeatable)
    assert type(error) is ProxyUnusable
    assert not error.retryable
    assert named in str(error)
    assert "pr0xypass" not in str(error)
    assert server.seen == []


def test_the_connections_proxies_count_more_than_the_environments(
    driver: str, monkeypatch: pytest.MonkeyPatch, nobody: str
) -> None:
    """NO_PROXY does not apply to them either."""
    set_proxies(monkeypatch, http_proxy="http://[", no_proxy="*")
    error = failure(driver, "http://127.0.0.1:1", Policy(tries=1, proxies=(("http", nobody),)))
    assert "proxy did not pass the request on" in str(error)


# Odd answers


@pytest.mark.parametrize("place", ["http://[", "http://ö\xff/p", "//", "\x1b[2J", "", "https://h:99999/p"])
@pytest.mark.parametrize("repeatable", [True, False])
def test_a_redirect_to_a_place_that_is_none_is_a_redirect(driver: str, place: str, repeatable: bool) -> None:
    """A malformed header is as good as none."""
    with serving(reply(302, location=place)) as (url, _):
        error = failure(driver, url, Policy(tries=1), repeatable=repeatable)
    assert type(error) is (PlatformUnreachable if repeatable else OutcomeUnknown)
    assert "redirects to" in str(error)
    assert str(error).isprintable()


def test_the_body_of_a_redirect_is_not_read(driver: str) -> None:
    """It may have no end, and nothing in it is needed."""
    done = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("location", "https://login.example.com/")
        handler.send_header("content-length", "1000000")
        handler.end_headers()
        handler.wfile.flush()
        done.wait(30)

    with serving(endless) as (url, _):
        error = failure(driver, url, Policy(tries=1, read_timeout=20))
        done.set()
    assert "redirects to login.example.com/" in str(error)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b'{"a":', mtime=0) + gzip.compress(b" 1}", mtime=0)),
        ("gzip", GZIPPED + bytes(8)),
        ("x-gzip", GZIPPED),
        ("GZip", GZIPPED),
        ("deflate", zlib.compress(b'{"a": 1}')),
        ("deflate", zlib.compress(b'{"a": 1}')[2:-4]),
        ("gzip, identity", GZIPPED),
        ("identity", b'{"a": 1}'),
        ("", b'{"a": 1}'),
    ],
    ids=range(9),
)
def test_every_coding_is_read_alike(driver: str, coding: str, body: bytes) -> None:
    """A task and the triggerer decode a body with the same code, in parts of any size."""
    with serving(reply(200, body, content_encoding=coding)) as (url, _):
        assert talker(driver).run(ask(url)).json("deploys") == {"a": 1}


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b"x"),
        ("gzip", b"not gzip"),
        ("gzip", GZIPPED[:-9]),
        ("deflate", b"no"),
        ("gzip, x-gzip", gzip.compress(GZIPPED, mtime=0)),
    ],
    ids=range(5),
)
def test_a_coding_that_was_not_requested_is_named(driver: str, coding: str, body: bytes) -> None:
    """The same holds for a body of another coding than its header says, and one that ends too early."""
    with serving(reply(200, body, content_encoding=coding)) as (url, server):
        assert type(failure(driver, url, Policy(tries=1))) is MalformedAnswer
        assert type(failure(driver, url, repeatable=False)) is OutcomeUnknown
    assert server.seen[0]["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("written", [TOKEN, TOKEN.upper(), TOKEN.replace("-", "%2D")])
def test_a_header_that_repeats_the_token_is_cleaned(driver: str, written: str) -> None:
    """This holds for every header, so for every text that an error takes from one."""
    headers: dict[str, Any] = {
        "location": f"https://{TOKEN}.example.com/{written}",
        "retry_after": written,
        "x_other": written,
    }
    with serving(reply(302, **headers)) as (url, _):
        error = failure(driver, url, Policy(tries=1))
    assert "redirects to ***.example.com/***" in str(error)
    with serving(reply(200, b"<html>", content_type=f"text/{written}\tx", **headers)) as (url, _):
        response = talker(driver).run(ask(url))
    assert not any(text in str(response.headers) for text in (TOKEN, written))
    with pytest.raises(MalformedAnswer, match=r"text/\*\*\* x"):
        response.json("deploys")


def set_proxies(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Set the proxies of the environment to these alone."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.setenv(name, variables.get(name, ""))
