# SPDX-License-Identifier: Apache-2.0
"""Tests that a connection has its platform, and that no code outside names a platform."""

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
def test_the_type_of_a_connection_decides_the_platform(conn_type: str, name: str) -> None:
    """The type of a URI has hyphens; a connection without a type is one of Astro Private Cloud."""
    fields = connection(conn_type=conn_type, extra={"organization_id": "o1"})
    assert connect(fields).platform.capabilities.name == name


def test_each_platform_has_a_form() -> None:
    """The names of the forms are those that Airflow stores."""
    assert [kind.name for kind in (PRIVATE_CLOUD, ASTRO)] == ["astro_private_cloud", "astro"]


def test_the_modules_that_are_imported_late_exist() -> None:
    """Every module of the list can be found."""
    assert all(find_spec(name) for name in IMPORTED_LATE)


def imports(file: Path) -> Iterator[str]:
    """Yield the modules and names that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nothing_above_the_platforms_imports_one_of_them() -> None:
    """Hooks, operators, commands and others use the registry."""
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
