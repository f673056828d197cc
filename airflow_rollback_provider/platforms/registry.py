# SPDX-License-Identifier: Apache-2.0
"""The platform of each connection type. No code outside this folder names a platform."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import InvalidConnection
from airflow_rollback_provider.http.connection_fields import ConnectionLike, Fields
from airflow_rollback_provider.platforms.connection_types import ASTRO, PRIVATE_CLOUD

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.http.retry_policy import Policy
    from airflow_rollback_provider.platforms.base import Platform

IMPORTED_LATE = (
    "airflow_rollback_provider.platforms.astro.client",
    "airflow_rollback_provider.platforms.astro.settings",
    "airflow_rollback_provider.platforms.private_cloud.client",
    "airflow_rollback_provider.platforms.private_cloud.settings",
    "graphql",
    "httpx",
)
"""Modules that are imported on the first use of a platform. An event loop imports them in a thread before."""


@dataclass(frozen=True)
class Connected:
    """A platform of one connection.

    :param secrets: texts that must not appear in a log.
    """

    platform: Platform
    policy: Policy
    secrets: tuple[str, ...] = field(repr=False)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError(
            "A connected platform has a token and cannot be pickled: pass the connection's id instead."
        )


def connect(connection: ConnectionLike) -> Connected:
    """Return the platform of a connection. No request is sent yet.

    :raises InvalidConnection: for an unknown type or an invalid field.
    """
    fields = Fields(connection)
    conn_type = fields.base("conn_type").replace("-", "_") or PRIVATE_CLOUD.name
    make = _PLATFORMS.get(conn_type)
    if make is None:
        raise InvalidConnection(
            f"Connection {fields.conn_id!r} has the type {conn_type!r}. Supported types: "
            f"{', '.join(_PLATFORMS)}."
        )
    policy = fields.policy()
    return Connected(make(fields), policy, (fields.token().reveal(), *policy.secrets))


def _private_cloud(fields: Fields) -> Platform:
    from airflow_rollback_provider.platforms.private_cloud.client import PrivateCloud
    from airflow_rollback_provider.platforms.private_cloud.settings import private_cloud_settings

    return PrivateCloud(private_cloud_settings(fields))


def _astro(fields: Fields) -> Platform:
    from airflow_rollback_provider.platforms.astro.client import Astro
    from airflow_rollback_provider.platforms.astro.settings import astro_settings

    return Astro(astro_settings(fields))


_PLATFORMS: dict[str, Callable[[Fields], Platform]] = {
    PRIVATE_CLOUD.name: _private_cloud,
    ASTRO.name: _astro,
}
CONNECTION_TYPES = tuple(_PLATFORMS)
"""The types of connections that :func:`connect` accepts."""
