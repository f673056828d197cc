# SPDX-License-Identifier: Apache-2.0
"""The page's responses, with the embedded platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from cryptography.fernet import InvalidToken

from airflow_rollback_provider.domain.errors import (
    DeploymentNotFound,
    DeployNotFound,
    InvalidConnection,
    InvalidTarget,
    PermissionMissing,
    PlatformUnreachable,
    RollbackError,
    StalePlan,
    TlsFailed,
    TokenExpired,
    TokenRefused,
    UnknownField,
)
from airflow_rollback_provider.domain.idempotency import Origin, describe
from airflow_rollback_provider.sandbox.seeds import CASES
from airflow_rollback_provider.ui.config import ALL, DeploymentOption, InvalidOptions, snippets
from airflow_rollback_provider.ui.history_query import HistoryQuery
from airflow_rollback_provider.ui.page_client import PageClient, Platforms
from airflow_rollback_provider.ui.problems import Problem, problem_of
from airflow_rollback_provider.ui.service import DEPLOYMENTS_PER_PAGE, Addresses
from airflow_rollback_provider.ui.snapshot import SECONDS_SHARED, SECONDS_SHARED_FOR_OLDER_DEPLOYS
from tests.support.leaks import Evidence
from tests.ui.conftest import ADDRESSES, Page

# -- the options --------------------------------------------------------------------------------


def test_options_send_no_request(page: Page) -> None:
    """The list shows what the user may do, also while every platform is down."""
    page.options += [
        DeploymentOption("apc", "billing", "Billing", "mine"),
        DeploymentOption("gone", "orders", "orders", "other"),
    ]
    page.sandbox.clear_requests()
    answer = page.service.options(3, "ana", lambda dag_id: "You may not." if dag_id == "other" else None)
    assert answer == {
        "airflow": 3,
        "user": {"name": "ana"},
        "options": [
            {
                "connection": "apc",
                "deployment": "billing",
                "label": "Billing",
                "dag_id": "mine",
                "may_roll_back": True,
                "reason": None,
            },
            {
                "connection": "gone",
                "deployment": "orders",
                "label": "orders",
                "dag_id": "other",
                "may_roll_back": False,
                "reason": "You may not.",
            },
        ],
        "notice": None,
    }
    assert page.sandbox.requests() == []


def test_nothing_offered(page: Page) -> None:
    """The page names the missing setting, to copy with the connections that the user may list."""
    answer = page.service.options(2, None, page.start_problem)
    assert answer["options"] == []
    assert answer["notice"]["code"] == "NOTHING-OFFERED"
    assert "[airflow_rollback] page_connections" in answer["notice"]["remedy"]
    assert answer["notice"]["snippets"] == snippets([])
    conn_ids = ["apc", "hosted"]
    notice = page.service.options(2, None, page.start_problem, lambda: conn_ids)["notice"]
    assert notice["snippets"] == snippets(conn_ids)
    page.offer("image-af3")  # a page with options does not list connections
    assert page.service.options(2, None, page.start_problem, pytest.fail)["notice"] is None


def test_a_setting_that_cannot_be_read(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows what is wrong with the setting."""

    def broken() -> tuple[DeploymentOption, ...]:
        raise InvalidOptions("it is not JSON")

    monkeypatch.setattr(page, "load_options", broken)
    answer = page.service.options(3, "ana", page.start_problem)
    assert (answer["options"], answer["notice"]["message"]) == ([], "it is not JSON")


# -- all Deployments of a connection -------------------------------------------------------------------


@pytest.fixture
def every(page: Page) -> Page:
    """A page that offers all Deployments of its connection."""
    page.options.append(DeploymentOption("apc", ALL, ALL, "roll_back"))
    return page


@pytest.fixture
def many(every: Page) -> Page:
    """The same with 500 Deployments and more."""
    for number in range(500):
        every.sandbox.add_deployment(f"team-{number}", label=f"Team {number:03}", release=f"star-{number}")
    every.sandbox.clear_requests()
    return every


