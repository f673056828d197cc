# SPDX-License-Identifier: Apache-2.0
"""The doctor's checks of a platform's data: the same findings for every platform."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.checks import by_default, default_scope
from airflow_rollback_provider.domain.deploys import Mechanism
from airflow_rollback_provider.domain.errors import RollbackError, TokenExpired, TokenRefused
from airflow_rollback_provider.domain.findings import Finding, Status
from airflow_rollback_provider.domain.plan import off_by

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from airflow_rollback_provider.domain.deploys import Capabilities, Deploy, Deployment

_PARTS = {"image": ("PERMISSION-IMAGE", "the image"), "dags": ("PERMISSION-DAGS", "Dags")}
_ROLE = "Use a token with the role DEPLOYMENT_EDITOR or above, or one with this permission."


def of_error(code: str, error: RollbackError) -> Finding:
    """Return the finding on data that could not be read; the error's message contains the remedy."""
    return Finding(code, Status.ERROR, str(error))


def of_refused_token(error: RollbackError) -> Finding:
    if isinstance(error, TokenExpired):
        remedy = "Put a new token in the connection's password, or a service account's key, which lasts."
        return Finding("TOKEN", Status.ERROR, "The token has expired.", remedy)
    if isinstance(error, TokenRefused):
        remedy = "Put a valid one in the connection's password."
        return Finding("TOKEN", Status.ERROR, f"The platform does not accept the token. {error}", remedy)
    return of_error("TOKEN", error)


def of_installation(enabled: bool | None, setting: str) -> Finding:
    """Return the finding on the installation's switch.

    :param enabled: whether rollbacks are switched on; None if that is not known.
    :param setting: name of the setting that switches them on.
    """
    if enabled is None:
        what = "Whether rollbacks are switched on is not known."
        return Finding("INSTALLATION-FLAG", Status.UNKNOWN, what)
    if enabled:
        return Finding("INSTALLATION-FLAG", Status.OK, "Rollbacks are switched on.")
    what = "Rollbacks are switched off on this installation."
    return Finding("INSTALLATION-FLAG", Status.ERROR, what, f"Ask an administrator to set {setting} to true.")


def of_permissions(
    granted: Collection[str] | None,
    capabilities: Capabilities,
    deployment: Deployment | None,
    roles: Collection[str] | None = None,
) -> Iterator[Finding]:
    """Return the findings on the token's permissions.

    :param granted: names of its permissions; None if they are not known.
    :param deployment: the Deployment of the permissions; None for all Deployments.
    :param roles: roles of the token's owner. Default: not known.
    """
    if granted is None:
        yield from _of_unknown_permissions(capabilities, by_default(roles))
        return
    mine = {name.removeprefix("system.") for name in granted}
    yield _of_history_permission(mine, capabilities.history_permission or "")
    scope = default_scope(deployment.mechanism if deployment else Mechanism.UNKNOWN)
    for part in _PARTS:
        yield _of_part(part, part in scope.parts, mine, capabilities, scope.parts)


def _of_unknown_permissions(capabilities: Capabilities, likely: str) -> Iterator[Finding]:
    what = f"The token's permissions are not known.{likely}"
    yield Finding("PERMISSION-HISTORY", Status.UNKNOWN, what)
    for part, (code, words) in _PARTS.items():
        permission = capabilities.permissions.get(part, "a permission")
        yield Finding(
            code,
            Status.UNKNOWN,
            f"Whether the token may roll {words} back is not known: the platform checks {permission} when a "
            "rollback is submitted.",
        )


def _of_history_permission(mine: Collection[str], permission: str) -> Finding:
    if permission in mine:
        return Finding(
            "PERMISSION-HISTORY", Status.OK, f"The token may read deploy histories ({permission})."
        )
    what = f"The token lacks the permission {permission}: it cannot read deploy histories."
    return Finding("PERMISSION-HISTORY", Status.ERROR, what, _ROLE)


