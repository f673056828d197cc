# SPDX-License-Identifier: Apache-2.0
"""The page with odd texts in windows of every size, with the histories of ``page/dev`` and no Airflow."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from airflow_rollback_provider.ui.cache import Cache
from airflow_rollback_provider.ui.config import ALL, DeploymentOption
from airflow_rollback_provider.ui.page_client import Platforms
from airflow_rollback_provider.ui.service import Service
from airflow_rollback_provider.ui.snapshot import Reader
from tests.support.without import do_without
from tests.ui.browser.airflow import ROOT
from tests.ui.browser.history_page import HistoryPage
from tests.ui.browser.test_accessibility import AXE, problems
from tests.ui.conftest import Page as ServerSide

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DEV = ROOT / "page" / "dev" / "server.mjs"
WINDOWS = [(400, 800), (680, 450), (899, 700), (1100, 800), (1360, 900), (1920, 1080)]
"""Widths and heights; 680 by 450 is a laptop at 200 %."""
ODD, BILLING, BIG, ORDERS = "odd-4821", "billing-4821", "big-4821", "orders-4821"
LONG_ENOUGH_TO_BREAK = 25

_SIDEWAYS = "document.scrollingElement.scrollWidth - document.documentElement.clientWidth"
_BROKEN_WORDS = """longest => {
    const texts = document.createTreeWalker(document.querySelector(".rbk"), NodeFilter.SHOW_TEXT);
    const broken = [];
    for (let node; (node = texts.nextNode()); ) {
        const cell = node.parentElement.closest("th, td, dt, dd, button, label, h1, h2");
        if (!cell || node.parentElement.closest(".rbk-hidden, .rbk-cards thead, option, svg")) continue;
        if (!node.parentElement.checkVisibility()) continue; // the reasons that are folded
        for (const { 0: word, index } of node.data.matchAll(/[\\p{L}\\p{N}_]+/gu)) {
            const range = document.createRange();
            range.setStart(node, index);
            range.setEnd(node, index + word.length);
            const [box, lines] = [cell.getBoundingClientRect(), [...range.getClientRects()]];
            const leaves = lines.some(({ left, right }) => left < box.left - 1 || right > box.right + 1);
            if (word.length <= longest && (lines.length > 1 || leaves)) broken.push(word);
        }
    }
    return broken;
}"""


@pytest.fixture(scope="module")
def world() -> Iterator[str]:
    """The address of the server with the invented histories."""
    node = shutil.which("node")
    if node is None or not AXE.exists():
        do_without("Node and the page's packages are not installed: run scripts/build-page")
    command = [node, str(DEV)]
    with subprocess.Popen(command, env={"PORT": "0"}, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


Open = Callable[..., HistoryPage]


@pytest.fixture
def show(chromium: Browser, world: str) -> Iterator[Open]:
    """Open a Deployment in a window of some size; an error of the script fails the test."""
    contexts, errors = [], []

    def opened(deployment: str, size: tuple[int, int] = (1360, 900), **query: Any) -> HistoryPage:
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        chosen = {"connection": "astro_private_cloud_default", "deployment": deployment, **query}
        page.goto(f"{world}?{urlencode(chosen)}")
        return HistoryPage(page).wait()

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def open_plan(shown: HistoryPage, number: int = 0) -> None:
    """Open the plan of one of the possible targets."""
    shown.table.get_by_role("button", name=re.compile("^Roll back…")).nth(number).click()
    shown.dialog.get_by_text("What changes").wait_for()


def assert_room(page: Page) -> None:
    """Nothing pans sideways, and no cell is narrower than its longest word."""
    assert page.evaluate(_SIDEWAYS) <= 0
    assert page.evaluate(_BROKEN_WORDS, LONG_ENOUGH_TO_BREAK) == []


@pytest.mark.parametrize(("size", "theme"), list(zip(WINDOWS, cycle(("light", "dark")))), ids=str)
def test_there_is_room(show: Open, size: tuple[int, int], theme: str) -> None:
    """With a tag of 127 characters, a description of 3,000, and a name that is written from right to left."""
    shown = show(ODD, size, theme=theme)
    assert_room(shown.page)
    shown.table.locator("summary").first.click()
    assert_room(shown.page)
    for action in shown.table.get_by_role("button", name=re.compile("^Roll back…")).all()[:5]:
        box = action.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]
    assert problems(shown.page) == []
    open_plan(shown)
    assert_room(shown.page)
    for inside in (
        shown.dialog.get_by_role("button", name="Roll back to"),
        shown.dialog.locator(".rbk-dialog-body"),
    ):
        expect(inside).to_be_in_viewport(ratio=1)
    body = shown.dialog.locator(".rbk-dialog-body").bounding_box()
    assert body is not None
    assert body["height"] >= 150
    assert problems(shown.page) == []


def test_the_list_of_deployments_shows_their_state(chromium: Browser, world: str) -> None:
    """Health, running tag and last deploy; a Deployment that cannot be read does not hide the others."""
    # High enough for all of them: those that load would move the others out of view, which are not read then.
    page = chromium.new_page(viewport={"width": 400, "height": 4000})
    page.goto(world)
    for text in ("HEALTHY", "release-129", "deploy succeeded"):
        expect(page.get_by_role("link", name="Billing")).to_contain_text(text)
    expect(page.get_by_role("link", name="Expired")).to_contain_text("cannot be read now")
    assert_room(page)
    assert problems(page) == []
    page.close()


def test_a_right_to_left_airflow(show: Open) -> None:
    """The page stays English: the chart of a long history shows its latest deploys and scrolls."""
    shown = show(BIG, dir="rtl")
    latest = shown.chart.get_by_role("button").last
    expect(latest).to_be_in_viewport()
    scroller = shown.page.locator(".rbk-scroller")
    before = scroller.evaluate("element => element.scrollLeft")
    scroller.evaluate("element => (element.scrollLeft -= 300)")
    assert 0 < scroller.evaluate("element => element.scrollLeft") < before
    assert shown.page.locator(".rbk").evaluate("element => getComputedStyle(element).direction") == "ltr"


def test_names_of_others_stay_in_their_place(show: Open) -> None:
    """They are isolated and quoted, and HTML stays text."""
    shown = show(ODD)
    open_plan(shown)
    title = shown.dialog.locator("#rbk-dialog-title")
    expect(title).to_contain_text(re.compile("^Roll “Rolled back .*<b>bold</b>” back to “registry-mirror-"))
    assert title.locator("bdi").count() == 2
    assert "“" not in (title.locator("bdi").first.text_content() or "")
    assert shown.page.locator(".rbk b").count() == 0


def test_a_start_under_way_keeps_its_dialog(show: Open) -> None:
    """Neither Escape, however often, nor Cancel closes it before the request is answered."""
    shown = show(BILLING)
    held: list[Route] = []
    shown.page.route(re.compile("/dagRuns$"), lambda route: held.append(route))
    open_plan(shown)
    button = shown.dialog.get_by_role("button", name="Roll back to")
    expect(button).to_have_attribute("aria-disabled", "true")
    shown.describe("Orders fail")
    expect(button).to_have_attribute("aria-disabled", "false")
    button.click()
    expect(shown.dialog.get_by_text("Starting…")).to_be_visible()
    for _ in range(4):
        shown.page.keyboard.press("Escape")
    expect(shown.dialog.get_by_text("Starting…")).to_be_visible()
    held[0].continue_()
    expect(shown.page.get_by_role("heading", name="Rolling back to")).to_be_focused()
    expect(shown.dialog).to_have_count(0)
    shown.page.reload()
    expect(shown.page.get_by_role("heading", name="Rolling back to")).to_be_visible()
    assert len(held) == 1


@pytest.mark.parametrize("allowed", [True, False], ids=["copied", "selected"])
def test_a_page_that_offers_nothing_shows_what_to_write(chromium: Browser, world: str, allowed: bool) -> None:
    """The setting is copied, or where a page cannot copy it is selected; and the window has room for it."""
    context = chromium.new_context(viewport={"width": 400, "height": 900})
    page = context.new_page()
    if allowed:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
    else:
        page.add_init_script("navigator.clipboard.writeText = () => Promise.reject()")
    nothing = Service(Reader(Platforms(), Cache()), tuple).options(3, None, lambda _dag_id: None)
    page.route(re.compile("/api/options"), lambda route: route.fulfill(json=nothing))
    page.goto(world)
    page.get_by_role("button", name="Copy environment").click()
    expect(page.get_by_text("Copied." if allowed else "Selected. Copy it with the keyboard.")).to_be_visible()
    where = "navigator.clipboard.readText()" if allowed else "getSelection().toString()"
    assert page.evaluate(where) == nothing["notice"]["snippets"][1]["text"]
    assert problems(page) == []
    assert page.evaluate(_SIDEWAYS) <= 0
    context.close()


def test_500_deployments_are_listed_page_by_page(chromium: Browser, world: str, page: ServerSide) -> None:
    """With the keyboard, in a narrow window: to the next page, a search, a Deployment and back."""
    for number in range(500):
        page.sandbox.add_deployment(f"team-{number}", label=f"Team {number:03}")
    page.options.append(DeploymentOption("apc", ALL, ALL, "roll_back"))
    context = chromium.new_context(viewport={"width": 400, "height": 900})
    shown = context.new_page()
    sent: list[str] = []

    def answer(route: Route) -> None:
        url = urlsplit(route.request.url)
        query: dict[str, Any] = dict(parse_qsl(url.query))
        sent.append(path := url.path.rpartition("/")[2])
        if path == "options":
            route.fulfill(json=page.service.options(3, None, page.start_problem))
        elif path == "deployments":
            start = int(query.pop("start"))
            more = {"search": "", **query, "start": start, "start_problem": page.start_problem}
            route.fulfill(json=page.service.deployments(**more))
        else:
            route.fulfill(json=page.history(query["deployment"]))

    shown.route(re.compile("/rollback/api/"), answer)
    shown.goto(world)
    status = shown.get_by_role("navigation", name="Deployments of apc").get_by_role("status")
    expect(status).to_have_text(re.compile("^1.50 of 5.. Deployments$"))
    assert problems(shown) == []
    assert shown.evaluate(_SIDEWAYS) <= 0
    shown.get_by_role("searchbox").focus()
    shown.keyboard.press("Tab")
    shown.keyboard.press("Tab")
    shown.keyboard.press("Enter")
    expect(status).to_have_text(re.compile("^51.100 of 5.. Deployments$"))
    before = sent.count("deployments")
    shown.get_by_role("searchbox").press_sequentially("042 team")
    expect(status).to_have_text(re.compile("^1.1 of 1 Deployments$"))
    assert sent.count("deployments") - before < len("042 team")
    shown.get_by_role("link", name="Team 042").press("Enter")
    expect(shown.get_by_role("heading", name="Team 042")).to_be_visible()
    shown.reload()
    expect(shown.get_by_role("heading", name="Team 042")).to_be_visible()
    shown.get_by_role("button", name="All Deployments").press("Enter")
    expect(status).to_have_text(re.compile("^1.50 of 5.. Deployments$"))
    context.close()


def test_a_reason_outlives_a_reload(show: Open) -> None:
    """Also when it leads through the login."""
    shown = show(ORDERS)  # no other test starts a rollback of it, which changes its targets
    open_plan(shown)
    shown.describe("Orders fail")
    shown.page.route(re.compile("/dagRuns$"), lambda route: route.fulfill(status=400, body="<p>CSRF</p>"))
    shown.press_roll_back()
    alert = shown.dialog.get_by_role("alert")
    expect(alert).to_contain_text("Your session has ended")
    with shown.page.expect_navigation():
        alert.get_by_role("button", name="Log in again").click()
    shown.wait()
    open_plan(shown)
    expect(shown.dialog.get_by_label("Why?")).to_have_value("Orders fail")


def test_a_refresh_waits_for_older_rows(show: Open) -> None:
    """It is not dropped: it is sent after them, and its button shows that it is under way."""
    shown = show(BIG)
    held: list[Route] = []
    fresh: list[str] = []
    shown.page.route(re.compile("cursor="), lambda route: held.append(route))
    shown.page.on(
        "request", lambda request: fresh.append(request.url) if "fresh=now" in request.url else None
    )
    shown.page.get_by_role("button", name="Load older deploys").click()
    shown.refresh()
    expect(shown.page.get_by_role("button", name="Refreshing…")).to_be_visible()
    assert fresh == []
    held[0].continue_()
    expect(shown.page.get_by_role("button", name="Refresh", exact=True)).to_be_visible()
    assert len(fresh) == 1


def test_a_refresh_reads_the_rights_again(show: Open) -> None:
    """A Dag that was unpaused meanwhile can be started without a reload."""
    shown = show("readonly-4821")
    notice = shown.page.get_by_text("You can read and plan, but not roll back")
    expect(notice).to_be_visible()

    def allow(route: Route) -> None:
        answer = route.fetch().json()
        for option in answer["options"]:
            option.update(may_roll_back=True, reason=None)
        route.fulfill(json=answer)

    shown.page.route(re.compile("/api/options"), allow)
    shown.refresh()
    expect(notice).to_be_hidden()


def test_an_ended_session_is_not_an_airflow_that_is_down(show: Open) -> None:
    """While a rollback is followed, the page shows one of the two."""
    shown = show(BILLING)
    open_plan(shown, 1)
    shown.describe("Orders fail")
    shown.press_roll_back()
    shown.progress.wait_for()
    shown.page.route(re.compile("/api/"), lambda route: route.fulfill(status=401, json={"detail": "no"}))
    expect(shown.page.get_by_role("alert")).to_contain_text("Your session has ended")
    expect(shown.progress).not_to_contain_text("does not answer")


def test_a_failure_says_once_that_another_try_may_help(show: Open) -> None:
    """The button says it."""
    shown = show(BILLING)
    error = {
        "code": "PLATFORM-DOWN",
        "message": "Houston failed. It may be temporary; try again.",
        "remedy": "Try again in a moment.",
    }
    shown.page.route(
        re.compile("/api/history"), lambda route: route.fulfill(status=424, json={"error": error})
    )
    shown.refresh()
    alert = shown.page.get_by_role("alert")
    expect(alert).to_contain_text("Houston failed.")
    assert alert.inner_text().lower().count("try again") == 1


def test_the_address_contains_filters_and_a_deploy(show: Open) -> None:
    """A link shows the same view; the tab's title names the Deployment."""
    shown = show(BILLING)
    shown.page.get_by_role("searchbox").fill("release-12")
    shown.page.get_by_label("Status", exact=True).select_option("failed")
    expect(shown.page).to_have_url(re.compile("search=release-12&status=failed"))
    expect(shown.page).to_have_title("Billing - Deploy History - Airflow")
    shown.page.reload()
    expect(shown.table.locator("tr[data-deploy]")).to_have_count(1)
    far = show(BIG, deploy="cmbig009500")
    expect(far.table.locator("tr[data-deploy=cmbig009500]")).to_be_focused()


def test_a_refusal_is_a_word_with_its_reasons_on_demand(show: Open) -> None:
    """In the row, by keyboard too."""
    shown = show(BILLING)
    refusal = shown.row("failed").locator("details")
    expect(refusal.get_by_role("listitem").first).to_be_hidden()
    refusal.locator("summary").press("Enter")
    expect(refusal).to_contain_text("is not known to have succeeded")


def test_now_is_not_overprinted(show: Open) -> None:
    """A rollback in progress is the next symbol; the label of the running deploy does not overlap it."""
    shown = show("busy-4821")
    label = shown.page.locator(".rbk-now").bounding_box()
    mark = shown.page.locator(".rbk-chart .rbk-lanes-and-chart .rbk-in-progress path").bounding_box()
    assert label is not None
    assert mark is not None
    assert label["x"] + label["width"] < mark["x"] or label["y"] + label["height"] <= mark["y"]
