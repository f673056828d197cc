# SPDX-License-Identifier: Apache-2.0
"""Access control, checked with Airflow's own web server on both lines."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import pytest
from airflow.models.connection import Connection
from airflow.utils.session import create_session
from sqlalchemy import delete

from airflow_rollback_provider.compat import AIRFLOW_3
from airflow_rollback_provider.domain.idempotency import Origin, describe
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.ui.config import snippets
from airflow_rollback_provider.ui.service import Service
from tests.support.leaks import Evidence
from tests.ui.sites import PAGE, PREFIX, Site

OTHER_SITES = ("cross-site", "same-site", "none")
ROUTES = {f"{PREFIX}/api/{name}" for name in ("options", "deployments", "history", "plan")}


def test_the_routes_are_those_that_are_known(site: Site) -> None:
    """The tests below cover all routes, and only the start changes anything."""
    routes = site.routes()
    assert {path for _, path in routes} > ROUTES
    changing = [(method, path) for method, path in routes if method != "GET"]
    assert changing == ([] if AIRFLOW_3 else [("POST", f"{PREFIX}/api/runs/example_manual_rollback")])


@pytest.mark.matrix
def test_every_route_refuses_an_anonymous_caller(site: Site) -> None:
    """Airflow does not protect the routes of a plugin, so each route is requested."""
    for method, path in site.routes():
        answer = site.send(path, None, method=method)
        if path == PAGE:
            assert (answer.status, "/login/" in answer.headers["location"]) == (302, True)
        elif method == "POST":  # the CSRF token is checked before anything else
            assert answer.status == 400
        else:
            assert (answer.status, answer.code) == (401, "NOT-LOGGED-IN"), path


def test_a_start_refuses_an_anonymous_caller(site: Site) -> None:
    """Also with the CSRF token of their own session, and also if the start is Airflow's own route."""
    path = "/api/v2/dags/example_manual_rollback/dagRuns" if AIRFLOW_3 else _START
    assert site.start(None, path, {"logical_date": None, "conf": {}}).status == 401


_START = f"{PREFIX}/api/runs/example_manual_rollback"


@pytest.mark.matrix
def test_every_route_refuses_users_without_access_to_the_page(site: Site) -> None:
    """A login is not enough."""
    for method, path in site.routes():
        if method != "GET":
            continue
        answer = site.send(path, "stranger")
        if path == PAGE:
            assert (answer.status, answer.headers["location"]) == (302, "/home")
        else:
            assert (answer.status, answer.code) == (403, "NO-ACCESS"), path


@pytest.mark.parametrize("where", OTHER_SITES)
def test_every_route_refuses_other_sites(site: Site, where: str) -> None:
    """A request from another site gets nothing, even with an administrator's session."""
    for method, path in site.routes():
        if method == "GET" and path != PAGE:
            answer = site.send(path, "admin", headers={"Sec-Fetch-Site": where})
            assert (answer.status, answer.code) == (403, "CROSS-SITE"), path


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin"}], ids=["no browser", "own page"])
def test_airflows_own_pages_are_accepted(site: Site, headers: dict[str, str]) -> None:
    """So are programs that are not a browser."""
    assert site.send(f"{PREFIX}/api/options", "admin", headers=headers).status == 200


@pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json", "api", "api/options/x"])
def test_nothing_else_is_there(site: Site, path: str) -> None:
    """Above all no public page that describes the routes."""
    assert site.send(f"{PREFIX}/{path}", "admin").status == 404


@pytest.mark.matrix
def test_a_reader_sees_the_history(site: Site, billing: dict[str, str]) -> None:
    """Reading needs only the permission to open the page."""
    answer = site.send(f"{PREFIX}/api/history", "reader", query=billing)
    assert answer.status == 200
    assert answer.json["summary"]["name"] == "Billing"
    assert answer.headers["cache-control"] == "no-store"


