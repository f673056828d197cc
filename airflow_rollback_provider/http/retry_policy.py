# SPDX-License-Identifier: Apache-2.0
"""Network policy: time-outs, retries, trust. Both transports use the same one."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from airflow_rollback_provider import __version__
from airflow_rollback_provider.domain.errors import ProxyUnusable, RollbackError, TlsFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.http.messages import Request, Response

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
# By module: the packages with which requests and httpx use a SOCKS proxy. A task hands over to the triggerer.
_SOCKS = {"socks": "PySocks", "socksio": "socksio"}
# To mask a shorter text would make a log unreadable.
_SHORTEST_SECRET = 5
_TRANSIENT = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Policy:
    """Network policy. Times are in seconds.

    :param connect_timeout: time to connect to the platform, TLS included. Default 5.
    :param read_timeout: time between two chunks of an answer. Default 30.
    :param longest_answer: time from the start of an answer to its last chunk. Default 120.
    :param tries: number of tries for a repeatable request. Default 4.
    :param first_pause: pause before the second try; it doubles with each further try. Default 0.5.
    :param longest_pause: longest pause between two tries, unless ``Retry-After`` is longer. Default 10.
    :param longest_wait: sum of all pauses of a request, ``Retry-After`` included. Default 60.
    :param most_bytes: length limit of a body. Default 16 MiB.
    :param verify: whether the platform's certificate is checked. Default True.
    :param ca_bundle: file with the authorities to trust; None takes the environment's or the default ones.
    :param proxies: scheme and URL of each proxy; empty takes those of the environment. They may contain
        passwords.
    :param user_agent: the ``User-Agent`` header.
    """

    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    longest_answer: float = 120.0
    tries: int = 4
    first_pause: float = 0.5
    longest_pause: float = 10.0
    longest_wait: float = 60.0
    most_bytes: int = 16 * 2**20
    verify: bool = True
    ca_bundle: str | None = None
    proxies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    user_agent: str = f"airflow-rollback-provider/{__version__}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        return {
            "user-agent": self.user_agent,
            "accept": "application/json",
            "accept-encoding": "gzip, deflate",
        }

    @property
    def trust(self) -> bool | str:
        """The authorities for the certificate: a file, the default ones (True) or no check (False).

        The variables are those of ``requests``, so that tasks and the triggerer trust the same authorities.

        :raises TlsFailed: when the file does not exist.
        """
        if not self.verify:
            return False
        _, bundle = self.ca_file
        if bundle is not None and not os.path.exists(bundle):
            raise TlsFailed(
                f"The file {bundle!r} with certificate authorities does not exist on this machine. Correct "
                f"the connection's field CA bundle, or {' and '.join(_CA_VARIABLES)} in the environment."
            )
        return bundle or True

    @property
    def ca_file(self) -> tuple[str, str | None]:
        """The source of the setting, and the file or folder with authorities; None for the default ones."""
        if self.ca_bundle:
            return "the connection's field ca_bundle", self.ca_bundle
        name = next((name for name in _CA_VARIABLES if os.environ.get(name)), None)
        return (name, os.environ[name]) if name else ("certifi", None)

    @property
    def secrets(self) -> tuple[str, ...]:
        """URLs and passwords of the connection's proxies, which must not appear in a log."""
        urls = [url for _, url in self.proxies if "@" in url]
        passwords = [urlsplit(url).password or "" for url in urls]
        long_enough = (one for one in (*passwords, *map(unquote, passwords)) if len(one) >= _SHORTEST_SECRET)
        return tuple(dict.fromkeys((*urls, *long_enough)))

    def proxy_for(self, url: str) -> str | None:
        """Return the proxy for a URL: the connection's, else the environment's, else None.

        The variables and the rules of NO_PROXY are those of ``requests``. Tasks, the triggerer and the doctor
        all use this method: with rules of its own, ``httpx`` would take another way, or fail.

        :raises ProxyUnusable: when one of the two libraries could not use the proxy.
        """
        try:
            return self._proxy_for(url)
        except ProxyUnusable as error:  # a traceback that held the proxy would show its password
            raise error.with_traceback(None) from None

    def _proxy_for(self, url: str) -> str | None:
        from requests.utils import get_environ_proxies, select_proxy

        chosen = (select_proxy(url, dict(self.proxies) or get_environ_proxies(url)) or "").strip()
        source = "the connection's field proxies" if self.proxies else "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"
        return _usable_proxy(chosen, source) if chosen else None


