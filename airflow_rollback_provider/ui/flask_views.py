# SPDX-License-Identifier: Apache-2.0
"""The page and its server side in Airflow 2: views of Airflow's web server, behind its own permissions.

The page requires ``can read on Deploy History``. To start a rollback, a user also needs the right to trigger
the Dag. The view that starts it writes the same line to the audit log as Airflow's own button.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from airflow.api.common.trigger_dag import trigger_dag
from airflow.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.exceptions import DagRunAlreadyExists
from airflow.models.dagrun import DagRun
from airflow.www.decorators import action_logging
from airflow.www.extensions.init_auth_manager import get_auth_manager
from flask import Blueprint, Response, flash, jsonify, redirect, request, url_for
from flask_appbuilder import BaseView, expose

from airflow_rollback_provider.compat import AirflowException
from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.ui import dags
from airflow_rollback_provider.ui.bundle import read_file
from airflow_rollback_provider.ui.history_query import HistoryQuery
from airflow_rollback_provider.ui.page_client import list_connections
from airflow_rollback_provider.ui.problems import (
    Problem,
    already_started,
    bad_request,
    failed,
    may_not_trigger,
    no_access,
    not_logged_in,
    nothing_here,
    problem_of,
    require_same_origin,
)
from airflow_rollback_provider.ui.service import Addresses, get_service

View = Callable[..., Any]

log = logging.getLogger(__name__)

RESOURCE = "Deploy History"
"""The resource of the permission to see the page."""

_TEMPLATE = "airflow_rollback_provider/deploy_history.html"
_BUNDLE = "deploy-history-2.js"
_RUN_ID = "deploy_history__"


def templates() -> Blueprint:
    """Return a blueprint that adds the page's template. It has no route."""
    return Blueprint("airflow_rollback_provider", __name__, template_folder="templates")


def guarded(view: View) -> View:
    """Allow only users who may see the page, from Airflow's own pages. Return errors as JSON."""

    @functools.wraps(view)
    def answer(*args: Any, **kwargs: Any) -> Any:
        try:
            require_same_origin(request.headers)
            _require_access()
            return view(*args, **kwargs)
        except Problem as problem:
            return _problem_response(problem)
        except RollbackError as error:
            return _problem_response(problem_of(error))
        except Exception:  # a defect is returned as JSON like every other error
            log.exception("The Deploy History page failed at %s", request.path)
            return _problem_response(failed())

    return answer


class DeployHistoryView(BaseView):
    """The page, its data, and the start of a rollback."""

    route_base = "/rollback"
    default_view = "page"
    class_permission_name = RESOURCE
    base_permissions = ("can_read",)

    @expose("/")
    def page(self) -> Any:
        """Show the page. A link from another site may open it, because it contains no data yet."""
        try:
            _require_access()
        except Problem as problem:
            return _redirect(problem)
        return self.render_template(_TEMPLATE, base=_base(), bundle=_BUNDLE)

    @expose("/api/options")
    @guarded
    def options(self) -> Any:
        user = get_auth_manager().get_user_display_name() if get_auth_manager().is_logged_in() else None
        return _json_response(get_service().options(2, user, _start_problem, _connections))

    @expose("/api/deployments")
    @guarded
    def deployments(self) -> Any:
        start = _parameter("start", "0")
        if not start.isdecimal():
            raise bad_request("The request lacks or misuses: start.")
        return _json_response(
            get_service().deployments(
                _parameter("connection"), _parameter("search", ""), int(start), _start_problem
            )
        )

    @expose("/api/history")
    @guarded
    def history(self) -> Any:
        query = HistoryQuery.read(
            _parameter("cursor", ""), _parameter("searching", ""), _parameter("fresh", "")
        )
        return _json_response(
            get_service().history(_parameter("connection"), _parameter("deployment"), query, _run_page)
        )

    @expose("/api/plan")
    @guarded
    def plan(self) -> Any:
        return _json_response(
            get_service().plan(
                _parameter("connection"),
                _parameter("deployment"),
                _parameter("target"),
                scope=_parameter("scope", ""),
                expected_current_deploy_id=_parameter("expected_current_deploy_id", ""),
                start_problem=_start_problem,
                addresses=_addresses(),
            )
        )

    @expose("/api/runs/<dag_id>", methods=["POST"])
    @guarded
    def start(self, dag_id: str) -> Any:
        """Start the rollback Dag with the rights of the user. Airflow has already checked the CSRF token."""
        if not _may_access_runs(dag_id, "POST"):
            raise may_not_trigger(dag_id)
        conf, run_id = _read_run_request()
        get_service().require_option(dag_id, conf)
        if (reason := dags.start_problem(dag_id)) is not None:
            raise Problem(409, "BAD-REQUEST", reason, "Nothing was started.")
        # Airflow 2 does not keep who started a run.
        run = _trigger(dag_id, run_id, {**conf, "asked_by": get_auth_manager().get_user_name()})
        return _json_response({"dag_run_id": run.run_id, "state": run.state})

    @expose("/api/runs/<dag_id>/<run_id>")
    @guarded
    def run(self, dag_id: str, run_id: str) -> Any:
        if not _may_access_runs(dag_id, "GET"):
            raise no_access()
        found = DagRun.find(dag_id=dag_id, run_id=run_id)
        if not found:
            raise nothing_here()
        return _json_response({"dag_run_id": run_id, "state": found[0].state})

    @expose("/static/<name>")
    @guarded
    def static(self, name: str) -> Any:
        file = read_file(name)
        if file is None:
            raise nothing_here()
        if request.headers.get("If-None-Match") == file.etag:
            return Response(status=304, headers=file.headers)
        return Response(file.content, headers=file.headers)


