# SPDX-License-Identifier: Apache-2.0
"""The token of a request, and its rights: one session for each request, one class for each API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_rollback_provider.sandbox.errors import (
    expired_bearer,
    expired_token,
    not_found,
    not_permitted,
    unknown_bearer,
    unknown_token,
)
from airflow_rollback_provider.sandbox.tokens import READ, Token

if TYPE_CHECKING:
    from airflow_rollback_provider.sandbox.errors import Refused
    from airflow_rollback_provider.sandbox.model import Deployment
    from airflow_rollback_provider.sandbox.world import World

# The Dag deploy mechanisms of hosted Astro. The world's other Deployments are not part of that platform.
_HOSTED_MECHANISMS = ("image", "dag_deploy")


@dataclass
class Session:
    """One request to Houston: the world and the raw value of its ``authorization`` header."""

    world: World
    authorization: str | None

    def token(self) -> Token:
        """Return the token of the request.

        :raises Refused: if the token is missing, unknown or expired.
        """
        token = self.world.token(self._value())
        if token is None:
            raise self._unknown()
        if self.world.is_expired(token):
            raise self._expired()
        return token

    @property
    def token_name(self) -> str:
        """The token in the record: the name of a known one, never a value."""
        if not self.authorization:
            return "none"
        token = self.world.token(self._value())
        return token.name if token is not None else self._other_name()

    def allowed(self, deployment: Deployment, permission: str) -> Deployment:
        """Return the Deployment if the token has the permission on it.

        :raises Refused: if it does not.
        """
        if not self.token().may(permission, deployment.workspace.key):
            raise not_permitted()
        return deployment

    def deployment(self, deployment_id: object, permission: str = READ) -> Deployment:
        """Return the Deployment with that id if the token has the permission on it.

        :raises Refused: if there is none or the token does not have it.
        """
        self.token()
        return self.allowed(self.world.deployment(str(deployment_id)), permission)

    def visible(self) -> list[Deployment]:
        """Return the Deployments that the token may read."""
        token = self.token()
        return [item for item in self.world.deployments.values() if token.may(READ, item.workspace.key)]

    def _value(self) -> str | None:
        """Return the token of the header, if it is sent in a way that the installation accepts."""
        value = self.authorization or ""
        is_bearer = value.lower().startswith("bearer ")
        if self.world.settings.authorization not in ("both", "bearer" if is_bearer else "raw"):
            return None
        return value[len("bearer ") :].strip() if is_bearer else value

    def _other_name(self) -> str:
        return "unknown"

    def _unknown(self) -> Refused:
        return unknown_token()

    def _expired(self) -> Refused:
        return expired_token()


class HostedSession(Session):
    """One request to hosted Astro, with ``Bearer`` before the token in the header."""

    def deployment(self, deployment_id: object, permission: str = READ) -> Deployment:
        """Return the Deployment, which must be of a kind that hosted Astro has.

        :raises Refused: if there is none, or the token does not have the permission.
        """
        self.token()
        found = self.world.deployment(str(deployment_id))
        if not self._is_hosted(found):
            raise not_found("Deployment", found.id)
        return self.allowed(found, permission)

    def visible(self) -> list[Deployment]:
        """Return the Deployments that the token may read, of the kinds that hosted Astro has."""
        return [item for item in super().visible() if self._is_hosted(item)]

    def _is_hosted(self, deployment: Deployment) -> bool:
        return deployment.running(self.world.clock.now()).mechanism in _HOSTED_MECHANISMS

    def _value(self) -> str | None:
        scheme, _, value = (self.authorization or "").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else None

    def _other_name(self) -> str:
        return "unknown" if self._value() else "not-bearer"

    def _unknown(self) -> Refused:
        return unknown_bearer()

    def _expired(self) -> Refused:
        return expired_bearer()