def listed(page: Page, search: str = "", start: int = 0) -> dict[str, Any]:
    """Request a page of the list as the browser does."""
    return page.service.deployments("apc", search, start, page.start_problem)


@pytest.mark.parametrize("platform", ["astro_private_cloud", "astro"])
def test_a_list_of_500_deployments(many: Page, platform: str) -> None:
    """Its pages are small, and the platform is read once for all of them and for each search."""
    many.connections["apc"] |= many.sandbox.connection("editor", platform)
    first = listed(many)
    found = list(first["options"])
    while len(found) < first["total"]:
        found += listed(many, start=len(found))["options"]
    assert len({one["deployment"] for one in found}) == first["total"] >= 500
    assert [one["label"] for one in found] == sorted((one["label"] for one in found), key=str.casefold)
    assert len(first["options"]) == DEPLOYMENTS_PER_PAGE
    assert len(json.dumps(first)) < 12_000
    assert len(many.sandbox.requests()) <= 7


def test_a_search_in_the_list(many: Page) -> None:
    """Words of the name and the release name, in any case and order, or an id."""
    (one,) = listed(many, "042 TEAM")["options"]
    deployment = many.sandbox.deployment("team-42", rows=0)
    assert (one["label"], one["deployment"], one["dag_id"]) == ("Team 042", deployment["id"], "roll_back")
    assert listed(many, "star-42 042")["options"] == listed(many, deployment["id"])["options"] == [one]
    assert listed(many, "star-4")["total"] == 111
    assert listed(many, "no such")["options"] == []
    assert listed(many, start=10_000)["options"] == []


def test_one_of_all_deployments(every: Page) -> None:
    """It is read, planned and started as if the setting named it. Its id counts, and no other name."""
    deployment = every.sandbox.deployment("image-af3", rows=1)
    assert every.history(deployment["id"])["summary"]["name"] == "Billing"
    every.service.require_option("roll_back", {"astro_conn_id": "apc", "deployment_id": deployment["id"]})
    for other in (deployment["releaseName"], ALL, "", "cnosuchdeployment00000000"):
        with pytest.raises(Problem, match="NOT-OFFERED"):
            every.history(other)
        with pytest.raises(Problem, match="NOT-OFFERED"):
            every.service.require_option("roll_back", {"astro_conn_id": "apc", "deployment_id": other})


def test_all_deployments_are_those_of_the_token(every: Page) -> None:
    """A Deployment that the token may not read is not offered, nor is one of another connection or Dag."""
    billing = every.sandbox.deployment("image-af3", rows=1)["id"]
    every.connect("apc", "other-workspace")
    with pytest.raises(Problem, match="NOT-OFFERED"):
        every.history(billing)
    for conf in ({"astro_conn_id": "apc", "deployment_id": billing}, {"astro_conn_id": "other"}):
        with pytest.raises(Problem, match="NOT-OFFERED"):
            every.service.require_option("roll_back", conf)
    with pytest.raises(Problem, match="NOT-OFFERED"):
        every.service.require_option("other", {"astro_conn_id": "apc", "deployment_id": billing})


def test_named_deployments_are_not_listed(page: Page) -> None:
    """The setting names them, so the page gives no access to others of the connection."""
    page.offer("image-af3")
    with pytest.raises(Problem, match="NOT-OFFERED"):
        listed(page)
    assert page.sandbox.requests() == []


def test_a_named_deployment_keeps_its_dag(every: Page) -> None:
    """Also beside all of its connection."""
    billing = every.offer("image-af3", dag_id="mine")
    conf = {"astro_conn_id": "apc", "deployment_id": billing}
    every.service.require_option("mine", conf)
    assert every.history(billing)["summary"]["deployment"] == billing
    assert listed(every)["options"][0]["dag_id"] == "roll_back"


# -- the history ---------------------------------------------------------------------------------------