def test_a_reader_sees_that_a_rollback_needs_another_right(
    site: Site, billing: dict[str, str], rollback_dag: str
) -> None:
    """The response says so, and has no request that starts it."""
    (option,) = site.send(f"{PREFIX}/api/options", "reader").json["options"]
    assert not option["may_roll_back"]
    assert f"right to trigger the Dag {rollback_dag}" in option["reason"]
    plan = site.send(f"{PREFIX}/api/plan", "reader", query={**billing, "target": _target(site, billing)}).json
    assert (plan["may_roll_back"], plan["start"]) == (False, None)
    assert plan["plan"]["allowed"]


def test_an_administrator_may_roll_back(site: Site, rollback_dag: str) -> None:
    """The rights are those on the Dag."""
    (option,) = site.send(f"{PREFIX}/api/options", "admin").json["options"]
    assert (option["may_roll_back"], option["reason"], option["dag_id"]) == (True, None, rollback_dag)


@pytest.mark.matrix
@pytest.mark.parametrize(("user", "named"), [("admin", "hosted"), ("reader", "astro_private_cloud_default")])
def test_a_page_that_offers_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, user: str, named: str
) -> None:
    """The setting to copy names the real connections, to users who may list Airflow's connections."""
    monkeypatch.delenv("AIRFLOW__AIRFLOW_ROLLBACK__PAGE_CONNECTIONS")
    other, ours = (
        Connection(conn_id="other", conn_type="http"),
        Connection(conn_id="hosted", conn_type="astro"),
    )
    with create_session() as session:
        session.add_all([other, ours])
    try:
        answer = site.send(f"{PREFIX}/api/options", user).json
    finally:
        with create_session() as session:
            session.execute(delete(Connection))
    assert answer["notice"]["snippets"] == snippets([named])


@pytest.mark.parametrize(
    "query", [{"connection": "apc", "deployment": "x"}, {"connection": "x", "deployment": "x"}]
)
def test_nothing_else_can_be_reached(
    site: Site, rollback_sandbox: SandboxProcess, query: dict[str, str]
) -> None:
    """A Deployment that is not offered is not found, even for an administrator."""
    rollback_sandbox.clear_requests()
    for path in ("history", "plan"):
        answer = site.send(f"{PREFIX}/api/{path}", "admin", query={**query, "target": "x"})
        assert (answer.status, answer.code) == (404, "NOT-OFFERED")
    assert rollback_sandbox.requests() == []


def test_no_token_reaches_the_browser(site: Site, billing: dict[str, str]) -> None:
    """No response and no header contains one."""
    evidence = Evidence()
    target = _target(site, billing)
    for path, query in (("options", {}), ("history", billing), ("plan", {**billing, "target": target})):
        answer = site.send(f"{PREFIX}/api/{path}", "admin", query=query)
        assert answer.status == 200
        evidence.add(path, answer.text)
        evidence.add(path, answer.headers)
    evidence.require_clean()


