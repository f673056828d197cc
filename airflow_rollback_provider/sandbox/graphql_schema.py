# SPDX-License-Identifier: Apache-2.0
"""The GraphQL schema of one installation: its fields depend on its version and on test settings."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    build_schema,
)

if TYPE_CHECKING:
    from graphql import FieldDefinitionNode, GraphQLField, InputValueDefinitionNode, StringValueNode

    from airflow_rollback_provider.sandbox.settings import Settings

SCHEMA_FILE = Path(__file__).with_name("schema.graphql")

_ASSUMED_EXTRAS = ("Self.permissions", "Deployment.deployRollbackEnabled")


@dataclass(frozen=True)
class Shape:
    """The variable parts of an installation's schema, as in :class:`Settings`.

    ``history``: the argument that names the Deployment of the deploy history.
    """

    version: tuple[int, ...]
    hidden: frozenset[str] = frozenset()
    renamed: tuple[tuple[str, str], ...] = ()
    history: str = "deploymentUuid"


def version_key(version: str) -> tuple[int, ...]:
    """Return a version's numbers, for comparing: ``0.34.1`` → ``(0, 34, 1)``."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def shape_of(settings: Settings) -> Shape:
    """Return the shape of the schema that an installation with these settings has."""
    hidden = {*settings.hidden_fields, *(_ASSUMED_EXTRAS if settings.hide_assumed else ())}
    return Shape(
        version_key(settings.version),
        frozenset(hidden),
        tuple(sorted(settings.renamed_fields.items())),
        settings.history_shape,
    )


@lru_cache(maxsize=32)
def schema_for(shape: Shape) -> GraphQLSchema:
    """Build the schema of one shape; a renamed field keeps its own name in ``extensions["original"]``."""
    schema = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))
    if shape.history == "releaseName":
        _read_history_by_release_name(schema)
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            _reshape(kind, shape)
        elif isinstance(kind, GraphQLEnumType) and not kind.name.startswith("__"):
            renamed = dict(shape.renamed)
            kind.values = {renamed.get(f"{kind.name}.{key}", key): word for key, word in kind.values.items()}
    return schema


def _read_history_by_release_name(schema: GraphQLSchema) -> None:
    """Give the history the arguments of ``deploymentTaskUsage``, a published neighbour."""
    query, time = schema.type_map["Query"], schema.type_map["DateTime"]
    assert isinstance(query, GraphQLObjectType)  # noqa: S101 - in the schema file
    assert isinstance(time, GraphQLScalarType)  # noqa: S101 - in the schema file
    history = query.fields["paginatedDeployRevisions"]
    history.args = {
        "releaseName": GraphQLArgument(GraphQLNonNull(GraphQLString)),
        "startDate": GraphQLArgument(time),
        "endDate": GraphQLArgument(time),
        "take": history.args["take"],
        "cursor": history.args["cursor"],
    }


def _reshape(kind: GraphQLObjectType, shape: Shape) -> None:
    renamed = dict(shape.renamed)
    for original, field in list(kind.fields.items()):
        name = f"{kind.name}.{original}"
        _reshape_arguments(field, name, shape)
        if name in shape.hidden or not _exists(field.ast_node, shape):
            del kind.fields[original]
        elif name in renamed:
            del kind.fields[original]
            field.extensions["original"] = original
            kind.fields[renamed[name]] = field


def _reshape_arguments(field: GraphQLField, name: str, shape: Shape) -> None:
    """Remove and rename arguments; resolvers receive them under their own names."""
    renamed, arguments = dict(shape.renamed), field.args
    field.args = {}
    for original, argument in arguments.items():
        path = f"{name}.{original}"
        if path not in shape.hidden and _exists(argument.ast_node, shape):
            argument.out_name = original
            field.args[renamed.get(path, original)] = argument


def _exists(node: FieldDefinitionNode | InputValueDefinitionNode | None, shape: Shape) -> bool:
    """Whether the installation's version has a field or argument, by its directive ``@only``."""
    for directive in (node.directives or ()) if node else ():
        limits = {
            item.name.value: version_key(cast("StringValueNode", item.value).value)
            for item in directive.arguments or ()
        }
        if shape.version < limits.get("since", ()) or shape.version >= limits.get("until", (math.inf,)):
            return False
    return True
