# SPDX-License-Identifier: Apache-2.0
"""How the network is used: time-outs, retries, trust. One policy for both transports."""

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
_MAY_PASS = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Policy:
    """How the network is used. Times are in seconds.

    :param connect_timeout: to reach the platform, TLS included.
    :param read_timeout: between two pieces of an answer.
    :param longest_answer: from sending a request to the last piece of its answer.
    :param tries: how often a request is sent that may be sent twice.
    :param first_pause: before the second try; it doubles with each further one.
    :param longest_pause: between two tries, unless the platform asks for a longer one.
    :param longest_wait: all pauses of a request together, those that the platform asks for included.
    :param most_bytes: longest body that is read.
    :param verify: whether the platform's certificate is checked.
    :param ca_bundle: file with the authorities to trust; None takes the usual ones.
    :param proxies: scheme and URL of each proxy; empty takes those of the environment. They may hold
        passwords.
    :param user_agent: what the platform reads in its access log.
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
        """What the certificate is checked against: a file, the usual authorities (True) or nothing (False).

        The variables are those of ``requests``, so that tasks and the triggerer trust the same.

        :raises TlsFailed: when the file is not there.
        """
        if not self.verify:
            return False
        _, bundle = self.ca_file
        if bundle is not None and not os.path.exists(bundle):
            raise TlsFailed(
                f"There is no file {bundle!r} with certificate authorities on this machine. Correct the "
                f"connection's field CA "
                f"bundle, or {' and '.join(_CA_VARIABLES)} in the environment."
            )
        return bundle or True

    @property
    def ca_file(self) -> tuple[str, str | None]:
        """Who names the file or folder with the authorities to trust, and that; None for the usual ones."""
        if self.ca_bundle:
            return "the connection's field ca_bundle", self.ca_bundle
        name = next((name for name in _CA_VARIABLES if os.environ.get(name)), None)
        return (name, os.environ[name]) if name else ("certifi", None)


class RetryState:
    """Decides for one request whether to send it again, and when.

    :param policy: how the network is used.
    :param request: what is sent. One that is not repeatable is never sent again.
    :param rng: returns random numbers from 0 to 1.
    """

    def __init__(self, policy: Policy, request: Request, rng: Callable[[], float]) -> None:
        self._policy = policy
        self._tries = policy.tries if request.repeatable else 1
        self._rng = rng
        self._sent = 0
        self._waited = 0.0

    def after_error(self, error: RollbackError) -> float | None:
        """Return how long to wait before the next try, or None to give up with this error."""
        self._sent += 1
        return self._pause(None) if error.retryable else None

    def after_answer(self, response: Response) -> float | None:
        """Return how long to wait before the next try, or None to take this answer."""
        self._sent += 1
        return self._pause(retry_after(response)) if response.status in _MAY_PASS else None

    def _pause(self, asked: float | None) -> float | None:
        if self._sent >= self._tries:
            return None
        usual = min(self._policy.first_pause * 2.0 ** (self._sent - 1), self._policy.longest_pause)
        # Many tasks fail at the same moment: jitter keeps them from coming back at the same moment.
        pause = max(usual * (0.5 + 0.5 * self._rng()), asked or 0.0)
        self._waited += pause
        return pause if self._waited <= self._policy.longest_wait else None


def retry_after(response: Response) -> float | None:
    """Return how long the platform asks to wait (``Retry-After``: seconds or a date), or None."""
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
