# SPDX-License-Identifier: Apache-2.0
"""How the tests talk to a platform: over either transport, without waiting between tries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, TypeVar

from airflow_rollback_provider.http.client_pool import ClientPool
from airflow_rollback_provider.http.messages import Flow, Request, Response
from airflow_rollback_provider.http.retry_policy import Policy
from airflow_rollback_provider.http.transports import HttpxTransport, RequestsTransport
from airflow_rollback_provider.platforms.base import Platform
from airflow_rollback_provider.platforms.registry import Connected, connect
from tests.support import openapi

T = TypeVar("T")
DRIVERS = ("requests", "httpx")


def connection(**fields: Any) -> SimpleNamespace:
    """Return what the package reads of an Airflow connection; given fields replace the usual ones."""
    usual = {
        "conn_id": "apc",
        "conn_type": "astro_private_cloud",
        "host": "https://houston.example.com",
        "schema": None,
        "port": None,
        "password": "tok-3cr3t",
        "extra": None,
    }
    return SimpleNamespace(**{**usual, **fields})


@dataclass
class Talker:
    """Holds flows with a platform over one transport, and notes the pauses it would have made.

    What it says to a platform whose API has an OpenAPI document, and what that answers, is held to the
    document where there is one.

    :param driver: one of :data:`DRIVERS`.
    :param values: the connection.
    :param changes: how the network is used in another way than the connection says.
    :param spoilt: answers may differ from the document: a fault is set.
    :param held: whether the document is looked at.
    """

    driver: str
    values: dict[str, Any]
    changes: dict[str, Any] = field(default_factory=dict)
    spoilt: bool = False
    held: bool = True
    pauses: list[float] = field(default_factory=list)
    connected: Connected = field(init=False)

    def __post_init__(self) -> None:
        connected = connect(connection(**self.values))
        self.connected = replace(connected, policy=replace(connected.policy, **self.changes))

    @property
    def platform(self) -> Platform:
        """The platform."""
        return self.connected.platform

    def with_faults(self, **changes: Any) -> Talker:
        """Return one for a platform that is made to fail, which uses the network in another way."""
        return Talker(self.driver, self.values, changes, spoilt=True)

    def with_token(self, token: str) -> Talker:
        """Return one with another token."""
        return Talker(self.driver, {**self.values, "password": token})

    def run(self, flow: Flow[T]) -> T:
        """Hold a flow to its end."""
        policy = self.connected.policy
        if self.held:
            flow = held_to_document(flow, spoilt=self.spoilt)
        if self.driver == "requests":
            transport = RequestsTransport(policy, sleep=self.pauses.append, rng=lambda: 1.0)
            try:
                return transport.run(flow)
            finally:
                transport.close()
        return asyncio.run(self._arun(policy, flow))

    async def _arun(self, policy: Policy, flow: Flow[T]) -> T:
        async def pause(seconds: float) -> None:
            self.pauses.append(seconds)

        return await HttpxTransport(policy, pool=ClientPool(), sleep=pause, rng=lambda: 1.0).run(flow)


def held_to_document(flow: Flow[T], *, spoilt: bool = False) -> Flow[T]:
    """Listen to a flow and require that it is one of the platform's OpenAPI document, if it has one.

    :param spoilt: answers may differ from the document.
    """
    try:
        request = next(flow)
        while True:
            _hold_request(request)
            try:
                response = yield request
            except Exception as error:  # noqa: BLE001 - it goes where it would have gone
                request = flow.throw(error)
                continue
            if not spoilt:
                _hold_answer(request, response)
            request = flow.send(response)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        flow.close()


def _has_document(request: Request) -> bool:
    return "/organizations/" in request.url and openapi.PATH.is_file()


def _hold_request(request: Request) -> None:
    if _has_document(request):
        body = None if request.body is None else json.dumps(request.body)
        headers = {**request.headers, **({"content-type": "application/json"} if body else {})}
        openapi.check_request(request.method, request.url, headers, body)


def _hold_answer(request: Request, response: Response) -> None:
    if _has_document(request):
        openapi.check_answer(request.method, request.url, response.status, response.headers, response.body)


def talker(driver: str, values: dict[str, Any]) -> Talker:
    """Return a talker for a connection as the sandbox describes it."""
    return Talker(driver, values)


Talk = Callable[..., Talker]
