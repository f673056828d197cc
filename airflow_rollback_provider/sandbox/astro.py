# SPDX-License-Identifier: Apache-2.0
"""``/v1/organizations/…``: hosted Astro's Platform API over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from airflow_rollback_provider.sandbox.answer import Answer
from airflow_rollback_provider.sandbox.astro_api import OPERATIONS, Operation, error_view, handle
from airflow_rollback_provider.sandbox.astro_parameters import RequestContext
from airflow_rollback_provider.sandbox.delivery import Call, deliver
from airflow_rollback_provider.sandbox.sessions import HostedSession

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from airflow_rollback_provider.sandbox.faults import Fault
    from airflow_rollback_provider.sandbox.state import Request as Entry
    from airflow_rollback_provider.sandbox.state import Sandbox

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def routes() -> list[Route]:
    """Return the routes of the operations, and one for all other paths."""
    known = [Route(item.path, _endpoint(item), methods=[item.method]) for item in OPERATIONS]
    return [*known, Route("/v1/organizations/{rest:path}", _endpoint(None), methods=_METHODS)]


def _endpoint(operation: Operation | None) -> Callable[[Request], Awaitable[ASGIApp]]:
    async def endpoint(request: Request) -> ASGIApp:
        sandbox: Sandbox = request.app.state.sandbox
        context = await _read(request)
        session = HostedSession(sandbox.world, request.headers.get("authorization"))
        name = operation.name if operation else None
        entry = sandbox.record(name, (), session.token_name, _path(request))
        call = Call(
            (name,) if name else (),
            lambda: _handle(operation, session, context, entry),
            lambda fault: _scripted(fault, entry),
        )
        return await deliver(sandbox, entry, call)

    return endpoint


async def _read(request: Request) -> RequestContext:
    query = request.query_params
    return RequestContext(
        path=request.path_params,
        query={name: query.getlist(name) for name in query},
        content_type=request.headers.get("content-type", ""),
        body=await request.body(),
    )


def _path(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def _handle(
    operation: Operation | None, session: HostedSession, context: RequestContext, entry: Entry
) -> Answer:
    if operation is None:
        return Answer(error_view("There is no such operation here", 404, entry.id), 404, ("NoSuchOperation",))
    return handle(operation, session, context, entry.id)


def _scripted(fault: Fault, entry: Entry) -> Answer:
    body = error_view(fault.message, fault.status, entry.id, fault.field_errors)
    return Answer(body, fault.status, headers=fault.headers)
