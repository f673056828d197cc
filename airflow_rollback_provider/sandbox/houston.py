# SPDX-License-Identifier: Apache-2.0
"""``POST /v1``: Houston's endpoint over HTTP, with the scripted faults around it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.responses import Response, StreamingResponse

from airflow_rollback_provider.sandbox.commands import land_deploy
from airflow_rollback_provider.sandbox.connections import Cut
from airflow_rollback_provider.sandbox.graphql_api import Answer, Operation, Session, execute, read_operation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from airflow_rollback_provider.sandbox.faults import Fault
    from airflow_rollback_provider.sandbox.state import Request as Entry
    from airflow_rollback_provider.sandbox.state import Sandbox

_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_CHUNKS_OF_A_SLOW_BODY = 10


async def endpoint(request: Request) -> ASGIApp:
    """Answer one GraphQL request."""
    sandbox: Sandbox = request.app.state.sandbox
    body = await _read(request)
    if body is None:
        return _json(
            {"errors": [{"message": "POST body is no GraphQL request", "name": "BadRequestError"}]}, 400
        )
    operation = read_operation(body["query"], body.get("operationName"))
    authorization = request.headers.get("authorization")
    entry = sandbox.record(operation.name, operation.fields, authorization)
    fault = sandbox.faults.strike(operation.names)
    if fault is not None:
        entry.fault = fault.kind
        await asyncio.sleep(fault.delay)
    answer = None
    _land(sandbox, fault, "land_before")
    if fault is None or fault.handles_request:
        answer = _run(sandbox, authorization, operation, body.get("variables"), entry)
    _land(sandbox, fault, "land_after")
    return _deliver(sandbox, answer, fault, entry)


def _land(sandbox: Sandbox, fault: Fault | None, kind: str) -> None:
    if fault is not None and fault.kind == kind:
        land_deploy(sandbox, {"deployment": str(fault.deployment)}, fault.draft)


async def _read(request: Request) -> dict[str, Any] | None:
    try:
        body = json.loads(await request.body())
    except ValueError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        return None
    good = isinstance(body.get("variables") or {}, dict) and isinstance(body.get("operationName") or "", str)
    return body if good else None


def _run(
    sandbox: Sandbox,
    authorization: str | None,
    operation: Operation,
    variables: dict[str, Any] | None,
    entry: Entry,
) -> Answer:
    answer = execute(Session(sandbox.world, authorization), operation, variables)
    entry.errors = answer.errors
    return answer


def _deliver(sandbox: Sandbox, answer: Answer | None, fault: Fault | None, entry: Entry) -> ASGIApp:
    """Return what goes over the wire: the answer, or what the fault makes of it."""
    scripted = fault is not None and fault.kind == "graphql_error"
    status = sandbox.world.settings.error_status if scripted or (answer and answer.errors) else 200
    entry.status = status
    if fault is not None and fault.kind.startswith("drop"):
        entry.status = None
        return Cut()
    if fault is not None and fault.kind == "status":
        entry.status = fault.status
        return _plain_failure(fault)
    if fault is not None and fault.kind == "graphql_error":
        return _json({"errors": [{"message": fault.message, "name": fault.name}], "data": None}, status)
    payload = json.dumps(answer.body if answer else None).encode()
    if fault is not None and fault.kind == "slow_body":
        return _slow(payload, fault.seconds, status)
    if fault is not None and fault.kind == "body":
        return _spoilt(payload, fault.body, status)
    return Response(payload, status, media_type="application/json")


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(body).encode(), status, media_type="application/json")


def _plain_failure(fault: Fault) -> Response:
    headers = {"retry-after": str(fault.retry_after)} if fault.retry_after is not None else None
    return Response(f"HTTP {fault.status}", fault.status, headers, "text/plain")


def _spoilt(payload: bytes, how: str, status: int) -> Response:
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
