# SPDX-License-Identifier: Apache-2.0
"""The way to a platform, step by step: its name, a connection, the certificate. The token is not sent.

Where a proxy stands on the way, the first two steps are about the proxy, and the certificate is looked at
through it.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from airflow_rollback_provider.domain.findings import Finding, Status, skip
from airflow_rollback_provider.platforms.certificates import Server, examine_certificate
from airflow_rollback_provider.platforms.settings import is_loopback

if TYPE_CHECKING:
    from airflow_rollback_provider.platforms.policy import Policy

_PORTS = {"http": 80, "https": 443}
_MOST_ADDRESSES = 4
_HOSTS = "Check the base URL and the name servers of this machine."


@dataclass(frozen=True)
class Goal:
    """Where a connection leads.

    :param scheme: ``http`` or ``https``.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: SplitResult) -> Goal:
        """Read it from a URL."""
        return cls(url.scheme, url.hostname or "", url.port or _PORTS.get(url.scheme, 0))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class Proxy:
    """A proxy on the way.

    :param goal: where it is.
    :param user: name and password that it is told, None for none.
    """

    goal: Goal
    user: tuple[str, str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"the proxy {self.goal.scheme}://{self.goal}"


def examine_network(address: str, policy: Policy) -> tuple[Finding, ...]:
    """Look at the way to an address: the findings ``DNS``, ``TCP`` and ``TLS``.

    :param address: the platform's URL.
    :param policy: how the network is used: time-outs, proxies, authorities.
    """
    goal, proxy = Goal.of(urlsplit(address)), find_proxy(address, policy)
    first = proxy.goal if proxy else goal
    if not first.host:
        what = "A proxy is named that is no URL with a host."
        remedy = "Write it as http://host:port, in HTTPS_PROXY or where else the environment names it."
        return Finding("DNS", Status.ERROR, what, remedy), *skip(("TCP", "TLS"), "the proxy is no URL.")
    found, dns = _examine_name(first, proxy, policy.connect_timeout)
    if not found:
        return dns, *skip(("TCP", "TLS"), f"the name {first.host} does not resolve.")
    tcp = _examine_port(found, first, proxy, policy.connect_timeout)
    if tcp.status is Status.ERROR:
        return dns, tcp, *skip(("TLS",), f"there is no connection to {first}.")
    return dns, tcp, _examine_security(goal, proxy, policy)


def find_proxy(address: str, policy: Policy) -> Proxy | None:
    """Return the proxy that requests to an address go through, as ``requests`` chooses it."""
    from requests.utils import get_environ_proxies, prepend_scheme_if_needed, select_proxy

    proxies: dict[str, str] = dict(policy.proxies) or get_environ_proxies(address)
    chosen = select_proxy(address, proxies)
    if not chosen:
        return None
    url = urlsplit(prepend_scheme_if_needed(chosen, "http"))
    user = (unquote(url.username), unquote(url.password or "")) if url.username else None
    return Proxy(Goal.of(url), user)


# The name


def _examine_name(goal: Goal, proxy: Proxy | None, timeout: float) -> tuple[list[Any], Finding]:
    """Resolve a name; return what sockets are made with, and the finding."""
    found = _resolve(goal, timeout)
    by_proxy = " The platform's own name is resolved by the proxy." if proxy else ""
    where = f"{proxy}: {goal.host}" if proxy else goal.host
    if isinstance(found, str):
        remedy = "Check the connection's proxies or HTTPS_PROXY." if proxy else _HOSTS
        return [], Finding("DNS", Status.ERROR, f"{where} cannot be resolved: {found}.", remedy)
    addresses = list(dict.fromkeys(item[4][0] for item in found))
    if _is_address(goal.host):
        return found, Finding(
            "DNS", Status.OK, f"{where} is an address, no name has to be resolved.{by_proxy}"
        )
    return found, Finding("DNS", Status.OK, f"{where} is {', '.join(addresses)}.{by_proxy}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _resolve(goal: Goal, timeout: float) -> list[Any] | str:
    """Return addresses, or why there are none. The system's resolver knows no time-out: a thread waits."""
    answers: list[list[Any] | str] = []

    def ask() -> None:
        try:
            answers.append(socket.getaddrinfo(goal.host, goal.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.append(str(getattr(error, "strerror", None) or error))

    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(timeout)
    return answers[0] if answers else f"no answer from the name servers within {timeout:g} s"


# The connection


def _examine_port(found: Iterable[Any], goal: Goal, proxy: Proxy | None, timeout: float) -> Finding:
    """Connect to each address."""
    reached, failed = [], []
    for family, kind, protocol, _, address in list(found)[:_MOST_ADDRESSES]:
        problem = _connect(family, kind, protocol, address, timeout)
        if problem is None:
            reached.append(str(address[0]))
        else:
            failed.append(f"{address[0]}: {problem}")
    where = f"{proxy}" if proxy else str(goal)
    if not reached:
        what = f"There is no connection to {where} ({'; '.join(failed)})."
        return Finding("TCP", Status.ERROR, what, _how_to_connect(failed, proxy))
    if failed:
        what = f"{where} is reached at {', '.join(reached)}, not at all addresses ({'; '.join(failed)})."
        remedy = "Requests take longer until an address answers: have the others mended or taken from DNS."
        return Finding("TCP", Status.WARNING, what, remedy)
    return Finding("TCP", Status.OK, f"{where} is reached at {', '.join(reached)}.")


def _connect(family: int, kind: int, protocol: int, address: Any, timeout: float) -> str | None:
    """Return why no connection came about; None if one did."""
    try:
        with socket.socket(family, kind, protocol) as connection:
            connection.settimeout(timeout)
            connection.connect(address)
    except TimeoutError:
        return f"no connection within {timeout:g} s"
    except ConnectionRefusedError:
        return "connection refused"
    except OSError as error:
        return error.strerror or str(error)
    return None


def _how_to_connect(failed: Iterable[str], proxy: Proxy | None) -> str:
    if proxy:
        return "Check the connection's proxies, or HTTPS_PROXY and NO_PROXY, and that the proxy runs."
    if all("refused" in text for text in failed):
        return "Nothing listens there: check the base URL, its port, and that the platform runs."
    return "Check the base URL, and routes, firewalls and proxies on the way."


# The certificate


def _examine_security(goal: Goal, proxy: Proxy | None, policy: Policy) -> Finding:
    if goal.scheme == "http":
        return _examine_clear_text(goal)
    if proxy and proxy.goal.scheme != "http":
        return Finding(
            "TLS",
            Status.UNKNOWN,
            f"The platform's certificate is not looked at through {proxy}, which is no plain HTTP proxy; "
            "requests check it all the same.",
        )
    through = (proxy.goal.host, proxy.goal.port) if proxy else None
    return examine_certificate(Server(goal.host, goal.port, through, proxy.user if proxy else None), policy)


def _examine_clear_text(goal: Goal) -> Finding:
    if is_loopback(urlsplit(f"http://{goal}")):
        return Finding("TLS", Status.SKIPPED, "Not looked at: http:// on this machine has no certificate.")
    return Finding(
        "TLS",
        Status.WARNING,
        "The connection is not secured: anybody on the way can read the token (allow_http).",
        "Use https:// and take allow_http out of the connection's extra.",
    )