def _usable_proxy(text: str, source: str) -> str:
    text = text if "://" in text else f"http://{text}"
    scheme = text.partition("://")[0].lower()
    if scheme not in _PROXY_SCHEMES or not is_proxy_url(text):
        raise ProxyUnusable(
            f"The proxy to use is not a URL such as http://proxy:3128 with one of the schemes "
            f"{', '.join(_PROXY_SCHEMES)}. No request was sent. Correct {source}."
        )
    missing = [package for module, package in _SOCKS.items() if find_spec(module) is None]
    if scheme.startswith("socks") and missing:
        raise ProxyUnusable(
            f"A SOCKS proxy needs {' and '.join(missing)}. No request was sent. Install them where tasks and "
            f"triggers run (pip install {' '.join(missing)}), or correct {source}."
        )
    return text


def is_proxy_url(text: str) -> bool:
    """Whether a text is a URL of a host, with a user and a port at most, that both HTTP libraries use alike.

    They send different bytes for a user with other characters than those of ASCII, or with no password.
    """
    try:
        url = urlsplit(text)
        port = url.port
        if re.fullmatch(r"[\d.]+", url.hostname or "", re.ASCII):
            IPv4Address(url.hostname)
    except ValueError:
        return False
    alike = unquote(text).isascii() and "\\" not in text and bool(url.username) == bool(url.password)
    return (
        alike
        and is_host(url)
        and "%" not in (url.hostname or "")
        and port != 0
        and url.path in ("", "/")
        and text.isprintable()
        and " " not in text
    )


def is_host(url: SplitResult) -> bool:
    """Whether a URL has a possible host; one that was copied may have invisible characters in it."""
    name = url.hostname or ""
    if "[" in url.netloc.rpartition("@")[2]:
        return is_ipv6(name.partition("%")[0])
    try:
        name = name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return False
    return re.fullmatch(r"\w[\w.-]*", name, re.ASCII) is not None


def is_ipv6(text: str) -> bool:
    """Whether a text is an IPv6 address."""
    try:
        return ip_address(text).version == 6
    except ValueError:
        return False


class RetryState:
    """Retry state of one request: whether it is sent again, and after what pause.

    :param request: the request. It is never sent again unless it is repeatable.
    """

    def __init__(self, policy: Policy, request: Request, rng: Callable[[], float]) -> None:
        self._policy = policy
        self._tries = policy.tries if request.repeatable else 1
        self._rng = rng
        self._sent = 0
        self._waited = 0.0

    def after_error(self, error: RollbackError) -> float | None:
        """Return the pause before the next try in seconds, or None to raise this error."""
        self._sent += 1
        return self._pause(None) if error.retryable else None

    def after_answer(self, response: Response) -> float | None:
        """Return the pause before the next try in seconds, or None to return this answer."""
        self._sent += 1
        return self._pause(retry_after(response)) if response.status in _TRANSIENT else None

    def _pause(self, requested: float | None) -> float | None:
        if self._sent >= self._tries:
            return None
        backoff = min(self._policy.first_pause * 2.0 ** (self._sent - 1), self._policy.longest_pause)
        # Many tasks fail at the same moment. Jitter spreads their retries.
        pause = max(backoff * (0.5 + 0.5 * self._rng()), requested or 0.0)
        self._waited += pause
        return pause if self._waited <= self._policy.longest_wait else None


def retry_after(response: Response) -> float | None:
    """Return the wait that ``Retry-After`` requests (seconds or a date) in seconds, or None."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    moment = response.date("retry-after")
    if moment is None:
        return None
    return max(0.0, (moment - (response.platform_time or response.received_at)).total_seconds())
