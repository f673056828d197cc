# SPDX-License-Identifier: Apache-2.0
"""Tests that the connection form is the same on every Airflow line, and that Airflow finds it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import airflow_rollback_provider
from airflow_rollback_provider.domain.errors import InvalidConnection
from airflow_rollback_provider.get_provider_info import get_provider_info
from airflow_rollback_provider.hooks import form
from airflow_rollback_provider.hooks.deploy_history import AstroDeployHistoryHook, DeployHistoryHook
from airflow_rollback_provider.http.retry_policy import Policy
from airflow_rollback_provider.platforms.connection_types import ASTRO, PRIVATE_CLOUD, ConnectionType
from airflow_rollback_provider.platforms.registry import connect
from tests.support.talking import connection

INFO = get_provider_info()
# Type, the metadata about it, its hook.
TYPES = list(
    zip(
        (PRIVATE_CLOUD, ASTRO),
        INFO["connection-types"][:2],  # the third is for Airflow itself
        (DeployHistoryHook, AstroDeployHistoryHook),
        strict=True,
    )
)
of_each_type = pytest.mark.parametrize(
    ("kind", "metadata", "hook"), TYPES, ids=[kind.name for kind, _, _ in TYPES]
)
of_each_kind = pytest.mark.parametrize("kind", [PRIVATE_CLOUD, ASTRO], ids=lambda kind: kind.name)
Hook = type[DeployHistoryHook]
HAS_FLASK = importlib.util.find_spec("flask_appbuilder") is not None


def test_everything_that_the_metadata_names_exists() -> None:
    """Classes and modules can be imported by the names in the metadata."""
    for path in (
        *(metadata["hook-class-name"] for metadata in INFO["connection-types"]),
        *INFO["extra-links"],
    ):
        module, _, name = path.rpartition(".")
        assert getattr(importlib.import_module(module), name)
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in INFO[kind]:
            for module in entry["python-modules"]:
                assert importlib.import_module(module)


@of_each_type
def test_metadata_and_hook_agree(kind: ConnectionType, metadata: dict[str, Any], hook: Hook) -> None:
    """The hook's own attributes and the metadata say the same."""
    assert metadata["connection-type"] == hook.conn_type == kind.name
    assert metadata["hook-name"] == hook.hook_name == kind.label
    assert metadata["hook-class-name"] == f"{hook.__module__}.{hook.__name__}"
    assert hook().astro_conn_id == hook.default_conn_name == kind.default_conn_id
    behaviour = {name.replace("-", "_"): value for name, value in metadata["ui-field-behaviour"].items()}
    assert behaviour == hook.get_ui_field_behaviour()
    # Airflow 2 does not read the form from a class that the hook inherits from.
    assert {"get_connection_form_widgets", "get_ui_field_behaviour"} <= set(vars(hook))
    assert INFO["versions"] == [airflow_rollback_provider.__version__]


@pytest.mark.skipif(not HAS_FLASK, reason="Airflow 3 has no WTForms: its form comes from the metadata")
@pytest.mark.filterwarnings("ignore")  # Flask-AppBuilder's own import
@of_each_type
def test_the_widgets_of_airflow_2_are_the_fields_of_the_metadata(
    kind: ConnectionType, metadata: dict[str, Any], hook: Hook
) -> None:
    """One list of fields makes both forms."""
    widgets = hook.get_connection_form_widgets()
    assert list(widgets) == list(metadata["conn-fields"])
    for name, field in metadata["conn-fields"].items():
        assert widgets[name].kwargs["description"] == field["description"]
        assert widgets[name].kwargs["default"] == field["schema"].get("default")


@of_each_kind
def test_the_form_as_it_opens_is_a_connection_that_works(kind: ConnectionType) -> None:
    """The hook accepts the defaults of the form, and the form names the fields to fill in."""
    extra = {field.name: field.default for field in kind.fields if field.default is not None}
    empty = {field.name: "" for field in kind.fields if field.default is None}
    needed = {"organization_id": "o1"} if kind is ASTRO else {}

    def policy(extra: dict[str, Any]) -> Policy:
        return connect(connection(conn_type=kind.name, extra={**extra, **needed})).policy

    assert policy(extra) == policy({**extra, **empty}) == policy({})


