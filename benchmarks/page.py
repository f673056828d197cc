# SPDX-License-Identifier: Apache-2.0
"""The response times of the page on a real Airflow if each response of the platform takes 100 ms.

Airflow, the platform and the browser share this machine. Each first load is a cold one: a Deployment is read
again only after its cache entry has expired.
"""

from __future__ import annotations

import gzip
import http.client
import json
import shutil
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.ui.bundle import DIST
from airflow_rollback_provider.ui.snapshot import SECONDS_SHARED
from tests.ui.browser.airflow import ANA, BrowsedAirflow

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTION = "apc"
LATENCY = 0.1
LIMIT = 0.5
MOST_BYTES = 40 * 1024
FLEET = 20
ROUNDS = 5
LOOKS_IN_THE_BROWSER = 20
ROWS = 50


def run() -> Iterator[str]:
    """Measure the first load, the next pages of a long history, ten tabs, the browser, and the bundle."""
    yield from _bundle()
    with _airflow() as (airflow, sandbox, deployments):
        client = _Client(airflow)
        *fleet, long = deployments
        yield from _first_looks(client, fleet)
        yield from _reading_on(client, long)
        time.sleep(SECONDS_SHARED + 1)
        yield from _tabs(client, sandbox, fleet[0])
        yield from _browser(airflow, fleet)


@contextmanager
def _airflow() -> Iterator[tuple[BrowsedAirflow, SandboxProcess, list[str]]]:
    with SandboxProcess() as sandbox:
        sandbox.reset("default")
        long = sandbox.deployment("ten-thousand", rows=0)["id"]
        draft = [{"age": 86_400 * (80 - number / 2), "tag": f"build-{number}"} for number in range(120)]
        fleet = [sandbox.add_deployment(f"bench-{number}", deploys=draft)["id"] for number in range(FLEET)]
        sandbox.fault("latency", delay=LATENCY, count=None)
        environment = {
            f"AIRFLOW_CONN_{CONNECTION.upper()}": sandbox.connection_json(),
            "AIRFLOW__AIRFLOW_ROLLBACK__PAGE_CONNECTIONS": json.dumps({CONNECTION: [*fleet, long]}),
        }
        with BrowsedAirflow([], environment) as airflow:
            yield airflow, sandbox, [*fleet, long]


class _Client:
    """Sends requests as the page does, over a persistent connection."""

    def __init__(self, airflow: BrowsedAirflow) -> None:
        self._port = airflow.port
        body = json.dumps({"username": ANA.name, "password": ANA.password})
        answer = self._exchange("POST", "/auth/token", body, {"content-type": "application/json"})
        self._cookie = {"cookie": f"_token={answer['access_token']}"}

    def history(self, deployment: str, cursor: str = "") -> Any:
        query = {"connection": CONNECTION, "deployment": deployment, **({"cursor": cursor} if cursor else {})}
        return self._exchange("GET", f"/rollback/api/history?{urlencode(query)}", None, self._cookie)

    def _exchange(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Any:
        wire = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            wire.request(method, path, body, headers)
            answer = wire.getresponse()
            text = answer.read()
        finally:
            wire.close()
        if answer.status not in (200, 201):
            raise RuntimeError(f"{method} {path}: {answer.status} {text!r}")
        return json.loads(text)


def _first_looks(client: _Client, fleet: list[str]) -> Iterator[str]:
    client.history(fleet[0])  # imports what the first one needs
    samples = []
    for _ in range(ROUNDS):
        time.sleep(SECONDS_SHARED)
        for deployment in fleet:
            seconds, answer = _timed(lambda deployment=deployment: client.history(deployment))
            assert len(answer["rows"]) >= ROWS
            samples.append(seconds)
    yield _told(f"first {len(answer['rows'])} rows, cold", samples, LIMIT)
    warm = [_timed(lambda: client.history(fleet[-1]))[0] for _ in range(50)]
    yield _told("the same, shared", warm, None)


def _reading_on(client: _Client, deployment: str) -> Iterator[str]:
    samples, rows, cursor = [], 0, ""
    while cursor is not None:
        seconds, answer = _timed(lambda cursor=cursor: client.history(deployment, cursor))
        samples.append(seconds)
        rows, cursor = rows + len(answer["rows"]), answer["next_cursor"]
    yield _told(f"a further page, of {rows:,} deploys", samples[1:], None)


def _tabs(client: _Client, sandbox: SandboxProcess, deployment: str) -> Iterator[str]:
    sandbox.clear_requests()
    with ThreadPoolExecutor(10) as tabs:
        list(tabs.map(client.history, [deployment] * 10))
    yield f"requests to the platform for ten tabs that open at once: {len(sandbox.requests())}"


def _browser(airflow: BrowsedAirflow, fleet: list[str]) -> Iterator[str]:
    path = shutil.which("chromium")
    if path is None:
        yield "in the browser: not measured, no chromium on PATH (apt-get install -y chromium)"
        return
    from playwright.sync_api import sync_playwright

    from tests.ui.browser.conftest import log_in

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.add_init_script(_WHEN_ROWS_ARE_SHOWN)
        log_in(page, airflow, ANA)
        samples = []
        for number in range(LOOKS_IN_THE_BROWSER + 1):
            chosen = urlencode({"connection": CONNECTION, "deployment": fleet[number % len(fleet)]})
            page.goto(f"{airflow.url}plugin/deploy-history?{chosen}")
            page.wait_for_function("window.shownAfter !== undefined")
            samples.append(page.evaluate("window.shownAfter") / 1000)
        browser.close()
    yield _told(f"in the browser, {ROWS} rows shown after the request", samples[1:], LIMIT)


# From the request for the history until its rows have been painted.
_WHEN_ROWS_ARE_SHOWN = f"""
new MutationObserver((_, observer) => {{
    if (document.querySelectorAll("tr[data-deploy]").length < {ROWS}) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => {{
        const requests = performance.getEntriesByType("resource");
        const asked = requests.find((one) => one.name.includes("/api/history"));
        window.shownAfter = performance.now() - asked.startTime;
    }}));
}}).observe(document, {{ childList: true, subtree: true }});
"""


def _bundle() -> Iterator[str]:
    size = len(gzip.compress((DIST / "deploy-history.js").read_bytes(), 9))
    small = _verdict(size < MOST_BYTES)
    yield f"bundle for Airflow 3: {size:,} bytes compressed (less than {MOST_BYTES:,}: {small})"


def _timed(work: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    answer = work()
    return time.perf_counter() - began, answer


def _told(what: str, samples: list[float], limit: float | None) -> str:
    p95 = statistics.quantiles(samples, n=20)[-1]
    said = f" (at most {limit * 1000:.0f}: {_verdict(p95 <= limit)})" if limit is not None else ""
    median = statistics.median(samples)
    return f"{what:55} median {median * 1000:6.0f} ms   p95 {p95 * 1000:6.0f} ms{said}   n={len(samples)}"


def _verdict(holds: bool) -> str:
    return "yes" if holds else "NO"
