# SPDX-License-Identifier: Apache-2.0
"""The page as a user reads it: by its texts."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.ui.browser.conftest import Browse, Scene

_SECONDS_TO_PERSIST = 150.0
_MILLISECONDS_BETWEEN_TRIES = 400


def open_history(browse: Browse, scene: Scene, key: str, *user: Any, **options: Any) -> HistoryPage:
    """Open a Deployment's history and refresh it until it is this test's, because the server caches it."""
    shown = HistoryPage(browse(scene.url(key), *user, **options))
    shown.wait_for_history_of(scene, key)
    return shown


class HistoryPage:
    """The Deploy History page in a browser.

    :param page: where it is open.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.table = page.get_by_role("table", name="Deploys, newest first")
        self.dialog = page.get_by_role("dialog")
        self.progress = page.locator("section", has=page.locator("#rbk-progress"))
        self.chart = page.get_by_role("region", name="Deploys over time")

    def row(self, text: str) -> Locator:
        """Return the latest row that has this text."""
        return self.table.locator("tbody tr").filter(has_text=text).first

    def rows(self) -> list[str]:
        """Return the text of every visible row."""
        return [text for text in self.table.locator("tbody tr").all_inner_texts() if text.strip()]

    def tags(self) -> list[str]:
        """Return the image tags, from the top."""
        return self.table.locator("tbody tr td:nth-of-type(3) > code").all_inner_texts()

    def refresh(self) -> None:
        """Press *Refresh*."""
        self.page.get_by_role("button", name="Refresh", exact=True).click()

    def persist(self, done: Callable[[], object], act: Callable[[], None]) -> None:
        """Repeat an action, as a user would, until a condition is true."""
        deadline = time.monotonic() + _SECONDS_TO_PERSIST
        while not done():
            assert time.monotonic() < deadline, "done again and again, in vain"
            act()
            self.page.wait_for_timeout(_MILLISECONDS_BETWEEN_TRIES)

    def wait(self) -> HistoryPage:
        """Wait until deploys are shown."""
        self.table.locator("tbody tr[data-deploy]").first.wait_for()
        return self

    def wait_for_history_of(self, scene: Scene, key: str) -> None:
        """Wait until the latest deploy is this platform's, by its time: fresh platforms have the same ids."""
        latest = datetime.fromisoformat(scene.deploys(key)[0]["createdAt"].replace("Z", "+00:00"))
        time_shown = self.wait().table.locator("tbody tr[data-deploy]").first.locator("time").first
        self.persist(
            lambda: datetime.fromisoformat(time_shown.get_attribute("datetime") or "") == latest, self.refresh
        )

    def open_plan(self, tag: str) -> Locator:
        """Press the button in a deploy's row and return the dialog with the plan."""
        self.open_dialog(tag)
        self.dialog.get_by_text("What changes").wait_for()
        return self.dialog

    def open_dialog(self, tag: str) -> None:
        """Press the button in a deploy's row and wait for the response."""
        self.row(tag).get_by_role("button", name=f"to {tag}").click()
        self.dialog.get_by_text("Planning…").wait_for(state="detached")

    def describe(self, why: str) -> None:
        """Enter the reason in the dialog."""
        self.dialog.get_by_label("Why?").fill(why)

    def press_roll_back(self) -> None:
        """Press the button that starts the rollback, in the dialog."""
        self.dialog.get_by_role("button", name="Roll back to").click()

    def press_too_early(self) -> None:
        """Press the same button before the form is filled: it is off, and leads to the missing field."""
        self.dialog.get_by_role("button", name="Roll back to").click(force=True)

    def wait_for_end(self, heading: str) -> str:
        """Wait until the started rollback has this heading; return its text."""
        self.progress.get_by_role("heading", name=heading, exact=True).wait_for()
        return self.progress.locator("[aria-live]").inner_text()
