# SPDX-License-Identifier: Apache-2.0
"""Tests that a connection leads to its platform, and that nothing outside knows which one that is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import airflow_rollback_provider
from airflow_rollback_provider.platforms.connection_types import ASTRO, PRIVATE_CLOUD
from airflow_rollback_provider.platforms.registry import IMPORTED_LATE, connect
from tests.support.talking import connection

PACKAGE = Path(airflow_rollback_provider.__file__).parent
ONE_PLATFORMS_OWN = ("private_cloud", "astro", "assumptions", "graphql")


@pytest.mark.parametrize(
    ("conn_type", "name"),
    [
        ("astro_private_cloud", "Astro Private Cloud"),
        ("astro-private-cloud", "Astro Private Cloud"),
        ("", "Astro Private Cloud"),
        ("astro", "Astro"),
    ],
)
def test_the_type_of_a_connection_leads_to_its_platform(conn_type: str, name: str) -> None:
    """Also as a URI spells it; without a type it is what the connection was before there were two."""
    fields = connection(conn_type=conn_type, extra={"organization_id": "o1"})
    assert connect(fields).platform.capabilities.name == name


def test_each_platform_has_a_form() -> None:
    """The names in the forms are those that Airflow stores."""
    assert [kind.name for kind in (PRIVATE_CLOUD, ASTRO)] == ["astro_private_cloud", "astro"]


def test_what_is_imported_late_exists() -> None:
    """Every module of the list can be found, whichever platform it is for."""
    assert all(find_spec(name) for name in IMPORTED_LATE)


def imports(file: Path) -> Iterator[str]:
    """Yield the modules and names that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nothing_above_the_platforms_imports_one_of_them() -> None:
    """Hooks, operators, commands and the rest ask the registry."""
    above = [
        file
        for file in PACKAGE.rglob("*.py")
        if file.relative_to(PACKAGE).parts[0] not in ("platforms", "sandbox")
    ]
    assert above
    for file in above:
        for name in imports(file):
            module = name.partition("airflow_rollback_provider.platforms.")[2]
            assert not module.startswith(ONE_PLATFORMS_OWN), f"{file} imports {name}"
