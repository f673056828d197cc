# SPDX-License-Identifier: Apache-2.0
"""``/__sandbox__/…``: the control API for tests. JSON in and out, loopback only, no token."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route

from airflow_rollback_provider.sandbox import commands
from airflow_rollback_provider.sandbox.errors import Refused, invalid
from airflow_rollback_provider.sandbox.state import Sandbox

if TYPE_CHECKING:
    from starlette.requests import Request

Handler = Callable[[Sandbox, dict[str, str], Any], Any]


def _endpoint(handler: Handler) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def endpoint(request: Request) -> JSONResponse:
        try:
            body = await _body(request)
            parameters = {**dict(request.query_params), **request.path_params}
            return JSONResponse(handler(request.app.state.sandbox, parameters, body))
        except Refused as refusal:
            status = 404 if refusal.name == "ResourceNotFoundError" else 400
            return JSONResponse({"error": refusal.message}, status)
        except (AttributeError, LookupError, TypeError, ValueError) as problem:
            return JSONResponse({"error": f"{type(problem).__name__}: {problem}"}, 400)

    return endpoint


async def _body(request: Request) -> Any:
    """Return the JSON body; other content types are refused, so that no web page can post here."""
    raw = await request.body()
    if not raw:
        return {}
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise invalid("The control API accepts application/json only")
    return json.loads(raw)


def routes() -> list[Route]:
    """Return the routes of the control API."""
    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/state", commands.get_state),
        ("GET", "/requests", commands.get_requests),
        ("DELETE", "/requests", commands.clear_requests),
        ("GET", "/faults", commands.get_faults),
        ("POST", "/faults", commands.add_faults),
        ("DELETE", "/faults", commands.clear_faults),
        ("GET", "/clock", commands.get_clock),
        ("POST", "/clock", commands.move_clock),
        ("GET", "/settings", commands.get_settings),
        ("POST", "/settings", commands.change_settings),
        ("POST", "/reset", commands.reset),
        ("POST", "/deployments", commands.add_deployment),
        ("GET", "/deployments/{deployment}", commands.get_deployment),
        ("POST", "/deployments/{deployment}", commands.change_deployment),
        ("POST", "/deployments/{deployment}/deploys", commands.land_deploy),
        ("POST", "/deployments/{deployment}/deploys/{deploy}", commands.change_deploy),
        ("DELETE", "/deployments/{deployment}/deploys/{deploy}", commands.remove_deploy),
    )
    return [
        Route(f"/__sandbox__{path}", _endpoint(handler), methods=[method]) for method, path, handler in table
    ]
