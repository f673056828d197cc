# SPDX-License-Identifier: Apache-2.0
"""How the tests talk to a platform: over either transport, without waiting between tries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, TypeVar

from airflow_rollback_provider.platforms.base import Conversation, Platform
from airflow_rollback_provider.platforms.client_pool import ClientPool
from airflow_rollback_provider.platforms.policy import Policy
from airflow_rollback_provider.platforms.registry import Connected, connect
from airflow_rollback_provider.platforms.transport import HttpxTransport, RequestsTransport
from airflow_rollback_provider.sandbox.process import SandboxProcess

T = TypeVar("T")
DRIVERS = ("requests", "httpx")
# Platform → how to connect to the sandbox as one: sandbox, name of a token, fields of ``extra``.
CONNECTIONS: dict[str, Callable[[SandboxProcess, str, dict[str, Any]], dict[str, Any]]] = {
    "private_cloud": lambda sandbox, token, extra: sandbox.connection(token, **extra),
}


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
    """Holds conversations with a platform over one transport, and notes the pauses it would have made."""

    driver: str
    connected: Connected
    pauses: list[float] = field(default_factory=list)

    @property
    def platform(self) -> Platform:
        """The platform."""
        return self.connected.platform

    def with_policy(self, **changes: Any) -> Talker:
        """Return one that uses the network in another way."""
        return Talker(self.driver, replace(self.connected, policy=replace(self.connected.policy, **changes)))

    def run(self, conversation: Conversation[T]) -> T:
        """Hold a conversation to its end."""
        policy = self.connected.policy
        if self.driver == "requests":
            transport = RequestsTransport(policy, sleep=self.pauses.append, dice=lambda: 1.0)
            try:
                return transport.run(conversation)
            finally:
                transport.close()
        return asyncio.run(self._arun(policy, conversation))

    async def _arun(self, policy: Policy, conversation: Conversation[T]) -> T:
        async def pause(seconds: float) -> None:
            self.pauses.append(seconds)

        return await HttpxTransport(policy, pool=ClientPool(), sleep=pause, dice=lambda: 1.0).run(
            conversation
        )


def talker(driver: str, values: dict[str, Any]) -> Talker:
    """Return a talker for a connection as the sandbox describes it."""
    return Talker(driver, connect(connection(**values)))


Talk = Callable[..., Talker]
