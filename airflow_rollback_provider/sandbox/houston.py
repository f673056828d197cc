# SPDX-License-Identifier: Apache-2.0
"""``POST /v1``: Houston's endpoint over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from airflow_rollback_provider.sandbox.answer import Answer
from airflow_rollback_provider.sandbox.delivery import Call, deliver
from airflow_rollback_provider.sandbox.graphql_api import Operation, execute, read_operation
from airflow_rollback_provider.sandbox.sessions import Session

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from airflow_rollback_provider.sandbox.faults import Fault
    from airflow_rollback_provider.sandbox.state import Sandbox

_NO_GRAPHQL = {"errors": [{"message": "POST body is no GraphQL request", "name": "BadRequestError"}]}


async def endpoint(request: Request) -> ASGIApp:
    """Handle one GraphQL request."""
    sandbox: Sandbox = request.app.state.sandbox
    body = await _read(request)
    if body is None:
        return JSONResponse(_NO_GRAPHQL, 400)
    operation = read_operation(body["query"], body.get("operationName"))
    session = Session(sandbox.world, request.headers.get("authorization"))
    entry = sandbox.record(operation.name, operation.fields, session.token_name, request.url.path)
    call = Call(
        operation.names,
        lambda: _run(session, operation, body.get("variables")),
        lambda fault: _scripted(sandbox, fault),
    )
    return await deliver(sandbox, entry, call)


async def _read(request: Request) -> dict[str, Any] | None:
    try:
        body = json.loads(await request.body())
    except ValueError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        return None
    good = isinstance(body.get("variables") or {}, dict) and isinstance(body.get("operationName") or "", str)
    return body if good else None


def _run(session: Session, operation: Operation, variables: dict[str, Any] | None) -> Answer:
    answer = execute(session, operation, variables)
    return replace(answer, status=session.world.settings.error_status) if answer.errors else answer


def _scripted(sandbox: Sandbox, fault: Fault) -> Answer:
    body = {"errors": [{"message": fault.message, "name": fault.name}], "data": None}
    return Answer(body, sandbox.world.settings.error_status, headers=fault.headers)
