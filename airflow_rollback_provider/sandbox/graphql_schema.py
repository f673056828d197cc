# SPDX-License-Identifier: Apache-2.0
"""The GraphQL schema of one installation: its fields depend on its version and on test settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from graphql import GraphQLObjectType, GraphQLSchema, build_schema

if TYPE_CHECKING:
    from airflow_rollback_provider.sandbox.settings import Settings

SCHEMA_FILE = Path(__file__).with_name("schema.graphql")

_UNTIL_1_0 = (
    "Deployment.airflowVersion",
    "Deployment.desiredAirflowVersion",
    "Deployment.desiredRuntimeVersion",
)
_ASSUMED_EXTRAS = ("Self.permissions", "Deployment.deployRollbackEnabled")


@dataclass(frozen=True)
class Shape:
    """The variable parts of an installation's schema; names are ``Type.field``."""

    hidden: frozenset[str] = frozenset()
    renamed: tuple[tuple[str, str], ...] = ()
    flags_take_arguments: bool = True


def version_key(version: str) -> tuple[int, ...]:
    """Return a version's numbers, for comparing: ``0.34.1`` → ``(0, 34, 1)``."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def shape_of(settings: Settings) -> Shape:
    """Return the shape of the schema that an installation with these settings has."""
    version = version_key(settings.version)
    hidden = set(settings.hidden_fields)
    if version >= (1, 0, 0):
        hidden.update(_UNTIL_1_0)
    if settings.hide_assumed:
        hidden.update(_ASSUMED_EXTRAS)
    return Shape(frozenset(hidden), tuple(sorted(settings.renamed_fields.items())), version >= (2, 0, 0))


@lru_cache(maxsize=32)
def schema_for(shape: Shape) -> GraphQLSchema:
    """Build the schema of one shape; a renamed field keeps its own name in ``extensions["original"]``."""
    schema = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))
    renamed = dict(shape.renamed)
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            _reshape(kind, shape.hidden, renamed)
    if not shape.flags_take_arguments:
        flags = cast("GraphQLObjectType", schema.type_map["AppConfig"]).fields["featureFlags"]
        flags.args.clear()
    return schema


def _reshape(kind: GraphQLObjectType, hidden: frozenset[str], renamed: dict[str, str]) -> None:
    for original in list(kind.fields):
        name = f"{kind.name}.{original}"
        if name in hidden:
            del kind.fields[original]
        elif name in renamed:
            field = kind.fields.pop(original)
            field.extensions["original"] = original
            kind.fields[renamed[name]] = field
