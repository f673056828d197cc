# SPDX-License-Identifier: Apache-2.0
"""Network policy: time-outs, retries, trust. Both transports use the same one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from airflow_rollback_provider import __version__
from airflow_rollback_provider.domain.errors import RollbackError, TlsFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.http.messages import Request, Response

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
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


class RetryState:
    """Retry state of one request: whether it is sent again, and after what pause.

    :param policy: the network policy.
    :param request: the request. It is never sent again unless it is repeatable.
    :param rng: returns random numbers from 0 to 1.
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
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    now: datetime = response.platform_time or response.received_at
    return max(0.0, (moment - now).total_seconds())
