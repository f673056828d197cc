# SPDX-License-Identifier: Apache-2.0
"""Two thin transports with one policy: ``requests`` for tasks and shells, ``httpx`` for the triggerer.

Both send the requests of a flow, retry those that may be sent twice, and throw a failure into the flow,
which may handle it. Neither follows redirects: the token belongs to one address.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.domain.poller import Pause
from airflow_rollback_provider.domain.redaction import quote
from airflow_rollback_provider.http.client_pool import LOCATION, POOL, ClientPool, Lease
from airflow_rollback_provider.http.decoder import Decoder
from airflow_rollback_provider.http.flow import arun_flow, run_flow
from airflow_rollback_provider.http.messages import Flow, Request, Response
from airflow_rollback_provider.http.network_errors import (
    ODD_ANSWER,
    Cause,
    cause_of_httpx,
    cause_of_requests,
    failure,
)
from airflow_rollback_provider.http.retry_policy import Policy, RetryState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    import httpx
    import requests

T = TypeVar("T")


class RequestsTransport:
    """Runs flows with ``requests``. For one thread at a time.

    :param sleep: sleeps for a number of seconds.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        sleep: Callable[[float], None] | None = None,
        rng: Callable[[], float] = random.random,  # noqa: S311 - jitter
    ) -> None:
        self._policy = policy
        self.sleep = sleep or time.sleep
        self._rng = rng
        self._session: requests.Session | None = None

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its value.

        :raises RollbackError: an error of the flow or the network.
        """
        return run_flow(flow, self.send, self.sleep)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def send(self, request: Request) -> Response:
        """Send one request, with the retries of the policy, and return the answer.

        :raises RollbackError: an error of the network.
        """
        return run_flow(_with_retries(self._policy, request, self._rng), self._send_once, self.sleep)

    def _send_once(self, request: Request) -> Response:
        if request.repeatable:
            self._session = self._session or _new_session(self._policy)
            return self._exchange(self._session, request)
        # The server may have closed a kept connection. It would then be unknown whether the request arrived.
        with _new_session(self._policy) as session:
            return self._exchange(session, request)

    def _exchange(self, session: requests.Session, request: Request) -> Response:
        import requests
        import urllib3

        policy = self._policy
        try:
            with session.request(
                request.method,
                request.url,
                json=request.body,
                headers=dict(request.headers),
                timeout=(policy.connect_timeout, policy.read_timeout),
                verify=policy.trust,
                proxies=_proxies(policy, request.url),
                allow_redirects=False,
                stream=True,
                auth=_keep_token,
            ) as answer:
                reader = _BodyReader(request, policy, answer.status_code, answer.headers)
                return reader.read(_chunks(answer))
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, *ODD_ANSWER) as error:
            cause, detail = cause_of_requests(error)
            raise failure(cause, request, policy, detail) from None


class HttpxTransport:
    """Runs flows with ``httpx`` inside an event loop. Transports with one policy share a client.

    :param sleep: sleeps for a number of seconds.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        pool: ClientPool = POOL,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: Callable[[], float] = random.random,  # noqa: S311 - jitter
    ) -> None:
        self._policy = policy
        self._pool = pool
        self.sleep = sleep
        self._rng = rng

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its value.

        :raises RollbackError: an error of the flow or the network.
        """
        try:
            async with self._pool.lease(self._policy) as lease:
                return await arun_flow(flow, partial(self._send, lease), self.sleep)
        finally:
            flow.close()

    async def _send(self, lease: Lease, request: Request) -> Response:
        flow = _with_retries(self._policy, request, self._rng)
        return await arun_flow(flow, partial(self._send_once, lease), self.sleep)

    async def _send_once(self, lease: Lease, request: Request) -> Response:
        if request.repeatable:
            async with lease.semaphore:
                return await self._exchange(lease.client_for(request.url), request)
        # A new connection, as in RequestsTransport.
        async with lease.new_client(self._policy.proxy_for(request.url)) as fresh:
            return await self._exchange(fresh, request)

    async def _exchange(self, client: httpx.AsyncClient, request: Request) -> Response:
        import httpx

        try:
            async with client.stream(
                request.method, request.url, json=request.body, headers=dict(request.headers)
            ) as answer:
                headers = {**answer.headers, "location": answer.extensions[LOCATION]}
                reader = _BodyReader(request, self._policy, answer.status_code, headers)
                return await reader.aread(answer.aiter_raw())
        except (httpx.HTTPError, httpx.InvalidURL, *ODD_ANSWER) as error:
            proxied = self._policy.proxy_for(request.url) is not None
            cause, detail = cause_of_httpx(error, proxied=proxied)
            raise failure(cause, request, self._policy, detail) from None


def _with_retries(policy: Policy, request: Request, rng: Callable[[], float]) -> Flow[Response]:
    """Send one request, again as often as the policy allows, and return the answer."""
    retry_state = RetryState(policy, request, rng)
    while True:
        try:
            response: Response = yield request
        except RollbackError as error:
            pause = retry_state.after_error(error)
            if pause is None:
                raise
        else:
            pause = retry_state.after_answer(response)
            if pause is None:
                return response
        yield Pause(pause)


class _BodyReader:
    """Reads an answer, bounded in length and time."""

    def __init__(self, request: Request, policy: Policy, status: int, headers: Any) -> None:
        self._request = request
        self._policy = policy
        self._status = status
        secrets = [text for value in request.headers.values() for text in (value, value.split()[-1])]
        self._headers = {name.lower(): quote(value, *secrets) for name, value in headers.items()}
        self._decoder = Decoder(self._headers.get("content-encoding", ""))
        self._body = bytearray()
        self._until = time.monotonic() + policy.longest_answer

    def read(self, chunks: Iterator[bytes]) -> Response:
        self._refuse_redirect()
        for chunk in chunks:
            self._take(self._decoder.decode(chunk))
        return self._response()

    async def aread(self, chunks: AsyncIterator[bytes]) -> Response:
        self._refuse_redirect()
        async for chunk in chunks:
            self._take(self._decoder.decode(chunk))
        return self._response()

    def _take(self, chunk: bytes) -> None:
        self._body += chunk
        if len(self._body) > self._policy.most_bytes:
            raise failure(Cause.TOO_LONG, self._request, self._policy)
        if time.monotonic() > self._until:
            raise failure(Cause.READ_TIMEOUT, self._request, self._policy)

    def _refuse_redirect(self) -> None:
        if self._status in (301, 302, 303, 307, 308):
            shown = _place(self._headers.get("location", ""))
            raise failure(Cause.REDIRECT, self._request, self._policy, shown)

    def _response(self) -> Response:
        self._decoder.finish()
        return Response(self._status, self._headers, bytes(self._body), datetime.now(timezone.utc))


def _place(location: str) -> str:
    """Return the host and the path of a redirect's address, as far as it is one."""
    try:
        goal = urlsplit(location)
    except ValueError:
        return "another page"
    return f"{goal.hostname or 'another page'}{goal.path[:80]}"


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    """Yield the body as it arrives and as it is encoded; ``iter_content`` waits until a chunk is full."""
    read = getattr(answer.raw, "read1", None)
    if read is None:  # urllib3 1.x
        yield from answer.raw.stream(2**14, decode_content=False)
        return
    while chunk := read(2**14, decode_content=False):
        yield chunk


def _keep_token(request: Any) -> Any:
    """Prevent ``requests`` from replacing the token by a password of ~/.netrc."""
    return request


def _proxies(policy: Policy, url: str) -> dict[str, str]:
    """Return the proxy for a URL, for ``requests``. The proxy resolves names, as ``httpx`` has it do."""
    proxy = policy.proxy_for(url)
    return {urlsplit(url).scheme: proxy.replace("socks5:", "socks5h:", 1)} if proxy else {}


def _new_session(policy: Policy) -> requests.Session:
    import requests

    session = requests.Session()
    session.headers.update(policy.headers)
    session.trust_env = False
    # Without this, requests would read the whole body of a redirect that it is not to follow.
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]  # it imports late
    return session
