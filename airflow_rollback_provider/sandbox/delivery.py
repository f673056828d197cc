# SPDX-License-Identifier: Apache-2.0
"""Bring an answer to the client, or what a scripted fault makes of it: what all faces have in common."""

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
    """One request as a face has read it.

    ``names``: what a fault may call it. ``handle``: does what is asked. ``scripted``: the face's form of the
    error that a fault scripts.
    """

    names: tuple[str, ...]
    handle: Callable[[], Answer]
    scripted: Callable[[Fault], Answer]


async def deliver(sandbox: Sandbox, entry: Entry, call: Call) -> ASGIApp:
    """Handle a request unless a fault prevents it, and complete its entry in the record."""
    fault = sandbox.faults.strike(call.names)
    if fault is None:
        return _as_it_is(_handled(call, entry), entry)
    entry.fault = fault.kind
    await asyncio.sleep(fault.delay)
    _land(sandbox, fault, "land_before")
    answer = _handled(call, entry) if fault.handles_request else None
    _land(sandbox, fault, "land_after")
    return _spoilt(call, answer, fault, entry)


def _handled(call: Call, entry: Entry) -> Answer:
    answer = call.handle()
    entry.errors = answer.errors
    return answer


def _land(sandbox: Sandbox, fault: Fault, kind: str) -> None:
    if fault.kind == kind:
        land_deploy(sandbox, {"deployment": str(fault.deployment)}, fault.draft)


def _as_it_is(answer: Answer, entry: Entry) -> Response:
    entry.status = answer.status
    return Response(_json(answer), answer.status, dict(answer.headers), "application/json")


def _spoilt(call: Call, answer: Answer | None, fault: Fault, entry: Entry) -> ASGIApp:
    """Return what goes over the wire when a fault has struck."""
    if fault.kind == "status":
        entry.status = fault.status
        return Response(f"HTTP {fault.status}", fault.status, fault.headers, "text/plain")
    if fault.kind == "api_error":
        return _as_it_is(call.scripted(fault), entry)
    if answer is None or fault.kind == "drop_after":
        return Cut()
    if fault.kind == "slow_body":
        entry.status = answer.status
        return _slow(_json(answer), fault.seconds, answer.status)
    if fault.kind == "body":
        entry.status = answer.status
        return _unreadable(_json(answer), fault.body, answer.status)
    return _as_it_is(answer, entry)


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
