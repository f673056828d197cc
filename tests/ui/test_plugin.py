# SPDX-License-Identifier: Apache-2.0
"""How Airflow finds the page, and the cost for processes that do not show it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_rollback_provider.compat import AIRFLOW_3
from airflow_rollback_provider.get_provider_info import get_provider_info
from airflow_rollback_provider.ui import bundle, plugin
from tests.ui.sites import Site

ROOT = Path(__file__).resolve().parents[2]


def _in_a_fresh_process(code: str, **environment: str) -> Any:
    """Run Python code, and return the JSON that it printed last."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.matrix
def test_airflow_loads_the_plugin() -> None:
    """By its entry point, once, without an error."""
    from airflow import plugins_manager

    plugins_manager.ensure_plugins_loaded()
    code = (
        "import json; from airflow import plugins_manager as m; m.ensure_plugins_loaded(); "
        "found = m._get_plugins() if hasattr(m, '_get_plugins') else (m.plugins, m.import_errors); "
        "print(json.dumps([[one.name for one in found[0]], found[1]]))"
    )
    names, errors = _in_a_fresh_process(code)
    assert names.count("deploy_history") == 1
    assert errors == {}


def test_the_provider_declares_no_plugin() -> None:
    """With both, Airflow would skip the second and report an import error."""
    assert "plugins" not in get_provider_info()


def test_importing_the_plugin_is_light() -> None:
    """Workers and schedulers import it as well, so it imports nothing else."""
    code = (
        "import json, sys; import airflow.plugins_manager; before = set(sys.modules); "
        "import airflow_rollback_provider.ui.plugin; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    package = "airflow_rollback_provider"
    loaded = _in_a_fresh_process(code)
    assert f"{package}.ui.plugin" in loaded
    assert set(loaded) <= {package, f"{package}.ui", f"{package}.ui.plugin"}


def test_each_line_gets_its_own_page() -> None:
    """Airflow 3 would not start with a Flask view, and Airflow 2 has no React apps."""
    made = plugin.DeployHistoryPlugin()
    in_3, in_2 = [made.react_apps, made.fastapi_apps], [made.appbuilder_views, made.flask_blueprints]
    assert [bool(part) for part in (*in_3, *in_2)] == [AIRFLOW_3] * 2 + [not AIRFLOW_3] * 2


@pytest.mark.parametrize(("version", "parts"), [((2, 10), 0), ((3, 0), 0), ((3, 1), 2), ((3, 3), 2)])
@pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 has no FastAPI")
def test_versions_between(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], parts: int) -> None:
    """Airflow supports React apps since 3.1."""
    monkeypatch.setattr(plugin, "AIRFLOW", version)
    made = plugin.DeployHistoryPlugin()
    assert len(made.react_apps) + len(made.fastapi_apps) == parts


@pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 has no React apps")
class TestInAirflow3:
    """The React app and the mounted server side."""

    @pytest.mark.matrix
    def test_airflow_accepts_the_react_app(self, site: Site) -> None:
        """Airflow leaves a plugin with an invalid app out of its response."""
        plugins = site.send("/api/v2/plugins", "admin").json["plugins"]
        (ours,) = [one for one in plugins if one["name"] == "deploy_history"]
        (app,) = ours["react_apps"]
        assert (app["name"], app["url_route"], app["destination"]) == (
            "Deploy History",
            "deploy-history",
            "nav",
        )
        assert app["bundle_url"] == "/rollback/static/deploy-history.js"

    def test_below_a_base_url_with_a_path(self, airflow_db: None) -> None:
        """Airflow then serves that path alone, and every address of the page begins with it."""
        code = """
import json
from airflow.api_fastapi.app import create_app
from starlette.testclient import TestClient
from airflow_rollback_provider.ui.fastapi_app import addresses
from airflow_rollback_provider.ui.plugin import DeployHistoryPlugin
client = TestClient(create_app())
statuses = [client.get(path).status_code for path in ("/team/rollback/api/options", "/rollback/api/options")]
bundle = DeployHistoryPlugin().react_apps[0]["bundle_url"]
print(json.dumps([statuses, bundle, addresses().start, addresses().page]))
"""
        environment = {
            "AIRFLOW__API__BASE_URL": "https://airflow.example.com/team",
            "AIRFLOW__API_AUTH__JWT_SECRET": "x" * 64,
        }
        statuses, url, start, page = _in_a_fresh_process(code, **environment)
        assert statuses[0] == 401
        assert url == "/team/rollback/static/deploy-history.js"
        assert start == "/team/api/v2/dags/{dag_id}/dagRuns"
        assert page == "/team/dags/{dag_id}/runs/{run_id}"


