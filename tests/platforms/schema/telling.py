# SPDX-License-Identifier: Apache-2.0
"""Schemas as a server tells them, from their text."""

from __future__ import annotations

from functools import cache

from graphql import build_schema, graphql_sync

from airflow_rollback_provider.platforms.schema.introspection import QUERY, Schema, read_schema


@cache
def schema_of(sdl: str) -> Schema:
    """Return the schema that a text describes."""
    return read_schema(graphql_sync(build_schema(sdl), QUERY).data)
