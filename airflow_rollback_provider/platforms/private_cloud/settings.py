# SPDX-License-Identifier: Apache-2.0
"""An Airflow connection of the type ``astro_private_cloud``: its form, and what is read from it."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from airflow_rollback_provider.http.connection_fields import (
    Fields,
    base_url,
    is_loopback,
    restricted_runtimes,
)
from airflow_rollback_provider.platforms.history_page import read_template
from airflow_rollback_provider.platforms.private_cloud.assumptions import read_assumptions
from airflow_rollback_provider.platforms.private_cloud.client import PrivateCloudSettings

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_PLACEHOLDERS = ("app", "deployment_id", "release_name", "workspace_id")


def private_cloud_settings(fields: Fields) -> PrivateCloudSettings:
    """Read what it takes to talk to an installation.

    :raises InvalidConnection: for a field that is missing or cannot be used.
    """
    url = base_url(fields)
    if "://" not in fields.base("host"):
        url = _with_service_name(url)
    path = url.path.rstrip("/")
    return PrivateCloudSettings(
        endpoint=f"{url.scheme}://{url.netloc}{path or '/v1'}",
        token=fields.token(),
        workspace_id=fields.text("workspace_id"),
        app_url=_app_url(url),
        history_url=read_template(fields, PrivateCloudSettings.history_url, _PLACEHOLDERS),
        retention_days=fields.number("retention_days", 90.0, 36_500),
        restricted=restricted_runtimes(fields),
        assumptions=read_assumptions(
            fields.json("assumptions"), f"Connection {fields.conn_id!r}: assumptions"
        ),
    )


def _with_service_name(url: SplitResult) -> SplitResult:
    """Take a base domain for what it stands for: ``houston.example.com`` serves ``example.com``."""
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


def _app_url(url: SplitResult) -> str | None:
    """Derive the address of the UI: ``app`` beside ``houston`` on the base domain (documentation)."""
    if is_loopback(url):
        return f"{url.scheme}://{url.netloc}"
    service, _, domain = (url.hostname or "").partition(".")
    return f"https://app.{domain}" if service == "houston" and domain else None
