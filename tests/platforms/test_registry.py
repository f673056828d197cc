# SPDX-License-Identifier: Apache-2.0
"""Tests that a connection has its platform."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from airflow_rollback_provider.platforms.registry import IMPORTED_LATE, connect
from tests.support.talking import connection


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


def test_the_modules_that_are_imported_late_exist() -> None:
    """Every module of the list can be found."""
    assert all(find_spec(name) for name in IMPORTED_LATE)
