# SPDX-License-Identifier: Apache-2.0
"""A real Airflow with the embedded platform, and a real browser.

``browse`` opens the page for a logged-in user; ``scene`` is a fresh platform.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import ViewportSize

from airflow_rollback_provider.sandbox.process import SandboxProcess
from demo.airflow_settings import airflow_major
from tests.support.without import do_without
from tests.ui.browser.airflow import ANA, ROOT, BrowsedAirflow, User

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CONNECTION = "apc"
DAG_ID = "example_manual_rollback"
OFFERED = {
    "image-af3": "Billing",
    "dag-deploy-af3": "Orders",
    "moved-to-af3": "Moved to Airflow 3",
    "after-rollback": "Rolled back",
    "rollback-disabled": "Rollbacks disabled",
    "no-deploys": "No deploys",
    "ten-thousand": "Ten thousand deploys",
}
"""The Deployments of the page: their key in the embedded platform and their label."""

UNUSABLE = {"gone": "Without a connection", "locked_out": "Without the permission"}
"""More connections of the page, with the label of their Deployment: one that does not exist, and one
whose token may not read the history."""

SECONDS_TO_START = 300.0
MILLISECONDS_TO_WAIT = 150_000
"""The timeout of the browser, long enough for a busy machine."""

_HOW_TO_INSTALL = "no Chromium on PATH; on Debian or Ubuntu: apt-get install -y chromium"
_WINDOW: ViewportSize = {"width": 1360, "height": 900}


@dataclass(frozen=True)
class Scene:
    """A fresh platform, and the Airflow that uses it."""

    airflow: BrowsedAirflow
    sandbox: SandboxProcess

    def deployment(self, key: str) -> str:
        """Return the id of a Deployment of the embedded platform."""
        return str(self.sandbox.deployment(key, rows=0)["id"])

    def deploys(self, key: str) -> list[dict[str, Any]]:
        """Return the deploys of a Deployment from the platform, newest first."""
        found: list[dict[str, Any]] = self.sandbox.deployment(key)["deploys"]
        return found

    def url(self, key: str | None = None, connection: str = CONNECTION) -> str:
        """Return the page's address with a selected Deployment."""
        page = "plugin/deploy-history" if airflow_major() >= 3 else "rollback/"
        chosen = {"connection": connection, "deployment": self.deployment(key)} if key else {}
        return f"{self.airflow.url}{page}{'?' if key else ''}{urlencode(chosen)}"


Browse = Callable[..., "Page"]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, not the one of playwright."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        do_without(_HOW_TO_INSTALL)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def platform() -> Iterator[SandboxProcess]:
    """One embedded platform for all tests in the browser."""
    with SandboxProcess() as sandbox:
        yield sandbox


@pytest.fixture(scope="package")
def airflow(chromium: Browser, platform: SandboxProcess) -> Iterator[BrowsedAirflow]:
    """One Airflow for all tests in the browser; it takes half a minute to start."""
    labels = {platform.deployment(key, rows=0)["id"]: label for key, label in OFFERED.items()}
    billing = platform.deployment("image-af3", rows=0)["id"]
    others = {name: {"deployments": {billing: label}} for name, label in UNUSABLE.items()}
    environment = {
        f"AIRFLOW_CONN_{CONNECTION.upper()}": platform.connection_json(),
        "AIRFLOW_CONN_LOCKED_OUT": platform.connection_json("no-history"),
        "AIRFLOW__AIRFLOW_ROLLBACK__PAGE_CONNECTIONS": json.dumps({
            CONNECTION: {"deployments": labels},
            **others,
        }),
    }
    browsed = BrowsedAirflow([ROOT / "example_dags" / f"{DAG_ID}.py"], environment)
    browsed.start(SECONDS_TO_START)
    try:
        browsed.wait_for_dag(DAG_ID, SECONDS_TO_START)
        yield browsed
    finally:
        browsed.stop()


@pytest.fixture
def scene(airflow: BrowsedAirflow, platform: SandboxProcess) -> Scene:
    """A fresh platform."""
    platform.reset("default")
    return Scene(airflow, platform)


@pytest.fixture(scope="package")
def cookies(chromium: Browser, airflow: BrowsedAirflow, tmp_path_factory: Any) -> Callable[[User], Path]:
    """Log a user in through the form, once. The file stores the cookies."""
    folder: Path = tmp_path_factory.mktemp("cookies")

    def logged_in(user: User) -> Path:
        file = folder / f"{user.name}.json"
        if not file.exists():
            context = chromium.new_context()
            context.set_default_timeout(MILLISECONDS_TO_WAIT)
            log_in(context.new_page(), airflow, user)
            context.storage_state(path=file)
            context.close()
        return file

    return logged_in


@pytest.fixture
def browse(chromium: Browser, cookies: Callable[[User], Path], scene: Scene) -> Iterator[Browse]:
    """Open an address with a login.

    ``browse(url, user=ANA, dark=False, zone="Europe/Lisbon")``; with ``user=None`` without a login. An error
    that our own script did not catch fails the test; Airflow 2 has one of its own on every page.
    """
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_page(
        url: str, user: User | None = ANA, *, dark: bool = False, zone: str = "UTC", **options: Any
    ) -> Page:
        state = cookies(user) if user is not None else None
        context = chromium.new_context(
            storage_state=state,
            color_scheme="dark" if dark else "light",
            timezone_id=zone,
            locale="en-GB",
            viewport=_WINDOW,
            **options,
        )
        context.set_default_timeout(MILLISECONDS_TO_WAIT)
        contexts.append(context)
        # Airflow stores the choice of its own switch.
        theme = "dark" if dark else "light"
        stored = f"'theme', '{theme}'" if airflow_major() >= 3 else f"'darkTheme', '{str(dark).lower()}'"
        context.add_init_script(f"localStorage.setItem({stored})")
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(error.stack or str(error)))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [error for error in errors if "/rollback/static/" in error] == []


def log_in(page: Page, airflow: BrowsedAirflow, user: User) -> None:
    """Log a user in through Airflow's own form."""
    page.goto(airflow.url)
    if airflow_major() >= 3:
        page.get_by_label("Username").fill(user.name)
        page.get_by_label("Password").fill(user.password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/auth/login" not in url)
    else:
        page.locator("#username").fill(user.name)
        page.locator("#password").fill(user.password)
        page.locator("input[type=submit]").click()
        page.wait_for_url(lambda url: "/login" not in url)
    page.wait_for_load_state()