def test_the_summary(page: Page) -> None:
    """It shows the Deployment, its running deploy and since when it runs."""
    deployment = page.offer("dag-deploy-af3")
    summary = page.history(deployment)["summary"]
    latest = page.sandbox.deployment("dag-deploy-af3", rows=1)["deploys"][0]
    assert summary["deployment"] == summary["id"] == deployment
    assert (summary["name"], summary["release_name"]) == ("Orders", "cosmic-dust-5931")
    assert (summary["runtime"], summary["mechanism"]) == ("3.3-2", "dag_deploy")
    assert (summary["scope"], summary["scopes"]) == ("image_and_dags", ["image_and_dags", "image", "dags"])
    assert summary["running"]["id"] == summary["latest_id"] == latest["id"]
    assert summary["running"]["image_tag"] == "release-44"
    assert summary["platform"] == "Astro Private Cloud"
    assert (summary["in_progress"], summary["obstacles"]) == (None, [])
    assert summary["health"] == "HEALTHY"


def test_the_rows(page: Page) -> None:
    """Newest first; each shows whether a rollback to it is possible, and why not."""
    rows = page.history(page.offer("dag-deploy-af3"))["rows"]
    assert [row["image_tag"] for row in rows[:4]] == ["release-44", "release-43", "release-42", "release-41"]
    assert [row["can_roll_back"] for row in rows[:4]] == [False, False, True, True]
    assert rows[0]["runs_now"]
    assert [row["reasons"][0]["code"] for row in rows[:2]] == ["TARGET-RUNS-ALREADY", "TARGET-NOT-SUCCEEDED"]
    assert all(bool(row["reasons"]) is not row["can_roll_back"] for row in rows)


@pytest.mark.parametrize("rows_per_page", [100, 1])
def test_rollbacks_are_marked(page: Page, rows_per_page: int) -> None:
    """A rollback names its target, and the superseded deploy names the rollback, also on another page."""
    page.sandbox.settings(max_take=rows_per_page)
    rows = page.whole_history(page.offer("after-rollback"))
    undo, bad, good, _ = rows
    assert undo["rollback"] == {"target": good["id"], "scope": "image_and_dags"}
    assert [row["rolled_back_by"] for row in rows] == [None, undo["id"], None, None]
    assert bad["can_roll_back"]
    assert not good["can_roll_back"]  # it runs now


@pytest.mark.parametrize("key", CASES)
def test_every_deployment_has_a_page(page: Page, key: str) -> None:
    """Empty, failed, old and long histories are returned as JSON, without a token."""
    answer = page.history(page.offer(key))
    evidence = Evidence()
    evidence.add("answer", json.loads(json.dumps(answer)))
    evidence.require_clean()
    assert len(answer["rows"]) == min(101, len(page.sandbox.deployment(key)["deploys"]))


def test_an_empty_history(page: Page) -> None:
    """Nothing runs, and there is nothing to load."""
    answer = page.history(page.offer("no-deploys"))
    assert (answer["rows"], answer["next_cursor"]) == ([], None)
    assert (answer["summary"]["running"], answer["summary"]["latest_id"]) == (None, None)


def test_nothing_has_succeeded(page: Page) -> None:
    """Without a running deploy there is nothing to roll back from, and each row says so."""
    answer = page.history(page.offer("only-failures"))
    assert answer["summary"]["running"] is None
    assert {row["reasons"][0]["code"] for row in answer["rows"]} == {"NOTHING-RUNS"}


@pytest.mark.parametrize(
    ("key", "token", "code", "words"),
    [
        ("rollback-disabled", "editor", "ROLLBACK-OFF-ON-DEPLOYMENT", ""),
        ("volume-af3", "editor", "MECHANISM-CANNOT-ROLL-BACK", ""),
        ("image-af3", "viewer", "PERMISSION-MISSING", "deployment.images.push"),
    ],
)
def test_reasons_against_every_deploy_are_in_the_summary(
    page: Page, key: str, token: str, code: str, words: str
) -> None:
    """Disabled rollbacks, Dag volumes and a token that may only read do not depend on a target."""
    page.connect("apc", token)
    (obstacle,) = page.history(page.offer(key))["summary"]["obstacles"]
    assert obstacle["code"] == code
    assert words in obstacle["reason"]


