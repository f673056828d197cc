# SPDX-License-Identifier: Apache-2.0
"""Send a response to the client, or inject a scripted fault. All APIs use this."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from airflow_rollback_provider.sandbox.commands import land_deploy
from airflow_rollback_provider.sandbox.connections import Cut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import ASGIApp

    from airflow_rollback_provider.sandbox.answer import Answer
    from airflow_rollback_provider.sandbox.faults import Fault
    from airflow_rollback_provider.sandbox.state import Request as Entry
    from airflow_rollback_provider.sandbox.state import Sandbox

_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_CHUNKS_OF_A_SLOW_BODY = 10


@dataclass(frozen=True)
class Call:
    """One parsed request of an API.

    ``names``: the names by which a fault can match it. ``handle``: carries it out. ``scripted``: returns the
    error of a fault in the form of this API.
    """

    names: tuple[str, ...]
    handle: Callable[[], Answer]
    scripted: Callable[[Fault], Answer]


async def deliver(sandbox: Sandbox, entry: Entry, call: Call) -> ASGIApp:
    """Handle a request unless a fault prevents it, and complete its entry in the record."""
    fault = sandbox.faults.next_for(call.names)
    if fault is None:
        return _unchanged(_handled(call, entry), entry)
    entry.fault = fault.kind
    await asyncio.sleep(fault.delay)
    _land(sandbox, fault, "land_before")
    answer = _handled(call, entry) if fault.handles_request else None
    _land(sandbox, fault, "land_after")
    return _injected(call, answer, fault, entry)


def _handled(call: Call, entry: Entry) -> Answer:
    answer = call.handle()
    entry.errors = answer.errors
    return answer


def _land(sandbox: Sandbox, fault: Fault, kind: str) -> None:
    if fault.kind == kind:
        land_deploy(sandbox, {"deployment": str(fault.deployment)}, fault.draft)


def _unchanged(answer: Answer, entry: Entry) -> Response:
    entry.status = answer.status
    return Response(_json(answer), answer.status, dict(answer.headers), "application/json")


def _injected(call: Call, answer: Answer | None, fault: Fault, entry: Entry) -> ASGIApp:
    """Return the response of a request with an injected fault."""
    if fault.kind == "status":
        entry.status = fault.status
        return Response(f"HTTP {fault.status}", fault.status, fault.headers, "text/plain")
    if fault.kind == "api_error":
        return _unchanged(call.scripted(fault), entry)
    if answer is None or fault.kind == "drop_after":
        return Cut()
    if fault.kind == "slow_body":
        entry.status = answer.status
        return _slow(_json(answer), fault.seconds, answer.status)
    if fault.kind == "body":
        entry.status = answer.status
        return _unreadable(_json(answer), fault.body, answer.status)
    return _unchanged(answer, entry)


def _json(answer: Answer) -> bytes:
    return json.dumps(answer.body).encode()


def _unreadable(payload: bytes, how: str, status: int) -> Response:
    if how == "html":
        return Response(_HTML, status, media_type="text/html")
    if how == "empty":
        return Response(b"", status, media_type="application/json")
    if how == "wrong_shape":
        return Response(b'{"data": ["unexpected", 1]}', status, media_type="application/json")
    return Response(payload[: len(payload) // 2], status, media_type="application/json")


def _slow(payload: bytes, seconds: float, status: int) -> Response:
    size = max(1, -(-len(payload) // _CHUNKS_OF_A_SLOW_BODY))

    async def drip() -> AsyncIterator[bytes]:
        for start in range(0, len(payload), size):
            await asyncio.sleep(seconds / _CHUNKS_OF_A_SLOW_BODY)
            yield payload[start : start + size]

    return StreamingResponse(drip(), status, {"content-length": str(len(payload))}, "application/json")