def test_a_defect_discloses_nothing(
    site: Site, billing: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the log has the details."""

    def fail(*_: Any) -> None:
        raise ZeroDivisionError("inner workings")

    monkeypatch.setattr(Service, "history", fail)
    answer = site.send(f"{PREFIX}/api/history", "admin", query=billing)
    assert (answer.status, answer.code) == (500, "FAILED")
    assert "inner" not in answer.text


def test_no_other_page_sends_requests_to_the_platform(site: Site, rollback_sandbox: SandboxProcess) -> None:
    """Neither Airflow's start nor the list of Deployments sends a request."""
    rollback_sandbox.clear_requests()
    for path in ("/", "/api/v2/plugins" if AIRFLOW_3 else "/home", f"{PREFIX}/api/options"):
        assert site.send(path, "admin").status in (200, 302)
    assert rollback_sandbox.requests() == []


def _target(site: Site, billing: dict[str, str]) -> str:
    rows = site.send(f"{PREFIX}/api/history", "admin", query=billing).json["rows"]
    return str(next(row["id"] for row in rows if row["can_roll_back"]))


# -- starting ------------------------------------------------------------------------------------------


def _start_of(site: Site, billing: dict[str, str]) -> dict[str, Any]:
    target = _target(site, billing)
    start: dict[str, Any] = site.send(
        f"{PREFIX}/api/plan", "admin", query={**billing, "target": target}
    ).json["start"]
    start["body"]["conf"]["description"] = "Orders fail"
    return start


def _audit(dag_id: str) -> list[tuple[str, str | None]]:
    """Users and actions on a Dag, oldest first, from Airflow's audit log."""
    from airflow.models.log import Log

    with create_session() as session:
        rows = session.query(Log).filter(Log.dag_id == dag_id).order_by(Log.id).all()
        return [(row.event, row.owner) for row in rows]


@pytest.mark.matrix
def test_a_start_is_a_run_with_its_user_in_the_audit_log(
    site: Site, billing: dict[str, str], rollback_dag: str
) -> None:
    """The run has the guard against deploys that landed meanwhile, and its state can be read."""
    start = _start_of(site, billing)
    before = _audit(rollback_dag)
    answer = site.start("admin", start["url"], start["body"])
    assert answer.status == 200, answer.text
    assert answer.json["state"] == "queued"
    run_id = answer.json["dag_run_id"]
    # Airflow 3 keeps the user itself.
    user = {} if AIRFLOW_3 else {"asked_by": "admin"}
    assert _conf(rollback_dag, run_id) == {**start["body"]["conf"], **user}
    assert start["body"]["conf"]["expected_current_deploy_id"]
    (line,) = _audit(rollback_dag)[len(before) :]
    assert line == ("trigger_dag_run" if AIRFLOW_3 else "trigger", "admin")
    shown = site.send(start["run_url"].replace("{run_id}", run_id), "admin")
    assert (shown.json["dag_run_id"], shown.json["state"]) == (run_id, "queued")


@pytest.mark.matrix
def test_a_rollback_in_the_history_leads_to_its_run(
    site: Site, billing: dict[str, str], rollback_dag: str, rollback_sandbox: SandboxProcess
) -> None:
    """In this Airflow only if it has the run; the address is of this Airflow."""
    start = _start_of(site, billing)
    run_id = site.start("admin", start["url"], start["body"]).json["dag_run_id"]
    for name in (run_id, "manual__elsewhere"):
        text = describe("Orders fail", "0" * 20, 500, Origin(rollback_dag, name, "ana"))
        rollback_sandbox.land_deploy(billing["deployment"], rollback_to=1, description=text)
    query = {**billing, "fresh": "now"}
    rows = site.send(f"{PREFIX}/api/history", "admin", query=query).json["rows"]
    assert rows[0]["origin"]["run_page"] is None
    page = rows[1]["origin"]["run_page"]
    assert page == start["run_page"].replace("{run_id}", quote(run_id, safe=""))


def _conf(dag_id: str, run_id: str) -> Any:
    from airflow.models.dagrun import DagRun

    (run,) = DagRun.find(dag_id=dag_id, run_id=run_id)
    return run.conf


@pytest.mark.matrix
def test_a_second_start_starts_no_other_run(site: Site, billing: dict[str, str], rollback_dag: str) -> None:
    """After a lost response the page sends the same run id, and Airflow accepts an id once."""
    start = _start_of(site, billing)
    start["body"]["dag_run_id"] = f"deploy_history__{uuid.uuid4()}"
    first = site.start("admin", start["url"], start["body"])
    assert (first.status, first.json["dag_run_id"]) == (200, start["body"]["dag_run_id"])
    assert site.start("admin", start["url"], start["body"]).status == 409
    shown = site.send(start["run_url"].replace("{run_id}", start["body"]["dag_run_id"]), "admin")
    assert shown.json["state"] == "queued"


@pytest.mark.matrix
def test_a_start_refuses_a_reader(site: Site, billing: dict[str, str], rollback_dag: str) -> None:
    """The server itself refuses it."""
    start = _start_of(site, billing)
    assert site.start("reader", start["url"], start["body"]).status == 403


@pytest.mark.parametrize("user", ["reader", "admin"])
def test_a_dag_that_is_paused_or_unknown_is_not_started(
    site: Site, rollback_dag: str, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    """A run would not begin, so the page names the Dag and the reason."""
    from airflow.models.dag import DagModel

    def reason() -> str:
        return str(site.send(f"{PREFIX}/api/options", user).json["options"][0]["reason"])

    _pause(rollback_dag, paused=True)
    try:
        assert ("is paused" in reason()) is (user == "admin")
    finally:
        _pause(rollback_dag, paused=False)
    monkeypatch.setattr(DagModel, "get_current", classmethod(lambda *_: None))
    assert ("has no Dag" in reason()) is (user == "admin")


def _pause(dag_id: str, *, paused: bool) -> None:
    from airflow.models.dag import DagModel

    with create_session() as session:
        session.query(DagModel).filter(DagModel.dag_id == dag_id).update({"is_paused": paused})


@pytest.mark.skipif(AIRFLOW_3, reason="Airflow 3 starts runs by its own API")
class TestStartInAirflow2:
    """The only route of this package that changes something."""

    def test_it_needs_the_csrf_token(self, site: Site, billing: dict[str, str], rollback_dag: str) -> None:
        """Without it Airflow refuses the request."""
        start = _start_of(site, billing)
        assert site.send(start["url"], "admin", method="POST", body=start["body"]).status == 400

    def test_it_refuses_other_sites(self, site: Any, billing: dict[str, str], rollback_dag: str) -> None:
        """Also with the token."""
        start = _start_of(site, billing)
        headers = {"X-CSRFToken": site.csrf_token(site.client("admin"), PAGE), "Sec-Fetch-Site": "cross-site"}
        answer = site.send(start["url"], "admin", method="POST", body=start["body"], headers=headers)
        assert (answer.status, answer.code) == (403, "CROSS-SITE")

    @pytest.mark.parametrize(
        "body", [None, [], {}, {"conf": "text"}, {"conf": {}, "dag_run_id": "scheduled__x"}]
    )
    def test_it_accepts_json_alone(self, site: Site, rollback_dag: str, body: Any) -> None:
        """A form of another page cannot send it."""
        answer = site.start("admin", f"{PREFIX}/api/runs/{rollback_dag}", body)
        assert (answer.status, answer.code) == (400, "BAD-REQUEST")

    @pytest.mark.parametrize("change", [{"astro_conn_id": "other"}, {"deployment_id": "other"}])
    def test_it_starts_only_offered_rollbacks(
        self, site: Site, billing: dict[str, str], rollback_dag: str, change: dict[str, str]
    ) -> None:
        """It cannot reach another connection."""
        start = _start_of(site, billing)
        start["body"]["conf"] |= change
        answer = site.start("admin", start["url"], start["body"])
        assert (answer.status, answer.code) == (404, "NOT-OFFERED")

    def test_a_refusal_of_airflow_is_returned(
        self, site: Site, billing: dict[str, str], rollback_dag: str
    ) -> None:
        """For example, a description that the Dag does not accept."""
        start = _start_of(site, billing)
        start["body"]["conf"]["description"] = ""
        answer = site.start("admin", start["url"], start["body"])
        assert (answer.status, answer.code) == (400, "BAD-REQUEST")
        assert "description" in answer.json["error"]["message"]

    def test_an_unknown_run(self, site: Site, rollback_dag: str) -> None:
        """It is not found."""
        assert site.send(f"{PREFIX}/api/runs/{rollback_dag}/x", "admin").status == 404