def test_a_rollback_in_progress(page: Page) -> None:
    """The summary shows the deploy in progress, since when and by whom."""
    deployment = page.offer("image-af3")
    page.sandbox.land_deploy(deployment, seconds=None, outcome="DEPLOYED", description="Slow", author="bo")
    in_progress = page.history(deployment)["summary"]["in_progress"]
    assert (in_progress["description"], in_progress["rollback"]) == ("Slow", False)
    assert in_progress["created_by"]


# -- a long history ------------------------------------------------------------------------------------


def test_a_further_page_is_one_request(page: Page) -> None:
    """The summary is not read again with each page of a history."""
    deployment = page.offer("ten-thousand")
    cursor = page.history(deployment)["next_cursor"]
    page.clock.now += SECONDS_SHARED + 1
    page.sandbox.clear_requests()
    assert len(page.history(deployment, cursor=cursor)["rows"]) == 101
    assert _operations(page) == ["Deploys"]


def test_ten_thousand_deploys(page: Page) -> None:
    """Each is returned once, page by page; a search returns about a thousand in each response, once read."""
    deployment = page.offer("ten-thousand")
    first = page.history(deployment, searching="1")
    assert 1000 <= len(first["rows"]) < 1101
    page.sandbox.clear_requests()
    assert page.history(deployment, searching="1") == first
    assert page.sandbox.requests() == []
    rows = page.whole_history(deployment)
    assert len({row["id"] for row in rows}) == len(rows) == 10_000
    assert page.whole_history(deployment, searching="1") == rows


def test_a_slow_search_returns_what_it_has(page: Page) -> None:
    """After some seconds there is a response, with a cursor to continue."""
    deployment = page.offer("ten-thousand")

    page.clock.step = 2
    answer = page.history(deployment, searching="1")
    assert 101 < len(answer["rows"]) < 1000
    assert answer["next_cursor"]


def test_the_running_deploy_is_found_behind_many_failures(page: Page) -> None:
    """If the latest deploys all failed, the summary reads further pages."""
    deployment = page.offer("dag-deploy-af3")
    page.sandbox.settings(max_take=1)
    for number in range(3):
        page.sandbox.land_deploy(deployment, outcome="FAILED", tag=f"bad-{number}")
    answer = page.history(deployment)
    assert answer["summary"]["running"]["image_tag"] == "release-44"
    assert [row["image_tag"] for row in answer["rows"]] == ["bad-2"]


def test_the_running_deploy_is_searched_in_the_summary_alone(page: Page) -> None:
    """If it is too far back, no row is the running one, and no row allows what the plan would refuse."""
    deployment = page.offer("dag-deploy-af3")
    page.sandbox.settings(max_take=5)
    for number in range(35):
        page.sandbox.land_deploy(deployment, outcome="FAILED", tag=f"bad-{number}")
    assert page.history(deployment)["summary"]["running"] is None
    rows = page.whole_history(deployment)
    assert len(rows) > 35
    assert not any(row["runs_now"] or row["can_roll_back"] for row in rows)


# -- what can be reached ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("connection", "deployment"),
    [("apc", "image-af3"), ("other", ""), ("apc", ""), ("", ""), ("apc' OR '1'='1", "x")],
)
def test_nothing_else_can_be_reached(page: Page, connection: str, deployment: str) -> None:
    """The response is the same whether the Deployment exists or not, and no request is sent."""
    page.offer("dag-deploy-af3")
    existing = page.sandbox.deployment("image-af3", rows=1)["id"] if deployment else "nothing"
    page.connect("other")
    page.sandbox.clear_requests()
    problems = []
    calls: tuple[Callable[[], Any], ...] = (
        lambda: page.service.history(connection, existing, HistoryQuery.read()),
        lambda: page.service.plan(
            connection, existing, "x", start_problem=page.start_problem, addresses=Addresses("", "", "")
        ),
    )
    for call in calls:
        with pytest.raises(Problem) as caught:
            call()
        problems.append(caught.value.to_dict())
    assert problems[0] == problems[1]
    assert problems[0]["error"]["code"] == "NOT-OFFERED"
    assert existing not in json.dumps(problems)
    assert page.sandbox.requests() == []


