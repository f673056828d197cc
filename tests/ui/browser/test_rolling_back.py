# SPDX-License-Identifier: Apache-2.0
"""Plan a rollback and carry it out in a real browser."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.ui.browser.airflow import ANA, VIC
from tests.ui.browser.conftest import DAG_ID, MILLISECONDS_TO_WAIT, Browse, Scene
from tests.ui.browser.history_page import HistoryPage, open_history

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

expect.set_options(timeout=MILLISECONDS_TO_WAIT)

WHY = "Invoices are doubled"
_MILLISECONDS_UNTIL_AN_END_IS_CERTAIN = 8000
STARTS = re.compile(r"/(dagRuns|api/runs/[^/]+)$")


def test_read_plan_roll_back_and_track_it_to_the_end(scene: Scene, browse: Browse) -> None:
    """The plan shows the changes, a Dag run of the user makes them, and its deploy is the latest."""
    runs, before = scene.airflow.trigger_count(DAG_ID), scene.deploys("image-af3")
    shown = open_history(browse, scene, "image-af3")
    dialog = shown.open_plan("release-42")
    for text in ("release-44", "→ release-42", "Not rolled back", "environment variables", "To undo"):
        expect(dialog).to_contain_text(text)
    expect(dialog).to_contain_text("deployment.images.push")

    shown.press_too_early()
    expect(dialog.get_by_text("A reason is required.")).to_be_visible()
    expect(dialog.get_by_label("Why?")).to_be_focused()
    assert scene.airflow.trigger_count(DAG_ID) == runs

    shown.describe(WHY)
    shown.press_roll_back()
    expect(shown.page.locator("#rbk-progress")).to_be_focused()
    assert "runs “release-42” again" in shown.wait_for_end("Rolled back")
    top = shown.table.locator("tbody tr").first
    for text in (WHY, "back to release-42", "runs now"):
        expect(top).to_contain_text(text)
    expect(shown.row("Release 44")).to_contain_text("rolled back from")
    href = shown.progress.get_by_role("link", name="Dag run").get_attribute("href") or ""
    assert DAG_ID in href

    after = scene.deploys("image-af3")
    assert len(after) == len(before) + 1
    assert after[0]["rollbackFromId"] == before[2]["id"]
    assert scene.airflow.trigger_count(DAG_ID) == runs + 1
    assert ANA.name in [owner for _, owner in scene.airflow.audit(DAG_ID)]


def test_from_airflow_3_to_2_the_name_is_typed(scene: Scene, browse: Browse) -> None:
    """The losses come first, in red; without the exact name nothing starts."""
    runs = scene.airflow.trigger_count(DAG_ID)
    shown = open_history(browse, scene, "moved-to-af3")
    dialog = shown.open_plan("release-42")
    first = dialog.locator(".rbk-box").first
    expect(first).to_contain_text("From Airflow 3 back to Airflow 2")
    expect(first).to_contain_text("erased from the metadata database")
    shown.describe(WHY)
    name = dialog.get_by_label("type the Deployment's name")
    name.fill("Moved")
    shown.press_too_early()
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(name).to_be_focused()
    assert scene.airflow.trigger_count(DAG_ID) == runs
    name.fill("Moved to Airflow 3")
    shown.press_roll_back()
    assert "runs “release-42” again" in shown.wait_for_end("Rolled back")
    expect(shown.page.get_by_role("region", name="Moved to Airflow 3")).to_contain_text("13.2.0")


def test_a_session_that_ended_before_the_press(scene: Scene, browse: Browse) -> None:
    """The dialog says so, with the way to log in; nothing starts."""
    runs = scene.airflow.trigger_count(DAG_ID)
    shown = open_history(browse, scene, "image-af3")
    shown.open_plan("release-42")
    shown.describe(WHY)
    shown.page.context.clear_cookies()
    shown.press_roll_back()
    alert = shown.dialog.get_by_role("alert")
    expect(alert).to_contain_text("Your session has ended")
    alert.get_by_role("button", name="Log in again").click()
    shown.page.wait_for_url(lambda url: "/login" in url)
    assert scene.airflow.trigger_count(DAG_ID) == runs


def test_escape_leaves_everything_as_it_is(scene: Scene, browse: Browse) -> None:
    """The focus returns to the button that opened the dialog."""
    shown = open_history(browse, scene, "image-af3")
    shown.open_plan("release-42")
    shown.page.keyboard.press("Escape")
    expect(shown.dialog).to_be_hidden()
    expect(shown.row("release-42").get_by_role("button")).to_be_focused()


def test_a_viewer_can_plan_but_not_start(scene: Scene, browse: Browse) -> None:
    """No button starts anything; the reason is on top and in the dialog."""
    shown = open_history(browse, scene, "image-af3", VIC)
    expect(shown.page.get_by_text("You can read and plan, but not roll back")).to_be_visible()
    shown.row("release-42").get_by_role("button", name="Plan… to release-42").click()
    expect(shown.dialog).to_contain_text("→ release-42")
    expect(shown.dialog).to_contain_text(f"the right to trigger the Dag {DAG_ID}")
    expect(shown.dialog.get_by_role("button", name="Roll back to")).to_be_disabled()
    expect(shown.dialog.get_by_label("Why?")).to_have_count(0)


def test_a_start_by_a_viewer_is_refused(scene: Scene, browse: Browse) -> None:
    """With another user's plan in the browser, Airflow refuses, and the page shows the reason."""
    runs = scene.airflow.trigger_count(DAG_ID)
    other = open_history(browse, scene, "image-af3")
    with other.page.expect_response(re.compile("/api/plan")) as answered:
        other.open_plan("release-42")
    plan = answered.value.text()

    shown = open_history(browse, scene, "image-af3", VIC)
    shown.page.route(
        re.compile("/api/plan"), lambda route: route.fulfill(body=plan, content_type="application/json")
    )
    shown.row("release-42").get_by_role("button", name="Plan… to release-42").click()
    shown.describe(WHY)
    shown.press_roll_back()
    expect(shown.dialog.get_by_role("alert")).to_contain_text("You may not do this")
    assert scene.airflow.trigger_count(DAG_ID) == runs