@action_logging(event="trigger")
def _trigger(dag_id: str, run_id: str | None, conf: dict[str, Any]) -> DagRun:
    try:
        # mypy runs with Airflow 3, where the function has more parameters.
        run = trigger_dag(dag_id, run_id=run_id, conf=conf, replace_microseconds=False)  # type: ignore[call-arg]
    except DagRunAlreadyExists:
        raise already_started(dag_id, str(run_id)) from None
    except (AirflowException, ValueError) as error:
        raise bad_request(f"Airflow did not start the Dag {dag_id}: {error}") from None
    if run is None:
        raise bad_request(f"Airflow did not start the Dag {dag_id}.")
    return run


def _require_access() -> None:
    manager = get_auth_manager()
    if manager.is_authorized_custom_view(method="GET", resource_name=RESOURCE):
        return
    raise no_access() if manager.is_logged_in() else not_logged_in()


def _redirect(problem: Problem) -> Any:
    """Redirect a user as Airflow's own pages do: to the login, or to the home page with a message."""
    if problem.status == 401:
        return redirect(get_auth_manager().get_url_login(next_url=request.url))
    flash(f"{problem.message} {problem.remedy}", "danger")
    return redirect(url_for("Airflow.index"))


def _may_access_runs(dag_id: str, method: str) -> bool:
    details = DagDetails(id=dag_id)
    allowed: bool = get_auth_manager().is_authorized_dag(
        method=method, access_entity=DagAccessEntity.RUN, details=details
    )
    return allowed


def _start_problem(dag_id: str) -> str | None:
    return dags.start_problem(dag_id) if _may_access_runs(dag_id, "POST") else dags.missing_right(dag_id)


def _connections() -> list[str]:
    return list_connections() if get_auth_manager().is_authorized_connection(method="GET") else []


def _parameter(name: str, default: str | None = None) -> str:
    value = request.args.get(name, default)
    if value is None:
        raise bad_request(f"The request lacks: {name}.")
    return str(value)


def _read_run_request() -> tuple[dict[str, Any], str | None]:
    """Return the run's ``conf`` and its id. The page sends the same id again if the user presses twice."""
    body = request.get_json(silent=True) if request.is_json else None
    conf = body.get("conf") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(conf, dict):
        raise bad_request("The body must be JSON with an object conf.")
    run_id = body.get("dag_run_id")
    if run_id is not None and not (isinstance(run_id, str) and run_id.startswith(_RUN_ID)):
        raise bad_request(f"dag_run_id must be a text that begins with {_RUN_ID}.")
    return conf, run_id


def _base() -> str:
    return f"{request.script_root}/"


def _addresses() -> Addresses:
    runs = f"{_base()}rollback/api/runs/{{dag_id}}"
    return Addresses(runs, f"{runs}/{{run_id}}", f"{_base()}dags/{{dag_id}}/grid?dag_run_id={{run_id}}")


def _run_page(dag_id: str, run_id: str) -> str | None:
    return _addresses().page_of(dag_id, run_id) if dags.has_run(dag_id, run_id) else None


def _json_response(answer: dict[str, Any]) -> Any:
    response = jsonify(answer)
    response.headers["Cache-Control"] = "no-store"
    return response


def _problem_response(problem: Problem) -> Any:
    response = _json_response(problem.to_dict())
    response.status_code = problem.status
    return response
