# SPDX-License-Identifier: Apache-2.0
"""Tests of the shared clients of an event loop."""

from __future__ import annotations

import asyncio

import pytest

from airflow_rollback_provider.http import client_pool
from airflow_rollback_provider.http.client_pool import ClientPool
from airflow_rollback_provider.http.retry_policy import Policy

URL = "https://houston.example.com/v1"


async def test_leases_at_the_same_time_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred leases create one client and one TLS context; the end of the last one closes it."""
    made = []
    real = client_pool.tls_context
    monkeypatch.setattr(client_pool, "tls_context", lambda trust: made.append(trust) or real(trust))
    pool, clients = ClientPool(), set()

    async def use() -> None:
        async with pool.lease(Policy()) as lease:
            clients.add(lease.client_for(URL))
            await asyncio.sleep(0.01)

    await asyncio.gather(*(use() for _ in range(100)))
    assert len(clients) == len(made) == 1
    assert clients.pop().is_closed
    assert not any(pool._loops.values())


async def test_the_end_of_one_lease_keeps_the_client_open() -> None:
    """A client is open while there is a lease."""
    pool = ClientPool()
    async with pool.lease(Policy()) as outer:
        async with pool.lease(Policy()) as inner:
            assert inner is outer
            client = inner.client_for(URL)
        assert client is outer.client_for(URL)
        assert not client.is_closed
    assert client.is_closed


async def test_other_policies_have_other_clients() -> None:
    """Connections with different policies do not share a client."""
    pool = ClientPool()
    async with pool.lease(Policy()) as one, pool.lease(Policy(read_timeout=1)) as other:
        assert one.client_for(URL) is not other.client_for(URL)


def test_each_event_loop_has_its_own() -> None:
    """A client of an ended loop is not used in another loop."""
    pool, seen = ClientPool(), []

    async def use() -> None:
        async with pool.lease(Policy()) as lease:
            seen.append(lease.client_for(URL))

    asyncio.run(use())
    asyncio.run(use())
    assert seen[0] is not seen[1]


async def test_a_failed_creation_leaves_no_entry() -> None:
    """The next lease tries again."""
    pool = ClientPool()
    policy = Policy(ca_bundle="/no/such/file.pem")
    for _ in range(2):
        with pytest.raises(Exception, match="does not exist"):
            async with pool.lease(policy):
                pass
    assert not any(pool._loops.values())


async def test_a_cancelled_lease_ends() -> None:
    """A cancelled task does not keep the client open."""
    pool = ClientPool()

    async def use() -> None:
        async with pool.lease(Policy()):
            await asyncio.sleep(60)

    task = asyncio.create_task(use())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not any(pool._loops.values())
