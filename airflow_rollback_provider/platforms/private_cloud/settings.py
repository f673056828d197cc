# SPDX-License-Identifier: Apache-2.0
"""Settings of Astro Private Cloud, from an Airflow connection of the type ``astro_private_cloud``."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_rollback_provider.http.connection_fields import (
    Fields,
    base_url,
    is_loopback,
    restricted_runtimes,
)
from airflow_rollback_provider.platforms.history_page import read_template, ui_address
from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions, read_assumptions

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from airflow_rollback_provider.domain.versions import RuntimeVersion
    from airflow_rollback_provider.http.secret import Secret

# Assumed: no public text gives the address of the page.
_HISTORY_URL = "{app}/d/{deployment_id}/deploy-history"
_PLACEHOLDERS = ("app", "deployment_id", "release_name", "workspace_id")


@dataclass(frozen=True)
class PrivateCloudSettings:
    """Settings of an installation.

    :param endpoint: address of the GraphQL endpoint.
    :param token: service account's API key or user token.
    :param scheme: prefix of the token in the header. Default: none, as the public astro-cli sends it.
    :param workspace_id: workspace in which release names are searched.
    :param app_url: base address of the platform's UI, None if it is unknown.
    :param history_url: template of the address of a Deployment's deploy history.
    :param retention_days: greatest age in days of the target of a rollback. Default 90.
    :param restricted: Runtime versions that a plan warns of; no public query returns them.
    """

    endpoint: str
    token: Secret
    scheme: str = ""
    workspace_id: str | None = None
    app_url: str | None = None
    history_url: str = _HISTORY_URL
    retention_days: float = 90.0
    restricted: frozenset[RuntimeVersion] = frozenset()
    assumptions: Assumptions = field(default_factory=Assumptions)


def private_cloud_settings(fields: Fields) -> PrivateCloudSettings:
    """Read the settings from a connection.

    :raises InvalidConnection: for a missing or invalid field.
    """
    url = base_url(fields)
    if "://" not in fields.base("host"):
        url = _with_service_name(url)
    path = url.path.rstrip("/")
    return PrivateCloudSettings(
        endpoint=f"{url.scheme}://{url.netloc}{path or '/v1'}",
        token=fields.token(),
        scheme=fields.auth_scheme("none"),
        workspace_id=fields.text("workspace_id"),
        app_url=ui_address(url, api="houston", ui="app"),
        history_url=read_template(fields, _HISTORY_URL, _PLACEHOLDERS),
        retention_days=fields.number("retention_days", 90.0, 36_500),
        restricted=restricted_runtimes(fields),
        assumptions=read_assumptions(
            fields.json("assumptions"), f"Connection {fields.conn_id!r}: assumptions"
        ),
    )


def _with_service_name(url: SplitResult) -> SplitResult:
    """Put ``houston`` before a base domain: ``houston.example.com`` serves ``example.com``."""
    if (
        url.path.strip("/")
        or url.port is not None
        or is_loopback(url)
        or not _is_base_domain(url.hostname or "")
    ):
        return url
    return url._replace(netloc=f"houston.{url.netloc}")


def _is_base_domain(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." in host and not host.startswith("houston.")
    return False