def test_a_plan_from_an_outdated_history(scene: Scene, browse: Browse) -> None:
    """A deploy has landed meanwhile: the dialog says so and shows the current history."""
    shown = open_history(browse, scene, "image-af3")
    scene.sandbox.land_deploy("image-af3", tag="repair")
    alert = shown.dialog.get_by_role("alert")

    def plan_anew() -> None:
        if shown.dialog.is_visible():
            shown.page.keyboard.press("Escape")
        shown.open_dialog("release-42")

    shown.persist(alert.is_visible, plan_anew)
    expect(alert).to_contain_text("Another deploy landed meanwhile")
    shown.dialog.get_by_role("button", name="Show the history as it is now").click()
    expect(shown.dialog).to_be_hidden()
    expect(shown.row("repair")).to_be_visible()


def test_a_start_after_another_deploy_is_refused(scene: Scene, browse: Browse) -> None:
    """A deploy lands while the user types: the run submits nothing, and the page says why."""
    before = scene.deploys("dag-deploy-af3")
    shown = open_history(browse, scene, "dag-deploy-af3")
    shown.open_plan("release-42")
    shown.describe(WHY)
    scene.sandbox.land_deploy("dag-deploy-af3", tag="repair")
    shown.press_roll_back()
    said = shown.wait_for_end("The rollback was refused")
    assert "repair" in said
    assert "Nothing was changed" in said
    assert len(scene.deploys("dag-deploy-af3")) == len(before) + 1

    shown.page.wait_for_timeout(_MILLISECONDS_UNTIL_AN_END_IS_CERTAIN)
    scene.sandbox.land_deploy("dag-deploy-af3", tag="much-later")
    shown.persist(shown.row("much-later").is_visible, shown.refresh)
    assert shown.wait_for_end("The rollback was refused") == said


