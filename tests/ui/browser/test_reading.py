# SPDX-License-Identifier: Apache-2.0
"""Reading a deploy history in a real browser."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from demo.airflow_settings import airflow_major
from tests.ui.browser.conftest import (
    CONNECTION,
    MILLISECONDS_TO_WAIT,
    OFFERED,
    UNUSABLE,
    Browse,
    Scene,
)
from tests.ui.browser.history_page import HistoryPage, open_history

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

expect.set_options(timeout=MILLISECONDS_TO_WAIT)


def test_the_summary_and_every_deploy_newest_first(scene: Scene, browse: Browse) -> None:
    """The summary shows the running deploy; the rows show all data of each deploy."""
    shown = open_history(browse, scene, "image-af3")
    summary = shown.page.get_by_role("region", name="Billing")
    for text in ("release-44", "3.3-2", "image-based", "stellar-orbit-4821", "by github-actions"):
        expect(summary).to_contain_text(text)
    for width, release in ((1920, ["Image tag", "Runtime", "Type", "Commit"]), (1100, ["Release"])):
        shown.page.set_viewport_size({"width": width, "height": 900})
        expect(shown.table.locator("thead th")).to_have_text([
            "When",
            "By",
            "Description",
            *release,
            "Status",
            "Roll back",
        ])
    assert shown.tags()[:4] == [deploy["imageTag"] for deploy in scene.deploys("image-af3")[:4]]


def test_each_row_shows_whether_a_rollback_to_it_is_possible(scene: Scene, browse: Browse) -> None:
    """It has a button, or the reason of the rule."""
    shown = open_history(browse, scene, "moved-to-af3")
    expect(shown.row("release-44")).to_contain_text("runs now")
    expect(shown.row("release-43")).to_contain_text(
        "has not succeeded, or that is not known (status: failed)"
    )
    possible = shown.row("release-42")
    expect(possible).to_contain_text("Airflow 3 → 2")
    expect(possible.get_by_role("button", name="to release-42")).to_be_enabled()


def test_a_rollback_links_to_its_target(scene: Scene, browse: Browse) -> None:
    """Its row links to the target; the superseded deploy is marked."""
    shown = open_history(browse, scene, "after-rollback")
    rollback, left, target, _ = scene.deploys("after-rollback")
    rows = [shown.table.locator(f"tr[data-deploy='{deploy['id']}']") for deploy in (rollback, left, target)]
    expect(rows[0]).to_contain_text("back to release-2")
    expect(rows[1]).to_contain_text("rolled back from")
    rows[0].get_by_role("button", name="release-2").click()
    expect(rows[2]).to_be_focused()


def test_the_link_contains_the_selection(scene: Scene, browse: Browse) -> None:
    """Nothing is selected at first. The address has the selection; the back button removes it."""
    page = browse(scene.url())
    page.get_by_role("link", name="Orders").click()
    HistoryPage(page).wait()
    expect(page.get_by_role("heading", name="Orders", exact=True)).to_be_visible()
    chosen = {"connection": [CONNECTION], "deployment": [scene.deployment("dag-deploy-af3")]}
    assert parse_qs(urlsplit(page.url).query) == chosen
    page.get_by_label("Deployment", exact=True).select_option(label="Billing")
    expect(page.get_by_role("heading", name="Billing", exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Orders", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Orders", exact=True)).to_be_visible()


def test_a_link_to_a_deployment_that_is_not_offered(scene: Scene, browse: Browse) -> None:
    """The page says so and lists the others, without a request for it to the platform."""
    scene.sandbox.clear_requests()
    secret = scene.deployment("other-workspace")
    page = browse(f"{scene.url()}?connection={CONNECTION}&deployment={secret}")
    expect(page.get_by_text("This Deployment is not offered here")).to_be_visible()
    assert page.get_by_role("navigation", name="Deployments").get_by_role("link").count() == len(
        OFFERED
    ) + len(UNUSABLE)
    assert secret not in repr(scene.sandbox.requests())


def test_search_and_filters(scene: Scene, browse: Browse) -> None:
    """Each filter leaves the matching rows; the chart fades the others."""
    shown = open_history(browse, scene, "image-af3")
    every = len(shown.rows())
    search = shown.page.get_by_role("searchbox", name="Search deploys")
    search.fill("RELEASE-4")
    expect(shown.table.locator("tbody tr")).to_have_count(4)
    shown.page.get_by_label("Status", exact=True).select_option("failed")
    expect(shown.table.locator("tbody tr")).to_have_count(1)
    expect(
        shown.page.get_by_text(re.compile(r"^1 of \d+ deploys read so far, all there are"))
    ).to_be_visible()
    assert shown.chart.locator("svg .rbk-faint").count() > 0
    shown.page.get_by_role("button", name="Clear").click()
    shown.page.get_by_label("Only possible targets").check()
    expect(shown.row("release-42")).to_be_visible()
    assert 0 < len(shown.rows()) < every
    assert all("Roll back…" in row for row in shown.rows())
    shown.page.get_by_label("Only possible targets").uncheck()
    shown.page.get_by_label("Runtime", exact=True).select_option("3.1-8")
    expect(shown.row("release-44")).to_be_hidden()
    assert all("3.1-8" in row for row in shown.rows())


def test_ten_thousand_deploys(scene: Scene, browse: Browse) -> None:
    """Scrolling loads more, a search loads by itself, and the browser draws only the rows near by."""
    shown = open_history(browse, scene, "ten-thousand")
    shown.page.get_by_role("button", name="Load older deploys").scroll_into_view_if_needed()
    expect(shown.page.get_by_text(re.compile(r"^(2|3|4)\d\d deploys\."))).to_be_visible()
    shown.page.get_by_role("searchbox", name="Search deploys").fill("build-00000")
    expect(shown.row("build-00000")).to_be_visible()
    expect(shown.page.get_by_text("1 of 10000 deploys read so far, all there are.")).to_be_visible()
    shown.page.get_by_role("button", name="Clear").click()
    expect(shown.row("build-09999")).to_be_visible()
    read = shown.page.locator(".rbk-more [role=status]").inner_text()
    assert int(read.split()[0]) == 10_000
    assert shown.table.locator("tr[data-deploy]").count() < 250


def test_the_chart_by_keyboard(scene: Scene, browse: Browse) -> None:
    """One tab stop; the arrow keys move from deploy to deploy, Enter finds it in the table."""
    shown = open_history(browse, scene, "image-af3")
    deploys = shown.chart.get_by_role("button")
    expect(deploys.last).to_have_attribute("tabindex", "0")
    assert shown.chart.locator("button[tabindex='0']").count() == 1
    deploys.last.focus()
    for _ in range(2):
        shown.page.keyboard.press("ArrowLeft")
    focused = shown.chart.locator("button:focus")
    expect(focused).to_have_attribute(
        "aria-label", re.compile("^release-42 · Runtime 3.3-2 · .* can be rolled back to$")
    )
    shown.page.keyboard.press("Enter")
    expect(shown.row("release-42")).to_be_focused()


def test_the_chart_of_runtimes_and_rollbacks(scene: Scene, browse: Browse) -> None:
    """A lane for each Runtime, the latest on top; an arc for each rollback."""
    shown = open_history(browse, scene, "after-rollback")
    lanes = shown.chart.get_by_role("list", name="Runtime versions, newest first")
    runtimes = {deploy["runtimeVersion"] for deploy in scene.deploys("after-rollback")}
    assert set(lanes.get_by_role("listitem").all_inner_texts()) == runtimes
    assert shown.chart.locator(".rbk-arc").count() == 1


def test_times_are_in_the_users_zone(scene: Scene, browse: Browse) -> None:
    """In the zone of Airflow's own clock; the tooltip shows UTC."""
    page = browse(scene.url("image-af3"), zone="Asia/Tokyo")
    if airflow_major() < 3:  # there, the zone is chosen in the menu
        page.evaluate("localStorage.setItem('selected-timezone', 'Asia/Tokyo')")
        page.reload()
    when = HistoryPage(page).wait().row("release-44").locator("time").first
    made = datetime.fromisoformat(when.get_attribute("datetime") or "")
    assert when.inner_text() == made.astimezone(ZoneInfo("Asia/Tokyo")).strftime("%Y-%m-%d %H:%M")
    assert when.get_attribute("title") == made.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%d %H:%M:%S UTC")
    expect(page.get_by_text("(Asia/Tokyo)")).to_be_visible()


