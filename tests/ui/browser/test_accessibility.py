# SPDX-License-Identifier: Apache-2.0
"""The page checked with axe, light and dark, in each state; and its screenshots for the documentation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from demo.airflow_settings import airflow_major
from tests.ui.browser.airflow import ROOT
from tests.ui.browser.conftest import MILLISECONDS_TO_WAIT, Browse, Scene, do_without
from tests.ui.browser.history_page import open_history

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

expect.set_options(timeout=MILLISECONDS_TO_WAIT)

AXE = ROOT / "page" / "node_modules" / "axe-core" / "axe.min.js"

_RUN = """async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    // The page is a part of Airflow's, which has the landmarks and the order of headings.
    const rules = { region: { enabled: false } };
    const { violations } = await axe.run(document.querySelector(".rbk"), { runOnly: tags, rules });
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => [id, node.html, node.failureSummary]));
}"""


def problems(page: Page) -> list[list[str]]:
    """Return the violations that axe finds in the current page."""
    if not AXE.exists():
        do_without("axe-core is not installed: run scripts/build-page")
    page.add_script_tag(path=AXE)
    found: list[list[str]] = page.evaluate(_RUN)
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(scene: Scene, browse: Browse, dark: bool) -> None:
    """In the list of Deployments, a history, a plan with input errors, a rollback and a problem."""
    page = browse(scene.url(), dark=dark)
    page.get_by_role("link", name="Moved to Airflow 3").wait_for()
    assert problems(page) == []
    page.close()
    left = scene.deploys("after-rollback")[1]  # CI deploys it again
    scene.sandbox.land_deploy("after-rollback", tag=left["imageTag"])
    for width in (1360, 400):
        page = open_history(browse, scene, "after-rollback", dark=dark).page
        page.set_viewport_size({"width": width, "height": 900})
        expect(page.get_by_text("Brings back what was rolled back from on")).to_be_visible()
        assert problems(page) == []
        page.close()
    shown = open_history(browse, scene, "moved-to-af3", dark=dark)
    page = shown.page
    assert problems(page) == []
    shown.open_plan("release-42")
    shown.press_too_early()
    expect(shown.dialog.get_by_text("A reason is required.")).to_be_visible()
    assert problems(page) == []
    shown.describe("Invoices are doubled")
    shown.dialog.get_by_label("type the Deployment's name").fill("Moved to Airflow 3")
    shown.press_roll_back()
    shown.progress.wait_for()
    assert problems(page) == []
    shown.wait_for_end("Rolled back")
    scene.sandbox.fault("status", status=503, count=None)
    shown.persist(page.get_by_role("alert").is_visible, shown.refresh)
    assert problems(page) == []


def test_axe_finds_a_deliberate_error(scene: Scene, browse: Browse) -> None:
    """The check itself works."""
    page = open_history(browse, scene, "image-af3").page
    page.evaluate("document.querySelector('.rbk').insertAdjacentHTML('beforeend', '<button></button>')")
    assert [name for name, *_ in problems(page)] == ["button-name"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_screenshots_for_the_docs(scene: Scene, browse: Browse, tmp_path: Path, dark: bool) -> None:
    """The page and its dialog are dark together; WRITE_IMAGES=1 writes the screenshots to docs/images."""
    folder = ROOT / "docs" / "images" if os.environ.get("WRITE_IMAGES") else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    shown = open_history(browse, scene, "moved-to-af3", dark=dark)
    page = shown.page
    name = f"page-airflow-{airflow_major()}-{'dark' if dark else 'light'}"
    # The chart is laid out again when a scroll bar appears.
    page.wait_for_function(
        "document.querySelector('.rbk').scrollWidth <= document.querySelector('.rbk').clientWidth"
    )
    page.screenshot(path=folder / f"{name}.png")
    shown.open_plan("release-42")
    colors = "name => getComputedStyle(document.querySelector(name)).filter"
    assert page.evaluate(colors, "dialog") == page.evaluate(colors, "html")
    page.screenshot(path=folder / f"{name}-plan.png")
    assert (folder / f"{name}-plan.png").stat().st_size > 10_000