@pytest.mark.skipif(AIRFLOW_3, reason="Airflow 3 has no Flask")
class TestInAirflow2:
    """The page of its own and its menu entry."""

    @pytest.mark.matrix
    def test_the_page(self, site: Site) -> None:
        """It is in Airflow's own layout, with the data that the front-end needs to start."""
        page = site.send("/rollback/", "reader")
        assert page.status == 200
        assert 'id="deploy-history" data-base="/" data-csrf="' in page.text
        assert 'src="/rollback/static/deploy-history-2.js"' in page.text

    def test_below_a_base_url_with_a_path(self, airflow_db: None) -> None:
        """Airflow then serves that path alone, and every address of the page begins with it."""
        code = """
import json
from airflow.www.app import create_app
from airflow_rollback_provider.ui.flask_views import _addresses, _base
app = create_app()
client = app.test_client()
statuses = [client.get(path).status_code for path in ("/team/rollback/api/options", "/rollback/api/options")]
with app.test_request_context("/rollback/", environ_overrides={"SCRIPT_NAME": "/team"}):
    print(json.dumps([statuses, _base(), _addresses().start, _addresses().page]))
"""
        environment = {"AIRFLOW__WEBSERVER__BASE_URL": "https://airflow.example.com/team"}
        statuses, base, start, page = _in_a_fresh_process(code, **environment)
        assert statuses == [401, 404]
        assert base == "/team/"
        assert start == "/team/rollback/api/runs/{dag_id}"
        assert page == "/team/dags/{dag_id}/grid?dag_run_id={run_id}"

    def test_the_menu_has_it_for_administrators(self, site: Site) -> None:
        """Others need the permissions that the documentation names."""
        assert 'href="/rollback/"' in site.send("/home", "admin").text
        assert 'href="/rollback/"' not in site.send("/home", "stranger").text


# -- the front-end's files -----------------------------------------------------------------------------


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a front-end of one file."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "page.js").write_text("1")
    (tmp_path / "secret.js").write_text("2")
    (tmp_path / "dist" / "notes.txt").write_text("3")
    monkeypatch.setattr(bundle, "DIST", tmp_path / "dist")
    return tmp_path / "dist"


def test_a_file_of_the_front_end(dist: Path, site: Site) -> None:
    """It has its media type, and it is not sent again while it is unchanged."""
    first = site.send("/rollback/static/page.js", "reader")
    assert (first.status, first.text) == (200, "1")
    assert first.headers["content-type"].startswith("text/javascript")
    assert first.headers["cache-control"] == "private, no-cache"
    etag = {"If-None-Match": first.headers["etag"]}
    assert site.send("/rollback/static/page.js", "reader", headers=etag).status == 304
    (dist / "page.js").write_text("4")
    again = site.send("/rollback/static/page.js", "reader", headers=etag)
    assert (again.status, again.text) == (200, "4")


@pytest.mark.parametrize(
    "name",
    ["missing.js", "notes.txt", "..%2Fsecret.js", "%2E%2E/secret.js", "%2Fetc%2Fpasswd", "page.js%00"],
)
def test_no_other_file_is_served(dist: Path, site: Site, name: str) -> None:
    """A name cannot lead to another folder."""
    assert site.send(f"/rollback/static/{name}", "admin").status in (400, 404)
    assert bundle.read_file("../secret.js") is None