def _of_part(
    part: str, needed: bool, mine: Collection[str], capabilities: Capabilities, parts: Collection[str]
) -> Finding:
    """Check one part of a rollback; ``parts`` are those of the Deployment's default scope."""
    code, words = _PARTS[part]
    permission = capabilities.permissions[part]
    if permission in mine:
        return Finding(code, Status.OK, f"The token may roll {words} back ({permission}).")
    if not needed:
        what = f"The token lacks {permission}, which no rollback of this Deployment needs."
        return Finding(code, Status.OK, what)
    usual = [capabilities.permissions[name] for name in _PARTS if name in parts]
    if not set(usual) & set(mine):
        what = f"The token lacks the permission {' or '.join(usual)}: it cannot roll back anything."
        return Finding(code, Status.ERROR, what, _ROLE)
    what = f"The token lacks the permission {permission}: it cannot roll {words} back, only the other part."
    return Finding(code, Status.WARNING, what, _ROLE)


def of_deployment(deployment: Deployment) -> Finding:
    release = f" with the release name {deployment.release_name}" if deployment.release_name else ""
    what = f"{deployment} exists{release}. It runs {deployment.versions}."
    return Finding("DEPLOYMENT", Status.OK, what)


def of_mechanism(deployment: Deployment) -> Finding:
    mechanism = deployment.mechanism
    if mechanism is Mechanism.VOLUME:
        return Finding(
            "MECHANISM",
            Status.ERROR,
            "The Deployment's Dags come from an NFS volume: it cannot be rolled back.",
            "Deploy that version again, or change the Deployment's Dag deploy mechanism.",
        )
    if mechanism is Mechanism.UNKNOWN:
        return Finding("MECHANISM", Status.UNKNOWN, "How Dags reach the Deployment is not known.")
    what = f"The Deployment's Dag deploy mechanism is {mechanism}: a rollback restores"
    return Finding("MECHANISM", Status.OK, f"{what} {default_scope(mechanism)}.")


def of_toggle(enabled: bool | None, deployment: Deployment) -> Finding:
    """Return the finding on a Deployment's own switch; None means not known."""
    code = "DEPLOYMENT-TOGGLE"
    if enabled is None:
        what = (
            f"Whether the toggle Rollback Deploy of {deployment} is on is not known: the platform checks it "
        )
        return Finding(code, Status.UNKNOWN, f"{what}when a rollback is submitted.")
    if enabled:
        return Finding(code, Status.OK, f"The toggle Rollback Deploy of {deployment} is on.")
    what = f"The toggle Rollback Deploy of {deployment} is off."
    remedy = "Switch it on in the Deployment's settings."
    return Finding(code, Status.ERROR, what, remedy)


def of_history(deploys: Sequence[Deploy]) -> Finding:
    """Return the finding on a deploy history that was read, from its latest deploys."""
    running = next((deploy for deploy in deploys if deploy.succeeded), None)
    read = f"The deploy history can be read: {len(deploys)} deploy(s) on its first page."
    if running is None:
        return Finding(
            "HISTORY", Status.OK, f"{read} None of them succeeded: there is nothing to roll back to."
        )
    tag = f" ({running.image_tag})" if running.image_tag else ""
    return Finding("HISTORY", Status.OK, f"{read} Deploy {running.id}{tag} runs now.")


def of_clock(skew: timedelta | None, tolerated: timedelta) -> Finding:
    """Return the finding on this machine's clock.

    :param skew: how far it is ahead of the platform's; None if the platform does not report its time.
    :param tolerated: maximum difference.
    """
    if skew is None:
        return Finding("CLOCK", Status.UNKNOWN, "The platform does not report its time.")
    if abs(skew) <= tolerated:
        seconds = f"{skew.total_seconds():,.0f}"
        return Finding("CLOCK", Status.OK, f"This machine's clock agrees with the platform's ({seconds} s).")
    return Finding(
        "CLOCK",
        Status.WARNING,
        off_by(skew),
        "Synchronise it (NTP): tokens and certificates are checked by it. Plans use the platform's clock.",
    )
