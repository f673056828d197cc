# SPDX-License-Identifier: Apache-2.0
"""Settings of hosted Astro, from an Airflow connection of the type ``astro``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_rollback_provider.http.connection_fields import (
    Fields,
    base_url,
    restricted_runtimes,
)
from airflow_rollback_provider.platforms.history_page import read_template, ui_address

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.versions import RuntimeVersion
    from airflow_rollback_provider.http.secret import Secret

BASE_URL = "https://api.astronomer.io"
# The Overview tab shows the deploy history (documentation); its address is what astro-cli prints.
HISTORY_URL = "{app}/{workspace_id}/deployments/{deployment_id}/overview"
_PLACEHOLDERS = ("app", "deployment_id", "release_name", "workspace_id", "organization_id")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class AstroSettings:
    """Settings of hosted Astro.

    :param endpoint: base URL of the API, its version included.
    :param organization_id: the Organization of the Deployments.
    :param token: an API token or a user's token.
    :param app_url: base address of the platform's UI, None if it is unknown.
    :param history_url: template of the address of a Deployment's deploy history.
    :param retention_days: greatest age in days of the target of a rollback. Default 90.
    :param restricted: Runtime versions that a plan warns of; no public query returns them.
    """

    endpoint: str
    organization_id: str
    token: Secret
    app_url: str | None = None
    history_url: str = HISTORY_URL
    retention_days: float = 90.0
    restricted: frozenset[RuntimeVersion] = frozenset()


def astro_settings(fields: Fields) -> AstroSettings:
    """Read the settings from a connection.

    :raises InvalidConnection: for a missing or invalid field.
    """
    url = base_url(fields, default=BASE_URL)
    return AstroSettings(
        endpoint=f"{url.scheme}://{url.netloc}{url.path.rstrip('/') or '/v1'}",
        organization_id=_organization(fields),
        token=fields.token(),
        app_url=ui_address(url, api="api", ui="cloud"),
        history_url=read_template(fields, HISTORY_URL, _PLACEHOLDERS),
        retention_days=fields.number("retention_days", 90.0, 36_500),
        restricted=restricted_runtimes(fields),
    )


def _organization(fields: Fields) -> str:
    organization = fields.text("organization_id")
    if organization is None:
        raise fields.invalid(
            "organization_id", "is empty: put the id of the Organization of the Deployments there"
        )
    if not _ID.fullmatch(organization):
        raise fields.invalid(
            "organization_id", "is not an id: copy it from the Organization's settings in Astro"
        )
    return organization
