# SPDX-License-Identifier: Apache-2.0
"""The sandbox as an ASGI application: the endpoints of two platforms, the control API, a health check."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from airflow_rollback_provider.sandbox import astro, control, houston

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_rollback_provider.sandbox.state import Sandbox


class DateHeader:
    """Middleware that sets each response's Date header from the platform's clock, which a test can change."""

    def __init__(self, app: ASGIApp, sandbox: Sandbox) -> None:
        self.app = app
        self.sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the header to its response."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"date", self._date())]
            await send(message)

        await self.app(scope, receive, dated)

    def _date(self) -> bytes:
        world = self.sandbox.world
        moment = world.clock.now() + timedelta(seconds=world.settings.date_offset)
        return format_datetime(moment.replace(microsecond=0), usegmt=True).encode()


async def _healthy(request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok", "scenario": request.app.state.sandbox.scenario})


def make_app(sandbox: Sandbox) -> Starlette:
    """Create the application of a sandbox.

    It accepts only requests to a loopback name, so that no web page can reach it through its own DNS name.
    """
    app = Starlette(
        routes=[
            Route("/v1", houston.endpoint, methods=["POST"]),
            *astro.routes(),
            Route("/healthz", _healthy),
            *control.routes(),
        ],
        middleware=[
            Middleware(DateHeader, sandbox=sandbox),
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "*.localhost"]),
        ],
    )
    app.state.sandbox = sandbox
    return app
