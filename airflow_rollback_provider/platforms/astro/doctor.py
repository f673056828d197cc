# SPDX-License-Identifier: Apache-2.0
"""The doctor of hosted Astro. It has fewer checks than that of Astro Private Cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.domain import doctor_checks
from airflow_rollback_provider.domain.errors import (
    PermissionMissing,
    PlatformError,
    RollbackError,
    TokenExpired,
    TokenRefused,
)
from airflow_rollback_provider.domain.findings import Finding, Status, skip, skip_from
from airflow_rollback_provider.http.flow import attempt

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deployment
    from airflow_rollback_provider.http.messages import Flow
    from airflow_rollback_provider.platforms.astro.client import Astro
    from airflow_rollback_provider.platforms.base import Page

_OF_A_DEPLOYMENT = ("MECHANISM", "HISTORY")
_ROWS = 20


class AstroDoctor:
    """All checks of one connection.

    :param platform: the platform; the checks use its methods.
    """

    def __init__(self, platform: Astro) -> None:
        self._platform = platform
        self._name = platform.capabilities.name

    def run(self, deployment: str | None) -> Flow[tuple[Finding, ...]]:
        """Do all checks and return their findings.

        :param deployment: id, name or namespace of a Deployment to check; None checks none.
        """
        checked = yield from attempt(self._platform.check())
        found = None
        if deployment is not None and not _is_refused(checked):
            found = yield from attempt(self._platform.deployment(deployment))
        if isinstance(checked, PlatformError) and (found is None or isinstance(found, PlatformError)):
            reason = "the API gave no usable answer."
            return doctor_checks.of_error("API", checked), *skip_from("TOKEN", reason)
        api = Finding("API", Status.OK, f"The API is that of {self._name}.")
        schema = skip(("SCHEMA",), f"the API of {self._name} is the one that its document describes.")
        findings = [api, self._of_token(checked, found), *schema]
        findings += yield from self._deployment(checked, found)
        return tuple(findings)

    def _of_token(self, checked: str | RollbackError, found: Deployment | RollbackError | None) -> Finding:
        """Return the finding on the token. A token of one Deployment may not list the Organization's."""
        if isinstance(checked, str):
            return Finding("TOKEN", Status.OK, checked)
        if _is_refused(checked):
            return doctor_checks.of_refused_token(checked)
        if found is None or isinstance(found, RollbackError):
            return doctor_checks.of_error("TOKEN", checked)
        what = f"{self._name} accepts the token for this Deployment"
        if isinstance(checked, PermissionMissing):
            return Finding("TOKEN", Status.OK, f"{what}; it may not list the Organization's Deployments.")
        return Finding("TOKEN", Status.WARNING, f"{what}. Listing the Organization's failed: {checked}")

    def _deployment(
        self, checked: str | RollbackError, found: Deployment | RollbackError | None
    ) -> Flow[list[Finding]]:
        if found is None:
            reason = "the token is not accepted." if _is_refused(checked) else "no Deployment was named."
            return list(skip(("DEPLOYMENT", *_OF_A_DEPLOYMENT), reason))
        if isinstance(found, RollbackError):
            missing = doctor_checks.of_error("DEPLOYMENT", found)
            return [missing, *skip(_OF_A_DEPLOYMENT, "the Deployment was not found.")]
        page = yield from attempt(self._platform.deploys(found.id, limit=_ROWS))
        return [
            doctor_checks.of_deployment(found),
            doctor_checks.of_mechanism(found),
            self._of_history_permission(page),
            doctor_checks.of_error("HISTORY", page)
            if isinstance(page, RollbackError)
            else doctor_checks.of_history(page.deploys),
        ]

    def _of_history_permission(self, page: Page | RollbackError) -> Finding:
        """Evaluate the read itself: the API does not return a token's permissions."""
        code = "PERMISSION-HISTORY"
        if isinstance(page, PermissionMissing):
            return doctor_checks.of_error(code, page)
        if isinstance(page, RollbackError):
            return skip((code,), "the deploy history could not be read.")[0]
        return Finding(code, Status.OK, "The token may read this Deployment's history: it was read.")


def _is_refused(checked: object) -> bool:
    return isinstance(checked, (TokenExpired, TokenRefused))
