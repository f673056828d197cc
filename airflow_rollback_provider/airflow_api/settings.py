# SPDX-License-Identifier: Apache-2.0
"""Settings of another Airflow's REST API, from an Airflow connection of any type."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_rollback_provider.airflow_api.client import AirflowApi
from airflow_rollback_provider.http.connection_fields import ConnectionLike, Fields, base_url
from airflow_rollback_provider.http.secret import Secret

if TYPE_CHECKING:
    from airflow_rollback_provider.http.retry_policy import Policy

CONN_TYPE = "airflow_api"
_VERSIONS = ("v1", "v2")


@dataclass(frozen=True)
class ApiSettings:
    """Address and credentials of an Airflow.

    :param base: its address, without ``/api/…`` and without a slash at the end.
    :param login: the user; empty if the secret is a token.
    :param secret: password or token.
    :param scheme: prefix of a token in the header. Default ``Bearer``.
    :param version: ``v1`` or ``v2``; None detects it.
    """

    base: str
    login: str
    secret: Secret
    scheme: str = "Bearer "
    version: str | None = None

    @property
    def token_header(self) -> str:
        """The header's value for a token."""
        return f"{self.scheme}{self.secret.reveal()}"

    @property
    def basic_header(self) -> str:
        """The header's value for login and password (Airflow 2)."""
        pair = f"{self.login}:{self.secret.reveal()}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"


@dataclass(frozen=True)
class ApiConnection:
    """The values of a connection.

    :param secrets: texts that must not appear in a log.
    """

    settings: ApiSettings
    policy: Policy
    secrets: tuple[str, ...] = field(repr=False)

    @cached_property
    def api(self) -> AirflowApi:
        """The client of that Airflow, with the session of its login."""
        return AirflowApi(self.settings)


def read_connection(connection: ConnectionLike) -> ApiConnection:
    """Read a connection. No request is sent yet.

    :raises InvalidConnection: for a missing or invalid field.
    """
    fields = Fields(connection)
    if not fields.base("host"):
        raise fields.invalid("host", "is empty: put the address of the Deployment's Airflow there")
    url, login = base_url(fields), fields.base("login")
    settings = ApiSettings(
        base=f"{url.scheme}://{url.netloc}{_without_api(url.path)}",
        login=login,
        secret=_password(fields) if login else fields.token(),
        scheme=fields.auth_scheme("bearer"),
        version=fields.one_of("api_version", _VERSIONS),
    )
    policy = fields.policy()
    basic = settings.basic_header.removeprefix("Basic ")
    return ApiConnection(settings, policy, (settings.secret.reveal(), basic, *policy.secrets))


def _without_api(path: str) -> str:
    """Remove the path of the API or of the home page, which a copied address may have."""
    path = path.rstrip("/")
    for end in ("/home", "/api/v1", "/api/v2"):
        path = path.removesuffix(end)
    return path


def _password(fields: Fields) -> Secret:
    password = fields.base("password")
    if not password:
        raise fields.invalid("password", "is empty: put the login's password there")
    return Secret(password)