def _fail(kind: str, page: Page) -> None:
    if kind == "expired":
        page.connect("apc", kind)
    elif kind == "down":
        page.connections["apc"]["host"] = "http://127.0.0.1:9"
    elif kind == "missing":
        del page.connections["apc"]
    elif kind == "no token":
        page.connections["apc"]["password"] = ""
    else:
        page.sandbox.fault("status", status=503, count=None)


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        ("expired", TokenExpired, "TOKEN-EXPIRED"),
        ("down", PlatformUnreachable, "PLATFORM-DOWN"),
        ("failing", RollbackError, "PLATFORM-DOWN"),
        ("missing", InvalidConnection, "NO-CONNECTION"),
        ("no token", InvalidConnection, "NO-CONNECTION"),
    ],
)
def test_each_failure_has_a_code(page: Page, kind: str, error: type[RollbackError], code: str) -> None:
    """The response says what happened and what to do, and contains no token."""
    deployment = page.offer("image-af3")
    _fail(kind, page)
    with pytest.raises(error) as caught:
        page.history(deployment)
    problem = problem_of(caught.value)
    assert (problem.status, problem.code) == (424, code)
    assert problem.message
    assert problem.remedy
    evidence = Evidence()
    evidence.add("problem", problem.to_dict())
    evidence.add_error(caught.value)
    evidence.require_clean()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TokenRefused("x"), 424, "TOKEN-REFUSED"),
        (PermissionMissing("x"), 424, "NO-PERMISSION"),
        (DeploymentNotFound("x"), 424, "NOT-FOUND"),
        (DeployNotFound("x"), 424, "NO-SUCH-DEPLOY"),
        (StalePlan("x"), 409, "STALE"),
        (TlsFailed("x"), 424, "PLATFORM-DOWN"),
        (UnknownField("x"), 424, "PLATFORM-DOWN"),
        (InvalidTarget("x"), 400, "BAD-REQUEST"),
        (InvalidOptions("x"), 500, "NOTHING-OFFERED"),
        (RollbackError("x"), 500, "FAILED"),
    ],
)
def test_every_error_has_a_code(error: RollbackError, status: int, code: str) -> None:
    """This includes those that are hard to cause."""
    problem = problem_of(error)
    assert (problem.status, problem.code, problem.message) == (status, code, "x")
    assert error.retryable is ("Try again" in problem.remedy)


def test_a_new_token_is_used_at_once(page: Page) -> None:
    """A corrected connection works without a restart of Airflow."""
    deployment = page.offer("image-af3")
    page.connect("apc", "expired")
    with pytest.raises(TokenExpired):
        page.history(deployment)
    page.connect("apc")
    page.clock.now += SECONDS_SHARED
    assert page.history(deployment)["rows"]


# -- how often the platform is asked -------------------------------------------------------------------


def test_a_response_is_shared_for_a_few_seconds(page: Page) -> None:
    """While a rollback is tracked, the age limit is shorter."""
    deployment = page.offer("image-af3")
    page.history(deployment)
    page.sandbox.land_deploy(deployment, tag="new")
    assert page.history(deployment)["rows"][0]["image_tag"] == "release-44"
    page.clock.now += 1.5
    assert page.history(deployment)["rows"][0]["image_tag"] == "release-44"
    assert page.history(deployment, fresh="1")["rows"][0]["image_tag"] == "new"


def test_older_deploys_are_shared_longer(page: Page) -> None:
    """They hardly change."""
    deployment = page.offer("ten-thousand")
    cursor = page.history(deployment)["next_cursor"]
    page.history(deployment, cursor=cursor)
    page.clock.now += SECONDS_SHARED_FOR_OLDER_DEPLOYS - 1
    page.sandbox.clear_requests()
    page.history(deployment, cursor=cursor)
    assert page.sandbox.requests() == []


def _offer_by_name(page: Page) -> DeploymentOption:
    workspace = page.sandbox.deployment("image-af3", rows=1)["workspace"]["id"]
    page.connect("apc", workspace_id=workspace)
    option = DeploymentOption("apc", "stellar-orbit-4821", "Billing", "roll_back")
    page.options.append(option)
    return option


