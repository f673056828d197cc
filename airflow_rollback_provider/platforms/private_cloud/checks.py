# SPDX-License-Identifier: Apache-2.0
"""Findings on what was read of Astro Private Cloud, one for each check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain import doctor_checks
from airflow_rollback_provider.domain.errors import (
    DeploymentNotFound,
    PlatformError,
    RollbackError,
    TokenExpired,
    TokenRefused,
    UnknownField,
)
from airflow_rollback_provider.domain.findings import Finding, Status, skip
from airflow_rollback_provider.platforms.private_cloud.client import NAME
from airflow_rollback_provider.platforms.private_cloud.mapping import read_deployment

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deployment
    from airflow_rollback_provider.platforms.private_cloud.errors import RequestContext
    from airflow_rollback_provider.platforms.private_cloud.partial_read import PartialResult

_UNKNOWN_NAME = "The request for it uses a name or type that this installation's schema does not have."


def of_error(code: str, error: RollbackError) -> Finding:
    """Return the finding on something that could not be read."""
    if isinstance(error, UnknownField):
        return Finding(code, Status.ERROR, _UNKNOWN_NAME, str(error))
    return doctor_checks.of_error(code, error)


def lead_to_the_schema(found: Iterable[Finding], schema: Iterable[Finding]) -> Iterator[Finding]:
    """Lead from a refused request to what the schema tells, which says more than the refusal."""
    differs = any(finding.code.startswith("SCHEMA-") for finding in schema)
    for finding in found:
        if differs and finding.what == _UNKNOWN_NAME:
            yield replace(finding, remedy="Mend what the findings on the schema name.")
        else:
            yield finding


def silence(basics: PartialResult) -> RollbackError | None:
    """Return why nothing was answered at all, neither to what needs the token nor to what does not."""
    useless = [
        error
        for error in basics.errors.values()
        if isinstance(error, PlatformError) and not isinstance(error, UnknownField)
    ]
    return useless[0] if useless and len(useless) == len(basics.errors) and not basics.data else None


def _refusals(basics: PartialResult) -> list[RollbackError]:
    return [error for error in basics.errors.values() if isinstance(error, (TokenExpired, TokenRefused))]


def is_refused(basics: PartialResult) -> bool:
    """Whether the token is expired or not known."""
    return bool(_refusals(basics))


def of_token(basics: PartialResult) -> Finding:
    """Judge the token by what was told besides the installation's settings, which anybody is told."""
    refusals = _refusals(basics)
    if refusals:
        return doctor_checks.of_refused_token(refusals[0])
    told = set(basics.data) - {basics.root("version")}
    errors = [error for error in basics.errors.values() if not isinstance(error, UnknownField)]
    if not told and errors:
        return of_error("TOKEN", errors[0])
    if not any(basics.data[name] is not None for name in told):
        what = "The platform answers, and does not say whether it accepts the token."
        return Finding("TOKEN", Status.UNKNOWN, what)
    version, who = basics.value("version"), basics.value("who")
    if errors and not basics.answered("who"):
        what = f"{NAME} accepts the token. Whose it is could not be read: {errors[0]}"
        return Finding("TOKEN", Status.WARNING, what)
    whose = f" as {who}" if isinstance(who, str) and who else ""
    what = f"{NAME} {version or '(version not known)'} accepts the token{whose}."
    return Finding("TOKEN", Status.OK, what)


def of_version(basics: PartialResult) -> Finding:
    """Judge what the installation told of its version."""
    error = basics.error("version")
    if error is not None:
        return of_error("VERSION", error)
    version, domain = basics.value("version"), basics.value("base_domain")
    if not version:
        return Finding("VERSION", Status.UNKNOWN, "The platform does not tell its version.")
    where = f" on the base domain {domain}" if domain else ""
    return Finding("VERSION", Status.OK, f"It is {NAME} {version}{where}.")


def of_itself(read: Deployment | RollbackError) -> tuple[Finding, ...]:
    """Judge a Deployment, or why it could not be read."""
    if isinstance(read, RollbackError):
        lost = of_error("DEPLOYMENT", read)
        return lost, *skip(("MECHANISM",), "the Deployment could not be read.")
    return doctor_checks.of_deployment(read), doctor_checks.of_mechanism(read)


def of_toggle(told: PartialResult, deployment: Deployment) -> Finding:
    """Judge a Deployment's own switch; an installation that has no such field does not tell it."""
    error = told.error("toggle")
    if error is not None and not isinstance(error, UnknownField):
        return of_error("DEPLOYMENT-TOGGLE", error)
    toggle = told.value("toggle")
    return doctor_checks.of_toggle(toggle if isinstance(toggle, bool) else None, deployment)


def read_found(told: PartialResult, context: RequestContext) -> Deployment | RollbackError:
    """Read the Deployment that was asked for; return why it cannot be read."""
    error = told.error("result")
    if error is not None:
        return error
    values = told.value("result")
    if values is None:
        return DeploymentNotFound(
            f"There is no such {context.subject}, or the token may not see it.{context.hint}"
        )
    try:
        return read_deployment(values, context.operation)
    except RollbackError as unreadable:
        return unreadable.with_traceback(None)


def rollback_switches(flags: object) -> Iterator[str]:
    """Yield the paths of the truth values in the feature flags that speak of rollbacks."""
    yield from (path for path in _switches(flags) if "rollback" in path.lower())


def _switches(flags: object, above: str = "") -> Iterator[str]:
    if isinstance(flags, bool) and above:
        yield above
    for name, value in flags.items() if isinstance(flags, Mapping) else ():
        yield from _switches(value, f"{above}.{name}" if above else str(name))


def of_missing_schema(what: str) -> Finding:
    """Return the finding on a schema that cannot be read.

    :param what: why, in a sentence.
    """
    return Finding(
        "SCHEMA",
        Status.WARNING,
        what,
        "So a name that differs shows only when a request is refused, above all that of the rollback, which "
        "is never tried here. Compare the names with the Docs tab of the API, or have introspection switched "
        "on for a moment and run the doctor again.",
    )