@of_each_kind
def test_each_field_of_the_form_is_read(kind: ConnectionType) -> None:
    """A value that makes no sense is complained of under the field's own name."""
    for field in kind.fields:
        extra = {"organization_id": "o1", field.name: ["nonsense"]}
        with pytest.raises(InvalidConnection, match=field.name):
            connect(connection(conn_type=kind.name, extra=extra))


@of_each_kind
def test_the_token_is_a_password_and_extra_is_not_shown_twice(kind: ConnectionType) -> None:
    """The token goes into the one field that Airflow encrypts and masks."""
    behaviour = form.ui_field_behaviour(kind)
    assert behaviour["relabeling"]["password"] == "API token"
    assert "login" in behaviour["hidden_fields"]
    assert not any("token" in field.name for field in kind.fields)


@of_each_kind
def test_the_documentation_names_each_field(kind: ConnectionType) -> None:
    """On the page about the type, by the key in ``extra``, and the default id of a connection."""
    page = "connection.md" if kind is PRIVATE_CLOUD else "connection-astro.md"
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    names = [field.name for field in kind.fields] + [kind.name, kind.label]
    assert [name for name in names if f"`{name}`" not in text and f"**{name}**" not in text] == []
    assert kind.default_conn_id in text


def test_each_platform_asks_for_what_it_needs_alone() -> None:
    """An Organization here; a Workspace and assumptions there."""
    private, hosted = ({field.name for field in kind.fields} for kind in (PRIVATE_CLOUD, ASTRO))
    assert private - hosted == {"workspace_id", "auth_scheme", "assumptions"}
    assert hosted - private == {"organization_id"}


@pytest.mark.matrix
def test_airflow_discovers_the_connection_types(tmp_path: Path) -> None:
    """With the package's metadata on the path, Airflow finds the hooks, their forms and the link."""
    package = Path(airflow_rollback_provider.__file__).parent
    metadata = _discover(tmp_path, package)
    assert metadata["link"]
    for kind, _, hook in TYPES:
        seen = metadata[kind.name]
        assert seen["hook"] == [
            f"{hook.__module__}.{hook.__name__}",
            kind.label,
            "astro_conn_id",
            kind.name,
        ]
        assert seen["fields"] == [field.name for field in kind.fields]
        assert seen["behaviour"]


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
    lines = [line for line in done.stdout.splitlines() if line.startswith("METADATA ")]
    assert lines, done.stderr
    metadata: dict[str, Any] = json.loads(lines[-1].removeprefix("METADATA "))
    return metadata


_SCRIPT = """
import json
from airflow.providers_manager import ProvidersManager
types = ("astro_private_cloud", "astro")
try:  # Airflow 3: what the API server tells the page. First of all, since 3.1 replaces WTForms.
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    forms = {form.connection_type: list(form.extra_fields or ()) for form in HookMetaService.hook_meta_data()}
except ImportError:
    widgets = ProvidersManager().connection_form_widgets
    prefixes = {name: f"extra__{name}__" for name in types}
    forms = {
        name: [widget[len(prefix):] for widget in widgets if widget.startswith(prefix)]
        for name, prefix in prefixes.items()
    }
manager = ProvidersManager()
metadata = {"link": any("DeployHistoryLink" in name for name in manager.extra_links_class_names)}
for name in types:
    hook = manager.hooks[name]
    metadata[name] = {
        "hook": [
            hook.hook_class_name, hook.hook_name, hook.connection_id_attribute_name, hook.connection_type
        ],
        "fields": forms[name],
        "behaviour": name in manager.field_behaviours,
    }
print("METADATA " + json.dumps(metadata))
"""
