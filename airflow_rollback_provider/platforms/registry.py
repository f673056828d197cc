# SPDX-License-Identifier: Apache-2.0
"""Which platform a connection type stands for. Nothing outside this folder names a platform."""

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
    "httpx",
)
"""Modules that are imported when a platform is first used, for an event loop to import elsewhere before."""


@dataclass(frozen=True)
class Connected:
    """A platform as one connection reaches it.

    :param platform: the platform.
    :param policy: how the network is used.
    :param secrets: texts that must not appear in a log.
    """

    platform: Platform
    policy: Policy
    secrets: tuple[str, ...] = field(repr=False)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError(
            "A connected platform holds a token and is not written anywhere: pass the connection's id on."
        )


def connect(connection: ConnectionLike) -> Connected:
    """Return the platform that a connection leads to. Nothing is asked of it yet.

    :raises InvalidConnection: for a type that is not known or a field that cannot be used.
    """
    fields = Fields(connection)
    conn_type = fields.base("conn_type").replace("-", "_") or DEFAULT.name
    make = _PLATFORMS.get(conn_type)
    if make is None:
        raise InvalidConnection(
            f"Connection {fields.conn_id!r} has the type {conn_type!r}. This package knows: "
            f"{', '.join(_PLATFORMS)}."
        )
    policy = fields.policy()
    proxies = tuple(url for _, url in policy.proxies if "@" in url)
    return Connected(make(fields), policy, (fields.token().reveal(), *proxies))


def _private_cloud(fields: Fields) -> Platform:
    from airflow_rollback_provider.platforms.private_cloud.client import PrivateCloud
    from airflow_rollback_provider.platforms.private_cloud.settings import private_cloud_settings

    return PrivateCloud(private_cloud_settings(fields))


def _astro(fields: Fields) -> Platform:
    from airflow_rollback_provider.platforms.astro.client import Astro
    from airflow_rollback_provider.platforms.astro.settings import astro_settings

    return Astro(astro_settings(fields))


DEFAULT = PRIVATE_CLOUD
"""What a connection without a type is taken for."""

_PLATFORMS: dict[str, Callable[[Fields], Platform]] = {
    PRIVATE_CLOUD.name: _private_cloud,
    ASTRO.name: _astro,
}
