# SPDX-License-Identifier: Apache-2.0
"""Helpers that run a platform's flows over either transport, without pauses between tries."""

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
    """Return the attributes of an Airflow connection that the package reads; arguments replace defaults."""
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
    """Runs a platform's flows over one transport, and records the pauses instead of sleeping.

    Requests and answers are checked against the platform's OpenAPI document if it has one.

    :param driver: one of :data:`DRIVERS`.
    :param values: the connection.
    :param changes: fields of the network policy that differ from the connection's.
    :param spoilt: whether answers may differ from the document, because a fault is set.
    :param checked: whether requests and answers are checked against the document.
    """

    driver: str
    values: dict[str, Any]
    changes: dict[str, Any] = field(default_factory=dict)
    spoilt: bool = False
    checked: bool = True
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
        """Return a talker for a platform with faults and another network policy."""
        return Talker(self.driver, self.values, changes, spoilt=True)

    def with_token(self, token: str) -> Talker:
        """Return a talker with another token."""
        return Talker(self.driver, {**self.values, "password": token})

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        policy = self.connected.policy
        if self.checked:
            flow = checked_against_document(flow, spoilt=self.spoilt)
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


def checked_against_document(flow: Flow[T], *, spoilt: bool = False) -> Flow[T]:
    """Check requests and answers of a flow against the platform's OpenAPI document, if it has one.

    :param spoilt: whether answers may differ from the document.
    """
    try:
        request: Any = next(flow)
        while True:
            _check_request(request)
            try:
                response = yield request
            except Exception as error:  # noqa: BLE001 - passed to the flow
                request = flow.throw(error)
                continue
            if not spoilt:
                _check_answer(request, response)
            request = flow.send(response)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        flow.close()


def _has_document(request: Request) -> bool:
    return "/organizations/" in request.url and openapi.PATH.is_file()


def _check_request(request: Request) -> None:
    if _has_document(request):
        body = None if request.body is None else json.dumps(request.body)
        headers = {**request.headers, **({"content-type": "application/json"} if body else {})}
        openapi.check_request(request.method, request.url, headers, body)


def _check_answer(request: Request, response: Response) -> None:
    if _has_document(request):
        openapi.check_answer(request.method, request.url, response.status, response.headers, response.body)


def talker(driver: str, values: dict[str, Any]) -> Talker:
    """Return a talker for a connection that the sandbox describes."""
    return Talker(driver, values)


Talk = Callable[..., Talker]
