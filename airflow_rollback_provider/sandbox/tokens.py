# SPDX-License-Identifier: Apache-2.0
"""The tokens that the embedded platform has issued, each with other rights.

==================== ===================== ===========================================================
value                permissions           for testing
==================== ===================== ===========================================================
sandbox-token-editor everything            the usual case (DEPLOYMENT_EDITOR in both workspaces)
...-viewer           read, history, logs   a user who may read but not roll back
...-images-only      + images.push         rolls back the image alone
...-dags-only        + dags.push           rolls back Dags alone
...-no-history       push without history  sees the Deployment, not its deploys
...-expired          everything            answers ``AUTH_TOKEN_REFRESH_FAILED``
...-other-workspace  everything            a member of only the second workspace
...-service-account  the ``system.`` forms a service account with a system-wide role
==================== ===================== ===========================================================

The values are unique, so that a test can search every log and file for them.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_rollback_provider.sandbox.model import Author, make_id

READ = "deployment.config.get"
LOGS = "deployment.logs.get"
HISTORY = "deployment.deployRevisions.get"
IMAGES = "deployment.images.push"
DAGS = "deployment.dags.push"

_ALL = (READ, LOGS, HISTORY, IMAGES, DAGS)
_EDITOR = "DEPLOYMENT_EDITOR"
_BOTH = ("data-platform", "analytics")


@dataclass(frozen=True)
class Token:
    """A token: its owner, the permissions in each workspace, and the owner's role there."""

    name: str
    author: Author
    permissions: tuple[str, ...]
    workspaces: tuple[str, ...] = _BOTH
    role: str = "CUSTOM"

    @property
    def value(self) -> str:
        """The secret itself."""
        return f"sandbox-token-{self.name}"

    def may(self, permission: str, workspace: str) -> bool:
        """Return whether the token has a permission on the Deployments of a workspace."""
        return permission in self.in_workspace(workspace) or f"system.{permission}" in self.permissions

    def in_workspace(self, workspace: str) -> tuple[str, ...]:
        """Return the permissions on Deployments of a workspace; system-wide ones apply in each."""
        if workspace in self.workspaces:
            return self.permissions
        return tuple(item for item in self.permissions if item.startswith("system."))


def _person(name: str, full_name: str) -> Author:
    return Author(make_id("user", name), f"{name}@example.com", full_name)


def _issue() -> dict[str, Token]:
    robot = Author(make_id("service", "rollback-bot"), "rollback-bot", "Rollback bot", "service_account")
    return {
        token.name: token
        for token in (
            Token("editor", _person("edda", "Edda Editor"), _ALL, role=_EDITOR),
            Token("viewer", _person("vic", "Vic Viewer"), (READ, LOGS, HISTORY), role="WORKSPACE_VIEWER"),
            Token("images-only", _person("imani", "Imani Image"), (READ, LOGS, HISTORY, IMAGES)),
            Token("dags-only", _person("dagny", "Dagny Dag"), (READ, LOGS, HISTORY, DAGS)),
            Token("no-history", _person("noa", "Noa Nohistory"), (READ, LOGS, IMAGES, DAGS)),
            Token("expired", _person("elke", "Elke Expired"), _ALL, role=_EDITOR),
            Token(
                "other-workspace", _person("otto", "Otto Other"), _ALL, ("analytics",), "DEPLOYMENT_EDITOR"
            ),
            Token("service-account", robot, tuple(f"system.{item}" for item in _ALL), ()),
        )
    }


TOKENS: dict[str, Token] = _issue()
BY_VALUE: dict[str, Token] = {token.value: token for token in TOKENS.values()}