def _operations(page: Page) -> list[str]:
    return [request["operation"] for request in page.sandbox.requests()]


def test_a_release_name_is_looked_up_once(page: Page) -> None:
    """Only the first response needs the additional request."""
    _offer_by_name(page)
    page.sandbox.clear_requests()
    assert page.history("stellar-orbit-4821")["summary"]["name"] == "Billing"
    page.clock.now += SECONDS_SHARED
    page.history("stellar-orbit-4821")
    read = ["SurveyContext", "SurveyHistory"]
    assert _operations(page) == ["WorkspaceDeployments", *read, "ProveRollBack", *read]


def test_a_release_name_that_moved(page: Page) -> None:
    """If the connection leads to another installation, the name is resolved again."""
    option = _offer_by_name(page)
    page.history("stellar-orbit-4821")
    page.reader._ids[option] = "cm0000000000000000000gone"
    page.clock.now += SECONDS_SHARED
    assert page.history("stellar-orbit-4821")["summary"]["name"] == "Billing"


def test_a_rollback_leads_to_its_run(page: Page) -> None:
    """If this Airflow has that run; the address is this Airflow's own, whatever the history says."""
    deployment = page.offer("dag-deploy-af3")
    known, foreign = Origin("roll_back", "manual__1", "ana"), Origin("other", "manual__2")
    for origin in (foreign, known):
        text = describe("Orders fail", "0" * 20, 500, origin)
        page.sandbox.land_deploy("dag-deploy-af3", rollback_to=1, description=text)

    def run_page(dag_id: str, run_id: str) -> str | None:
        return ADDRESSES.page_of(dag_id, run_id) if dag_id == "roll_back" else None

    rows = page.service.history("apc", deployment, HistoryQuery.read(), run_page)["rows"]
    assert rows[0]["origin"] == {
        "dag_id": "roll_back",
        "run_id": "manual__1",
        "asked_by": "ana",
        "run_page": ADDRESSES.page_of("roll_back", "manual__1"),
    }
    assert rows[1]["origin"]["run_page"] is None
    assert rows[2]["origin"] is None


# -- plans ---------------------------------------------------------------------------------------------


def _rows_that_can(page: Page, deployment: str) -> list[dict[str, Any]]:
    return [row for row in page.history(deployment)["rows"] if row["can_roll_back"]]


def test_a_plan(page: Page) -> None:
    """It shows the changes, and the request that starts it, complete except for the description."""
    deployment = page.offer("dag-deploy-af3", dag_id="roll back/it")
    target = _rows_that_can(page, deployment)[0]["id"]
    current = page.history(deployment)["summary"]["running"]["id"]
    answer = page.plan(deployment, target, expected_current_deploy_id=current)
    assert answer["plan"]["allowed"]
    assert [change["what"] for change in answer["plan"]["changes"]] == ["image", "Runtime", "Dags"]
    assert answer["plan"]["not_rolled_back"]
    assert answer["plan"]["permissions"] == ["deployment.images.push", "deployment.dags.push"]
    assert (answer["confirm_name"], answer["in_progress"]) == (None, None)
    assert answer["description_limit"] == 400
    assert answer["start"] == {
        "url": "/api/roll%20back%2Fit/runs",
        "body": {
            "logical_date": None,
            "conf": {
                "deployment_id": deployment,
                "target": target,
                "expected_current_deploy_id": current,
                "astro_conn_id": "apc",
                "scope": "image_and_dags",
                "description": "",
                "acknowledge_airflow_3_to_2": False,
                "plan_only": False,
            },
        },
        "run_url": "/api/roll%20back%2Fit/runs/{run_id}",
        "run_page": "/page/roll%20back%2Fit/{run_id}",
    }


