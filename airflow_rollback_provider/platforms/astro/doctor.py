# SPDX-License-Identifier: Apache-2.0
"""The doctor of hosted Astro. Its API shows less of itself than a private installation."""

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
from airflow_rollback_provider.platforms.clock_skew import attempt

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deployment
    from airflow_rollback_provider.http.messages import Flow
    from airflow_rollback_provider.platforms.astro.client import Astro
    from airflow_rollback_provider.platforms.base import Page

_OF_A_DEPLOYMENT = ("MECHANISM", "HISTORY")
_ROWS = 20


class AstroDoctor:
    """All checks of one connection.

    :param platform: the platform, whose own verbs are used.
    """

    def __init__(self, platform: Astro) -> None:
        self._platform = platform
        self._name = platform.capabilities.name

    def run(self, deployment: str | None) -> Flow[tuple[Finding, ...]]:
        """Ask everything and return what was found.

        :param deployment: id, name or namespace of a Deployment to look at; None looks at none.
        """
        seen = yield from attempt(self._platform.check())
        found = None
        if deployment is not None and not _is_refused(seen):
            found = yield from attempt(self._platform.deployment(deployment))
        if isinstance(seen, PlatformError) and (found is None or isinstance(found, PlatformError)):
            reason = "nothing that can be used answers at the address."
            return doctor_checks.of_error("API", seen), *skip_from("TOKEN", reason)
        answers = Finding("API", Status.OK, f"It answers as {self._name} does.")
        findings = [answers, self._of_token(seen, found), *self._of_nothing_to_compare()]
        findings += yield from self._deployment(seen, found)
        return tuple(findings)

    def _of_token(self, seen: str | RollbackError, found: Deployment | RollbackError | None) -> Finding:
        """A token of a single Deployment may not list the Organization's, and is good all the same."""
        if isinstance(seen, str):
            return Finding("TOKEN", Status.OK, seen)
        if _is_refused(seen):
            return doctor_checks.of_refused_token(seen)
        if found is None or isinstance(found, RollbackError):
            return doctor_checks.of_error("TOKEN", seen)
        what = f"{self._name} accepts the token for this Deployment"
        if isinstance(seen, PermissionMissing):
            return Finding("TOKEN", Status.OK, f"{what}; it may not list the Organization's Deployments.")
        return Finding("TOKEN", Status.WARNING, f"{what}. The Organization's could not be listed: {seen}")

    def _of_nothing_to_compare(self) -> tuple[Finding, ...]:
        return skip(("SCHEMA",), f"the API of {self._name} is the one that its document describes.")

    def _deployment(
        self, seen: str | RollbackError, found: Deployment | RollbackError | None
    ) -> Flow[list[Finding]]:
        if found is None:
            reason = "the token is not accepted." if _is_refused(seen) else "no Deployment was named."
            return list(skip(("DEPLOYMENT", *_OF_A_DEPLOYMENT), reason))
        if isinstance(found, RollbackError):
            lost = doctor_checks.of_error("DEPLOYMENT", found)
            return [lost, *skip(_OF_A_DEPLOYMENT, "the Deployment was not found.")]
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
        """Judge by the try: nobody tells what a token may do."""
        code = "PERMISSION-HISTORY"
        if isinstance(page, PermissionMissing):
            return doctor_checks.of_error(code, page)
        if isinstance(page, RollbackError):
            return skip((code,), "the deploy history could not be read.")[0]
        return Finding(code, Status.OK, "The token may read this Deployment's history: it was read.")


def _is_refused(seen: object) -> bool:
    return isinstance(seen, (TokenExpired, TokenRefused))
