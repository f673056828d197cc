# SPDX-License-Identifier: Apache-2.0
"""Tests that the connection form is the same on every Airflow line, and that Airflow finds it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import airflow_rollback_provider
from airflow_rollback_provider.get_provider_info import get_provider_info
from airflow_rollback_provider.hooks import form
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.platforms.registry import connect
from tests.platforms.talking import connection

INFO = get_provider_info()
(CONNECTION_TYPE,) = INFO["connection-types"]
HAS_FLASK = importlib.util.find_spec("flask_appbuilder") is not None


def test_the_metadata_fits_airflows_schema() -> None:
    """What is told to Airflow is what Airflow's own schema asks for."""
    jsonschema = pytest.importorskip("jsonschema", reason="comes with Airflow")
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(INFO, schema)


def test_everything_that_the_metadata_names_exists() -> None:
    """Classes and modules can be imported by the names that Airflow is told."""
    for path in (CONNECTION_TYPE["hook-class-name"], *INFO["extra-links"]):
        module, _, name = path.rpartition(".")
        assert getattr(importlib.import_module(module), name)
    for kind in ("hooks", "operators", "triggers"):
        for entry in INFO[kind]:
            for module in entry["python-modules"]:
                assert importlib.import_module(module)


def test_metadata_and_hook_agree() -> None:
    """The hook's own attributes and the metadata say the same."""
    assert CONNECTION_TYPE["connection-type"] == DeployHistoryHook.conn_type
    assert CONNECTION_TYPE["hook-name"] == DeployHistoryHook.hook_name
    assert (
        CONNECTION_TYPE["hook-class-name"] == f"{DeployHistoryHook.__module__}.{DeployHistoryHook.__name__}"
    )
    behaviour = DeployHistoryHook.get_ui_field_behaviour()
    told = {name.replace("-", "_"): value for name, value in CONNECTION_TYPE["ui-field-behaviour"].items()}
    assert behaviour == told
    assert INFO["versions"] == [airflow_rollback_provider.__version__]


@pytest.mark.skipif(not HAS_FLASK, reason="Airflow 3 has no WTForms: its form comes from the metadata")
@pytest.mark.filterwarnings("ignore")  # Flask-AppBuilder's own import
def test_the_widgets_of_airflow_2_are_the_fields_of_the_metadata() -> None:
    """One list of fields makes both forms."""
    widgets = DeployHistoryHook.get_connection_form_widgets()
    assert list(widgets) == list(CONNECTION_TYPE["conn-fields"])
    for name, field in CONNECTION_TYPE["conn-fields"].items():
        assert widgets[name].kwargs["description"] == field["description"]
        assert widgets[name].kwargs["default"] == field["schema"].get("default")


def test_the_form_as_it_opens_is_a_connection_that_works() -> None:
    """The defaults of the form are values that the hook accepts."""
    extra = {field.name: field.default for field in form.FIELDS if field.default is not None}
    empty = {field.name: "" for field in form.FIELDS if field.default is None}
    assert connect(connection(extra=extra)).policy == connect(connection(extra={**extra, **empty})).policy
    assert connect(connection(extra=extra)).policy == connect(connection()).policy


def test_the_token_is_a_password_and_extra_is_not_shown_twice() -> None:
    """The token goes into the one field that Airflow encrypts and masks."""
    behaviour = form.ui_field_behaviour()
    assert behaviour["relabeling"]["password"] == "API token"
    assert "login" in behaviour["hidden_fields"]
    assert not any("token" in field.name for field in form.FIELDS)


@pytest.mark.matrix
def test_airflow_discovers_the_connection_type(tmp_path: Path) -> None:
    """With the package's metadata on the path, Airflow itself knows the hook, its form and the link."""
    package = Path(airflow_rollback_provider.__file__).parent
    told = _discover(tmp_path, package)
    assert told["hook"] == [DeployHistoryHook.hook_name, "rollback_conn_id"]
    assert told["fields"] == [field.name for field in form.FIELDS]
    assert told["behaviour"]
    assert told["link"]


def _discover(folder: Path, package: Path) -> dict[str, Any]:
    site = folder / "site"
    info = site / "airflow_rollback_provider-0.dist-info"
    info.mkdir(parents=True)
    (site / "airflow_rollback_provider").symlink_to(package)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: airflow-rollback-provider\nVersion: 0\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(
        "[apache_airflow_provider]\n"
        "provider_info=airflow_rollback_provider.get_provider_info:get_provider_info\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        env={"PYTHONPATH": str(site), "AIRFLOW_HOME": str(folder / "home"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    assert lines, done.stderr
    told: dict[str, Any] = json.loads(lines[-1].removeprefix("TOLD "))
    return told


_SCRIPT = """
import json
from airflow.providers_manager import ProvidersManager
try:  # Airflow 3: what the API server tells the page. First of all, since 3.1 replaces WTForms.
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    forms = {form.connection_type: list(form.extra_fields or ()) for form in HookMetaService.hook_meta_data()}
    fields = forms["astro_private_cloud"]
except ImportError:
    prefix = "extra__astro_private_cloud__"
    widgets = ProvidersManager().connection_form_widgets
    fields = [name[len(prefix):] for name in widgets if name.startswith(prefix)]
manager = ProvidersManager()
hook = manager.hooks["astro_private_cloud"]
print("TOLD " + json.dumps({
    "hook": [hook.hook_name, hook.connection_id_attribute_name],
    "fields": fields,
    "link": any("DeployHistoryLink" in name for name in manager.extra_links_class_names),
    "behaviour": "astro_private_cloud" in manager.field_behaviours,
}))
"""