def test_without_the_right_there_is_no_start(page: Page) -> None:
    """The plan is returned, with the reason why it cannot be started."""
    deployment = page.offer("dag-deploy-af3")
    page.start_problem = lambda _dag_id: "You may not."
    answer = page.plan(deployment, _rows_that_can(page, deployment)[0]["id"])
    assert (answer["may_roll_back"], answer["reason"], answer["start"]) == (False, "You may not.", None)


def test_a_plan_that_crosses_to_airflow_2(page: Page) -> None:
    """The user has to type the Deployment's name, and the most severe warning comes first."""
    deployment = page.offer("moved-to-af3")
    target = next(row for row in _rows_that_can(page, deployment) if row["crosses_major"])
    answer = page.plan(deployment, target["id"])
    assert answer["confirm_name"] == "Moved to Airflow 3"
    assert answer["plan"]["needs_acknowledgement"]
    assert answer["plan"]["warnings"][0]["severe"]


def test_a_plan_to_downgrade_the_deployment_that_shows_the_page(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rollback Dag would run inside it and refuse to wait, so the plan warns about it."""
    deployment = page.offer("moved-to-af3")
    target = next(row for row in _rows_that_can(page, deployment) if row["crosses_major"])["id"]
    assert "RUNS-INSIDE" not in _warnings(page.plan(deployment, target))
    monkeypatch.setenv("ASTRO_DEPLOYMENT_ID", deployment)
    answer = page.plan(deployment, target)
    assert _warnings(answer)["RUNS-INSIDE"]["severe"]
    assert answer["start"] is not None  # a Dag of one's own may submit it and leave
    same_runtime = next(row for row in _rows_that_can(page, page.offer("image-af3")) if not row["downgrade"])
    monkeypatch.setenv("ASTRO_DEPLOYMENT_ID", page.sandbox.deployment("image-af3", rows=0)["id"])
    answer = page.plan(page.options[-1].deployment, same_runtime["id"])
    assert "RUNS-INSIDE" not in _warnings(answer)


def _warnings(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {warning["code"]: warning for warning in answer["plan"]["warnings"]}


def test_a_plan_that_is_not_allowed(page: Page) -> None:
    """The response has its reasons and is not an error."""
    deployment = page.offer("dag-deploy-af3")
    row = next(row for row in page.history(deployment)["rows"] if not row["can_roll_back"])
    plan = page.plan(deployment, row["id"])["plan"]
    assert not plan["allowed"]
    assert plan["failed_checks"] == row["reasons"]


def test_a_plan_goes_back_far(page: Page) -> None:
    """A deploy that is on none of the latest pages is read by its id."""
    deployment = page.offer("ten-thousand")
    older = page.history(deployment, cursor=page.history(deployment)["next_cursor"])["rows"][0]
    page.sandbox.clear_requests()
    assert page.plan(deployment, older["id"])["plan"]["target"]["id"] == older["id"]
    assert _operations(page) == ["Deploy"]


def test_a_stale_plan_is_refused(page: Page) -> None:
    """The deploy that the page showed as running must still run."""
    deployment = page.offer("image-af3")
    saw = page.history(deployment)["summary"]["running"]["id"]
    target = _rows_that_can(page, deployment)[0]["id"]
    page.sandbox.land_deploy(deployment, tag="new")
    page.clock.now += SECONDS_SHARED
    with pytest.raises(StalePlan, match=saw):
        page.plan(deployment, target, expected_current_deploy_id=saw)


def test_a_scope_can_be_chosen(page: Page) -> None:
    """If the platform has scopes, the plan is for the requested one."""
    deployment = page.offer("dag-deploy-af3")
    target = _rows_that_can(page, deployment)[-1]["id"]
    answer = page.plan(deployment, target, scope="image")
    assert answer["plan"]["scope"] == answer["start"]["body"]["conf"]["scope"] == "image"


def test_a_deleted_target(page: Page) -> None:
    """The error names a deploy that is no longer in the history."""
    with pytest.raises(DeployNotFound):
        page.plan(page.offer("image-af3"), "cm0000000000000000000gone")


def test_tags_are_removed_from_descriptions(page: Page) -> None:
    """The description in a plan is the one that the user wrote."""
    deployment = page.offer("image-af3")
    mark = "[idempotency-key:00000000000000000000]"
    page.sandbox.land_deploy(deployment, tag="new", description=f"Orders {mark}")
    rows = page.history(deployment)["rows"]
    plan = page.plan(deployment, rows[1]["id"])["plan"]
    assert plan["current"]["description"] == rows[0]["description"] == "Orders"


# -- starting it through a route of ours (Airflow 2) ----------------------------------------------------


def test_only_offered_rollbacks_can_be_started(page: Page) -> None:
    """The Dag, the connection and the Deployment must belong together."""
    _offer_by_name(page)
    deployment = page.sandbox.deployment("image-af3", rows=1)["id"]
    conf = {"deployment_id": deployment, "astro_conn_id": "apc"}
    page.service.require_option("roll_back", conf)
    page.service.require_option("roll_back", {**conf, "deployment_id": "stellar-orbit-4821"})
    for dag_id, other in (
        ("another", conf),
        ("roll_back", {**conf, "astro_conn_id": "other"}),
        ("roll_back", {**conf, "deployment_id": "another"}),
        ("roll_back", {**conf, "deployment_id": None}),
        ("roll_back", {}),
    ):
        with pytest.raises(Problem, match="NOT-OFFERED"):
            page.service.require_option(dag_id, other)


def test_a_deleted_deployment_does_not_prevent_other_starts(page: Page) -> None:
    """The setting can name a Deployment that the platform has deleted."""
    page.options.insert(0, DeploymentOption("apc", "cm0000000000000000000gone", "Gone", "roll_back"))
    deployment = _offer_by_name(page)
    conf = {"deployment_id": page.reader.id_of(deployment), "astro_conn_id": "apc"}
    page.service.require_option("roll_back", conf)


def test_a_start_while_the_platform_is_down(page: Page) -> None:
    """The check needs the platform if the id is not in the setting. Otherwise the run starts, and waits."""
    option = _offer_by_name(page)
    _fail("down", page)
    with pytest.raises(PlatformUnreachable):
        page.service.require_option("roll_back", {"deployment_id": "other", "astro_conn_id": "apc"})
    conf = {"deployment_id": option.deployment, "astro_conn_id": "apc"}
    page.service.require_option("roll_back", conf)


# -- time-outs -----------------------------------------------------------------------------------------


def test_each_request_has_a_time_out(page: Page) -> None:
    """The retry policy for tasks waits half a minute and tries four times; the page does not."""
    with Platforms(page._connection).open_client("apc") as client:
        policy = client.transport._policy
    assert policy.connect_timeout <= 3
    assert policy.read_timeout <= policy.longest_answer <= 8
    assert policy.tries == 1


def test_all_requests_together_have_a_time_out(page: Page) -> None:
    """If the platform is slow in each of several requests, the next one is not sent."""
    deployment = page.offer("image-af3")

    def late() -> float:
        page.clock.now += 10
        return page.clock.now

    slow = PageClient(Platforms(page._connection)._connected("apc"), late)
    page.sandbox.clear_requests()
    with pytest.raises(PlatformUnreachable, match="too slowly"):
        slow.survey(deployment)
    slow.close()
    assert _operations(page) == ["SurveyContext"]


def test_a_connection_that_cannot_be_decrypted(page: Page) -> None:
    """It is an invalid connection, and the message says what to do."""

    class Locked:
        conn_id, conn_type, host, schema, port, extra = "apc", "astro_private_cloud", "h", None, None, None

        @property
        def password(self) -> str:
            """Decrypt the password, as Airflow does."""
            raise InvalidToken

    with pytest.raises(InvalidConnection, match=r"decrypt.*Fernet key"):
        Platforms(lambda _conn_id: cast("Any", Locked()))._connected("apc")


def test_a_platform_is_cached_while_its_connection_stays(page: Page) -> None:
    """The features of an installation are found out once, and again for another one."""
    platforms = Platforms(page._connection)
    first = platforms._connected("apc")
    assert platforms._connected("apc") is first
    page.connect("apc", "viewer")
    assert platforms._connected("apc") is not first
