# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser with a real Airflow, and its server side."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.airflow_settings import airflow_major
from tests.ui.browser.airflow import ANA, VIC
from tests.ui.browser.conftest import CONNECTION, DAG_ID, Browse, Scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def _ask(page: Any, path: str, **request: Any) -> tuple[int, Any]:
    """Send a request as the page's own script does, with its cookies; return status and JSON."""
    script = """async ([path, request]) => {
        const answer = await fetch(path, request);
        const text = await answer.text();
        return [answer.status, text];
    }"""
    status, text = page.evaluate(script, [path, request])
    return int(status), json.loads(text)


def _start(page: Any, start: dict[str, Any]) -> tuple[int, Any]:
    """Start a run as the page does, with a description."""
    start["body"]["conf"]["description"] = "Orders fail"
    headers = {"Content-Type": "application/json"}
    if airflow_major() < 3:
        headers["X-CSRFToken"] = page.locator("#deploy-history").get_attribute("data-csrf")
    return _ask(page, start["url"], method="POST", headers=headers, body=json.dumps(start["body"]))


def test_the_front_end_is_loaded(scene: Scene, browse: Browse) -> None:
    """Airflow shows the page with the Deployment of the link."""
    page = browse(scene.url("image-af3"))
    page.get_by_text("release-44").first.wait_for()


def test_a_login_is_required(scene: Scene, browse: Browse) -> None:
    """A link to the page leads to Airflow's login first."""
    page = browse(scene.url("image-af3"), user=None)
    page.wait_for_url(lambda url: "/login" in url)


def test_a_start_in_a_browser(scene: Scene, browse: Browse) -> None:
    """The request from the server rolls back, with its user in the audit log."""
    page = browse(scene.url("image-af3"))
    deployment, before = scene.deployment("image-af3"), scene.deploys("image-af3")
    query = f"connection={CONNECTION}&deployment={deployment}&target={before[2]['id']}"
    status, answer = _ask(page, f"/rollback/api/plan?{query}&expected_current_deploy_id={before[0]['id']}")
    assert (status, answer["may_roll_back"]) == (200, True), answer
    start = answer["start"]
    status, run = _start(page, start)
    assert status == 200, run
    state = scene.airflow.wait_for_run(DAG_ID, run["dag_run_id"], 150)
    assert state == "success"
    assert _ask(page, start["run_url"].replace("{run_id}", run["dag_run_id"]))[1]["state"] == "success"
    after = scene.deploys("image-af3")
    assert after[0]["rollbackFromId"] == before[2]["id"]
    assert after[0]["description"].startswith("Orders fail")
    event = "trigger_dag_run" if airflow_major() >= 3 else "trigger"
    assert (event, ANA.name) in scene.airflow.audit(DAG_ID)


def test_a_stale_start_fails_and_changes_nothing(scene: Scene, browse: Browse) -> None:
    """A deploy that lands after the plan makes the run fail before anything is submitted."""
    page = browse(scene.url("dag-deploy-af3"))
    deployment, before = scene.deployment("dag-deploy-af3"), scene.deploys("dag-deploy-af3")
    query = f"connection={CONNECTION}&deployment={deployment}&target={before[2]['id']}"
    _, answer = _ask(page, f"/rollback/api/plan?{query}")
    scene.sandbox.land_deploy("dag-deploy-af3", tag="repair")
    start = answer["start"]
    _, run = _start(page, start)
    assert scene.airflow.wait_for_run(DAG_ID, run["dag_run_id"], 150) == "failed"
    assert len(scene.deploys("dag-deploy-af3")) == len(before) + 1


def test_a_viewer_is_refused(scene: Scene, browse: Browse) -> None:
    """By the server itself, also with the data of another user's page."""
    deployment, target = scene.deployment("image-af3"), scene.deploys("image-af3")[2]["id"]
    path = f"/rollback/api/plan?connection={CONNECTION}&deployment={deployment}&target={target}"
    start = _ask(browse(scene.url()), path)[1]["start"]
    runs = scene.airflow.trigger_count(DAG_ID)
    page = browse(scene.url("image-af3"), VIC)
    page.get_by_text("release-44").first.wait_for()
    assert _ask(page, path)[1]["start"] is None
    assert _start(page, start)[0] == 403
    assert scene.airflow.trigger_count(DAG_ID) == runs
