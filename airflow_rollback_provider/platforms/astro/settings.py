# SPDX-License-Identifier: Apache-2.0
"""An Airflow connection of the type ``astro``: what is read from it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_rollback_provider.http.connection_fields import (
    Fields,
    base_url,
    is_loopback,
    restricted_runtimes,
)
from airflow_rollback_provider.platforms.astro.client import AstroSettings
from airflow_rollback_provider.platforms.history_page import read_template

if TYPE_CHECKING:
    from urllib.parse import SplitResult

BASE_URL = "https://api.astronomer.io"
_PLACEHOLDERS = ("app", "deployment_id", "release_name", "workspace_id", "organization_id")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def astro_settings(fields: Fields) -> AstroSettings:
    """Read what it takes to talk to hosted Astro.

    :raises InvalidConnection: for a field that is missing or cannot be used.
    """
    url = base_url(fields, default=BASE_URL)
    return AstroSettings(
        endpoint=f"{url.scheme}://{url.netloc}{url.path.rstrip('/') or '/v1'}",
        organization_id=_organization(fields),
        token=fields.token(),
        app_url=_app_url(url),
        history_url=read_template(fields, AstroSettings.history_url, _PLACEHOLDERS),
        retention_days=fields.number("retention_days", 90.0, 36_500),
        restricted=restricted_runtimes(fields),
    )


def _organization(fields: Fields) -> str:
    organization = fields.text("organization_id")
    if organization is None:
        raise fields.invalid(
            "organization_id", "is empty: it holds the id of the Organization that the Deployments belong to"
        )
    if not _ID.fullmatch(organization):
        raise fields.invalid("organization_id", "is no id: copy it from the Organization's settings in Astro")
    return organization


def _app_url(url: SplitResult) -> str | None:
    """Derive the address of the UI: ``cloud`` beside ``api`` on the same domain (astro-cli)."""
    if is_loopback(url):
        return f"{url.scheme}://{url.netloc}"
    service, _, domain = (url.hostname or "").partition(".")
    return f"https://cloud.{domain}" if service == "api" and domain else None