def test_an_empty_history(scene: Scene, browse: Browse) -> None:
    """The page says that there are no deploys yet."""
    page = browse(scene.url("no-deploys"))
    expect(page.get_by_text("No deploys yet")).to_be_visible()


def test_an_expired_token(scene: Scene, browse: Browse) -> None:
    """The page says so, and what to do; with a new token, another try is enough."""
    scene.sandbox.settings(expired_tokens=["editor"])
    page = browse(scene.url())
    alert, again, shown = (
        page.get_by_role("alert"),
        page.get_by_role("button", name="Try again"),
        HistoryPage(page),
    )

    def look_anew() -> None:
        page.goto(scene.url("image-af3"))
        alert.or_(shown.table).first.wait_for()

    shown.persist(alert.is_visible, look_anew)  # what the test before was told is shared for some seconds
    expect(alert).to_contain_text("token has expired")
    scene.sandbox.settings(expired_tokens=[])
    shown.persist(
        shown.table.is_visible, lambda: again.click(force=True, timeout=1000) if again.is_visible() else None
    )


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        ("gone", r"Airflow has no connection 'gone'.*Ask an Airflow administrator"),
        ("locked_out", r"deployment\.deployRevisions\.get.*Ask for the permission"),
    ],
)
def test_an_unreadable_history(scene: Scene, browse: Browse, connection: str, words: str) -> None:
    """Without a connection or a permission the page says what is wrong and who can help."""
    page = browse(scene.url("image-af3", connection))
    expect(page.get_by_role("alert")).to_contain_text(re.compile(words, re.DOTALL))
    expect(page.get_by_label("Deployment", exact=True)).to_be_visible()


def test_a_history_stays_while_the_platform_is_down(scene: Scene, browse: Browse) -> None:
    """The loaded rows stay, with the time of the read; another try loads the new ones."""
    shown = open_history(browse, scene, "image-af3")
    scene.sandbox.fault("status", status=503, count=None)
    alert = shown.page.get_by_role("alert")
    shown.persist(alert.is_visible, shown.refresh)
    expect(alert).to_contain_text("The platform cannot be reached")
    expect(alert).to_contain_text("is still shown below")
    expect(shown.row("release-44")).to_be_visible()
    scene.sandbox.clear_faults()
    scene.sandbox.land_deploy("image-af3", tag="release-45")
    shown.persist(shown.row("release-45").is_visible, shown.refresh)
    expect(alert).to_be_hidden()


def test_reasons_against_every_rollback_are_shown_once_on_top(scene: Scene, browse: Browse) -> None:
    """They include the remedy."""
    page = browse(scene.url("rollback-disabled"))
    notice = page.locator(".rbk-box", has_text="This Deployment cannot be rolled back now")
    expect(notice).to_contain_text("Rollbacks are switched off")
    expect(notice).to_contain_text("Switch on the toggle")
    expect(HistoryPage(page).table.get_by_role("button", name="Roll back to")).to_have_count(0)
