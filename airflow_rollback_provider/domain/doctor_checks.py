# SPDX-License-Identifier: Apache-2.0
"""Findings on what was read of a platform: the same sentences for every platform."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.checks import default_scope
from airflow_rollback_provider.domain.deploys import Mechanism
from airflow_rollback_provider.domain.errors import RollbackError, TokenExpired, TokenRefused
from airflow_rollback_provider.domain.findings import Finding, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from airflow_rollback_provider.domain.deploys import Capabilities, Deploy, Deployment

_PARTS = {"image": ("PERMISSION-IMAGE", "the image"), "dags": ("PERMISSION-DAGS", "Dags")}
_ROLE = "Use a token with the role DEPLOYMENT_EDITOR or above, or one with this permission."


def of_error(code: str, error: RollbackError) -> Finding:
    """Return the finding on something that could not be read; the error's own words say what to do."""
    return Finding(code, Status.ERROR, str(error))


def of_refused_token(error: RollbackError) -> Finding:
    """Return the finding on a token that the platform does not take."""
    if isinstance(error, TokenExpired):
        remedy = "Put a new one in the connection's password, or the key of a service account, which lasts."
        return Finding("TOKEN", Status.ERROR, "The token has expired.", remedy)
    if isinstance(error, TokenRefused):
        remedy = "Put a valid one in the connection's password: the token alone, without 'Bearer'."
        return Finding("TOKEN", Status.ERROR, f"The platform does not accept the token. {error}", remedy)
    return of_error("TOKEN", error)


def of_installation(enabled: bool | None, setting: str) -> Finding:
    """Return the finding on the installation's switch.

    :param enabled: whether rollbacks are switched on; None where that is not told.
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
    granted: Collection[str] | None, capabilities: Capabilities, deployment: Deployment | None
) -> Iterator[Finding]:
    """Return the findings on what the token may do.

    :param granted: names of its permissions; None where they are not told.
    :param deployment: where it may do that; None for everywhere.
    """
    if granted is None:
        yield from _of_unknown_permissions(capabilities)
        return
    mine = {name.removeprefix("system.") for name in granted}
    yield _of_history_permission(mine, capabilities.history_permission or "")
    scope = default_scope(deployment.mechanism if deployment else Mechanism.UNKNOWN)
    for part in _PARTS:
        yield _of_part(part, part in scope.parts, mine, capabilities, scope.parts)


def _of_unknown_permissions(capabilities: Capabilities) -> Iterator[Finding]:
    what = "The token's permissions are not known."
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
    """Judge one part of a rollback; ``parts`` are those that a usual rollback of the Deployment takes."""
    code, words = _PARTS[part]
    permission = capabilities.permissions[part]
    if permission in mine:
        return Finding(code, Status.OK, f"The token may roll {words} back ({permission}).")
    if not needed:
        what = f"The token lacks {permission}, which no rollback of this Deployment takes."
        return Finding(code, Status.OK, what)
    usual = [capabilities.permissions[name] for name in _PARTS if name in parts]
    if not set(usual) & set(mine):
        what = f"The token lacks the permission {' or '.join(usual)}: it can roll nothing back."
        return Finding(code, Status.ERROR, what, _ROLE)
    what = f"The token lacks the permission {permission}: it cannot roll {words} back, only the other part."
    return Finding(code, Status.WARNING, what, _ROLE)


def of_deployment(deployment: Deployment) -> Finding:
    """Return the finding on a Deployment that was found."""
    release = f" with the release name {deployment.release_name}" if deployment.release_name else ""
    what = f"{deployment} is there{release}. It runs {deployment.versions}."
    return Finding("DEPLOYMENT", Status.OK, what)


def of_mechanism(deployment: Deployment) -> Finding:
    """Return the finding on how Dags reach a Deployment."""
    mechanism = deployment.mechanism
    if mechanism is Mechanism.VOLUME:
        return Finding(
            "MECHANISM",
            Status.ERROR,
            "The Deployment's Dags come from an NFS volume: it cannot be rolled back.",
            "Deploy the wanted version anew, or change the Deployment's Dag deploy mechanism.",
        )
    if mechanism is Mechanism.UNKNOWN:
        return Finding("MECHANISM", Status.UNKNOWN, "How Dags reach the Deployment is not known.")
    what = f"The Deployment's Dag deploy mechanism is {mechanism}: a rollback brings back"
    return Finding("MECHANISM", Status.OK, f"{what} {default_scope(mechanism)}.")


def of_toggle(enabled: bool | None, deployment: Deployment) -> Finding:
    """Return the finding on a Deployment's own switch; None is not known."""
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
            "HISTORY", Status.OK, f"{read} None of them succeeded: there is nothing to go back to."
        )
    tag = f" ({running.image_tag})" if running.image_tag else ""
    return Finding("HISTORY", Status.OK, f"{read} Deploy {running.id}{tag} runs now.")


def of_clock(skew: timedelta | None, tolerated: timedelta) -> Finding:
    """Return the finding on this machine's clock.

    :param skew: how far it is ahead of the platform's; None where the platform does not tell.
    :param tolerated: how far it may be off.
    """
    if skew is None:
        return Finding("CLOCK", Status.UNKNOWN, "The platform does not tell its time.")
    if abs(skew) <= tolerated:
        return Finding(
            "CLOCK", Status.OK, f"This machine's clock agrees with the platform's ({_seconds(skew)} s)."
        )
    side = "ahead of" if skew > timedelta(0) else "behind"
    what = f"This machine's clock is {_seconds(abs(skew))} s {side} the platform's."
    return Finding(
        "CLOCK",
        Status.WARNING,
        what,
        "Synchronise it (NTP): tokens and certificates are judged by it. Plans go by the platform's clock.",
    )


def _seconds(skew: timedelta) -> str:
    return f"{skew.total_seconds():,.0f}"