def test_a_rollback_that_the_platform_does_not_finish(scene: Scene, browse: Browse) -> None:
    """The page shows the platform's reason."""
    scene.sandbox.next_rollbacks({"outcome": "FAILED", "seconds": 1, "reason": "no space left on node"})
    shown = open_history(browse, scene, "image-af3")
    shown.open_plan("release-42")
    shown.describe(WHY)
    shown.press_roll_back()
    assert "no space left on node" in shown.wait_for_end("The rollback failed")


def test_nothing_starts_while_another_deploy_is_in_progress(scene: Scene, browse: Browse) -> None:
    """The buttons show why, and work again when it has ended."""
    landing = scene.sandbox.land_deploy("image-af3", tag="release-45", seconds=3600)
    shown = open_history(browse, scene, "image-af3")
    expect(shown.page.get_by_text("A deploy is in progress", exact=True)).to_be_visible()
    button = shown.row("release-42").get_by_role("button", name="to release-42")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_attribute(
        "title", re.compile("is in progress. A rollback is possible when it has ended")
    )
    button.click(force=True)
    expect(shown.dialog).to_have_count(0)
    scene.sandbox.change_deploy("image-af3", landing["id"], outcome="DEPLOYED", seconds=0)
    expect(button).to_have_attribute("aria-disabled", "false")
    expect(shown.row("release-45")).to_contain_text("runs now")


def test_a_lost_answer_does_not_start_two_runs(scene: Scene, browse: Browse) -> None:
    """A second press tracks the run that the first one started."""
    runs = scene.airflow.trigger_count(DAG_ID)
    lost: list[int] = []

    def lose_the_first_answer(route: Route) -> None:
        if route.request.method != "POST" or lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    shown = open_history(browse, scene, "image-af3")
    shown.page.route(STARTS, lose_the_first_answer)
    shown.open_plan("release-42")
    shown.describe(WHY)
    shown.press_roll_back()
    expect(shown.dialog.get_by_role("alert")).to_contain_text(
        "it is not known whether the Dag run was started"
    )
    shown.press_roll_back()
    shown.wait_for_end("Rolled back")
    assert lost == [200]
    assert scene.airflow.trigger_count(DAG_ID) == runs + 1


def test_a_start_without_a_response_is_repeated_unchanged(scene: Scene, browse: Browse) -> None:
    """Also when the dialog is closed and opened again: the same run id and description."""
    runs = scene.airflow.trigger_count(DAG_ID)
    sent: list[dict[str, Any]] = []

    def lose_the_first(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        sent.append(route.request.post_data_json or {})
        (route.abort if len(sent) == 1 else route.continue_)()

    shown = open_history(browse, scene, "dag-deploy-af3")
    shown.page.route(STARTS, lose_the_first)
    shown.open_plan("release-42")
    shown.describe(WHY)
    shown.press_roll_back()
    alert = shown.dialog.get_by_role("alert")
    expect(alert).to_contain_text("it is not known whether the Dag run was started")
    shown.page.keyboard.press("Escape")
    expect(shown.dialog).to_be_hidden()

    shown.open_plan("release-42")
    expect(alert).to_contain_text("An earlier request was not answered")
    expect(shown.dialog.get_by_label("Why?")).to_have_value(WHY)
    expect(shown.dialog.get_by_label("Why?")).not_to_be_editable()
    expect(shown.dialog.get_by_label("Bring back")).to_be_disabled()
    shown.press_roll_back()
    shown.wait_for_end("Rolled back")
    first, second = sent
    assert first == second
    assert scene.airflow.trigger_count(DAG_ID) == runs + 1


def test_no_token_reaches_the_browser(scene: Scene, browse: Browse) -> None:
    """No response to the page contains the connection's token."""
    token = scene.sandbox.connection()["password"]
    received: list[str] = []
    page = browse(scene.url())
    page.on("response", lambda answer: received.append(answer.text()) if "/rollback/" in answer.url else None)
    page.goto(scene.url("image-af3"))
    shown = HistoryPage(page)
    shown.wait_for_history_of(scene, "image-af3")
    shown.open_plan("release-42")
    assert len(received) >= 3
    assert token not in json.dumps(received)
    assert token not in page.content()
