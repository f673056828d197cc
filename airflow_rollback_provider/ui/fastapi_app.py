# SPDX-License-Identifier: Apache-2.0
"""The page's server side in Airflow 3: an app below Airflow's API server, behind Airflow's auth manager.

Every route has the dependencies of the router, because Airflow does not protect the app of a plugin. No route
changes anything: a rollback starts through Airflow's own API, with the rights of the user.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlparse

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.configuration import conf
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.ui import dags
from airflow_rollback_provider.ui.bundle import read_file
from airflow_rollback_provider.ui.history_query import HistoryQuery
from airflow_rollback_provider.ui.page_client import list_connections
from airflow_rollback_provider.ui.problems import (
    Problem,
    bad_request,
    failed,
    no_access,
    not_logged_in,
    nothing_here,
    problem_of,
    require_same_origin,
)
from airflow_rollback_provider.ui.service import Addresses, Answer, get_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

T = TypeVar("T")

log = logging.getLogger(__name__)

_NO_STORE = {"Cache-Control": "no-store"}

# Airflow's routes share one pool of threads. A platform that hangs can fill this pool, but not Airflow's.
# Most of these threads wait for a platform, or for the load of another request.
_threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="deploy-history")
# Requests that call no platform do not queue behind those that do.
_local_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="deploy-history-options")


def same_origin(request: Request) -> None:
    """Refuse the requests of another site's page."""
    require_same_origin(request.headers)


def may_read_the_page(user: GetUserDep) -> None:
    """Refuse users without the right to view plugins, which Airflow's menu requires as well."""
    if not get_auth_manager().is_authorized_view(access_view=AccessView.PLUGINS, user=user):
        raise no_access()


router = APIRouter(dependencies=[Depends(same_origin), Depends(may_read_the_page)])


@router.get("/api/options")
async def options(request: Request, user: GetUserDep) -> Response:
    start_problem = _start_problem(request, user)

    def connections() -> list[str]:
        may_list = get_auth_manager().is_authorized_connection(method="GET", user=user)
        return list_connections() if may_list else []

    return await _answer(
        lambda: get_service().options(3, user.get_name(), start_problem, connections), _local_threads
    )


@router.get("/api/deployments")
async def deployments(
    request: Request, user: GetUserDep, connection: str, search: str = "", start: int = Query(0, ge=0)
) -> Response:
    start_problem = _start_problem(request, user)
    return await _answer(lambda: get_service().deployments(connection, search, start, start_problem))


@router.get("/api/history")
async def history(
    connection: str, deployment: str, cursor: str = "", searching: str = "", fresh: str = ""
) -> Response:
    query = HistoryQuery.read(cursor, searching, fresh)
    return await _answer(lambda: get_service().history(connection, deployment, query, _run_page))


@router.get("/api/plan")
async def plan(
    request: Request,
    user: GetUserDep,
    connection: str,
    deployment: str,
    target: str,
    scope: str = "",
    expected_current_deploy_id: str = "",
) -> Response:
    start_problem = _start_problem(request, user)
    return await _answer(
        lambda: get_service().plan(
            connection,
            deployment,
            target,
            scope=scope,
            expected_current_deploy_id=expected_current_deploy_id,
            start_problem=start_problem,
            addresses=addresses(),
        )
    )


@router.get("/static/{name}")
def static(name: str, request: Request) -> Response:
    file = read_file(name)
    if file is None:
        raise HTTPException(404)
    if request.headers.get("If-None-Match") == file.etag:
        return Response(status_code=304, headers=file.headers)
    return Response(file.content, headers=file.headers)


def base_path() -> str:
    """Return the path of this Airflow's base URL, with a slash at its end."""
    return urlparse(conf.get("api", "base_url", fallback=None) or "/").path.rstrip("/") + "/"


def addresses() -> Addresses:
    """Return the addresses at which this Airflow starts and shows runs."""
    runs = f"{base_path()}api/v2/dags/{{dag_id}}/dagRuns"
    return Addresses(runs, f"{runs}/{{run_id}}", f"{base_path()}dags/{{dag_id}}/runs/{{run_id}}")


def _run_page(dag_id: str, run_id: str) -> str | None:
    return addresses().page_of(dag_id, run_id) if dags.has_run(dag_id, run_id) else None


def make_app() -> FastAPI:
    """Create the app, without the pages that describe an API: those would be public."""
    app = FastAPI(title="Deploy History", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(router)
    app.add_exception_handler(Problem, _handle_problem)
    app.add_exception_handler(RollbackError, _handle_error)
    app.add_exception_handler(StarletteHTTPException, _handle_http_error)
    app.add_exception_handler(RequestValidationError, _handle_invalid_request)
    app.add_exception_handler(Exception, _handle_defect)
    return app


async def _answer(work: Callable[[], Answer], threads: ThreadPoolExecutor = _threads) -> Response:
    answer = await asyncio.get_running_loop().run_in_executor(threads, work)
    return JSONResponse(answer, headers=_NO_STORE)


def _start_problem(request: Request, user: BaseUser) -> Callable[[str], str | None]:
    def start_problem(dag_id: str) -> str | None:
        if not _may_start(request, user, dag_id):
            return dags.missing_right(dag_id)
        return dags.start_problem(dag_id)

    return start_problem


def _may_start(request: Request, user: BaseUser, dag_id: str) -> bool:
    """Check the access as Airflow's own route that starts a run does."""
    try:
        requires_access_dag("POST", DagAccessEntity.RUN, dag_id)(request, user)
    except HTTPException:
        return False
    return True


def _problem_response(problem: Problem) -> Response:
    return JSONResponse(problem.to_dict(), problem.status, headers=_NO_STORE)


async def _handle_problem(_: Request, problem: Any) -> Response:
    return _problem_response(problem)


async def _handle_error(_: Request, error: Any) -> Response:
    return _problem_response(problem_of(error))


async def _handle_http_error(_: Request, error: Any) -> Response:
    """Translate the errors of Airflow's own dependencies and of the framework."""
    problems = {401: not_logged_in(), 403: no_access(), 404: nothing_here()}
    problem = problems.get(error.status_code) or bad_request(str(error.detail))
    problem.status = error.status_code
    return _problem_response(problem)


async def _handle_invalid_request(_: Request, error: Any) -> Response:
    names = ", ".join(str(found["loc"][-1]) for found in error.errors())
    return _problem_response(bad_request(f"The request lacks or misuses: {names}."))


async def _handle_defect(request: Request, error: Any) -> Response:
    log.error("The Deploy History page failed at %s", request.url.path, exc_info=error)
    return _problem_response(failed())
