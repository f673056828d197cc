# SPDX-License-Identifier: Apache-2.0
"""Findings on the values read from Astro Private Cloud, one for each check."""

from __future__ import annotations

import json
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
from airflow_rollback_provider.platforms.private_cloud.api import NAME
from airflow_rollback_provider.platforms.private_cloud.mapping import read_deployment, read_flag

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Access, Deployment
    from airflow_rollback_provider.platforms.private_cloud.partial_read import PartialResult
    from airflow_rollback_provider.platforms.request_context import RequestContext

_UNKNOWN_NAME = "The request for it uses a name or type that this installation's schema does not have."


def of_error(code: str, error: RollbackError) -> Finding:
    if isinstance(error, UnknownField):
        return Finding(code, Status.ERROR, _UNKNOWN_NAME, str(error))
    return doctor_checks.of_error(code, error)


def refer_to_schema(found: Iterable[Finding], schema: Iterable[Finding]) -> Iterator[Finding]:
    """Refer from a refused request to the findings on the schema, which have more details."""
    differs = any(finding.code.startswith("SCHEMA-") for finding in schema)
    for finding in found:
        if differs and finding.what == _UNKNOWN_NAME:
            yield replace(finding, remedy="Correct the differences in the findings on the schema.")
        else:
            yield finding


def api_error(basics: PartialResult) -> RollbackError | None:
    """Return the error of an API without any usable answer, with or without the token; else None."""
    errors = [
        error
        for error in basics.errors.values()
        if isinstance(error, PlatformError) and not isinstance(error, UnknownField)
    ]
    return errors[0] if errors and len(errors) == len(basics.errors) and not basics.data else None


def _refusals(basics: PartialResult) -> list[RollbackError]:
    return [error for error in basics.errors.values() if isinstance(error, (TokenExpired, TokenRefused))]


def is_refused(basics: PartialResult) -> bool:
    return bool(_refusals(basics))


def of_token(basics: PartialResult) -> Finding:
    """Evaluate the token from the values besides the installation's settings, which need no token."""
    refusals = _refusals(basics)
    if refusals:
        return doctor_checks.of_refused_token(refusals[0])
    names = set(basics.data) - {basics.root("version")}
    errors = [error for error in basics.errors.values() if not isinstance(error, UnknownField)]
    if not names and errors:
        return of_error("TOKEN", errors[0])
    if not any(basics.data[name] is not None for name in names):
        what = "The platform answers, but the answer does not show whether it accepts the token."
        return Finding("TOKEN", Status.UNKNOWN, what)
    version, who = basics.value("version"), basics.value("who")
    if errors and not basics.answered("who"):
        what = f"{NAME} accepts the token. Its owner could not be read: {errors[0]}"
        return Finding("TOKEN", Status.WARNING, what)
    owner = f" as {who}" if isinstance(who, str) and who else ""
    what = f"{NAME} {version or '(version not known)'} accepts the token{owner}."
    return Finding("TOKEN", Status.OK, what)


def of_other_scheme(found: Finding, scheme: str, *, accepted: bool) -> Finding:
    """Add to the finding on the token whether the installation accepts it in the other form.

    :param scheme: prefix of the token in the other form.
    """
    sent, other = ("without", "with") if scheme else ("with", "without")
    if found.status is not Status.ERROR:
        word = "accepts it" if accepted else "refuses it"
        return replace(
            found, what=f"{found.what} It is sent {sent} 'Bearer'; the platform {word} {other} it."
        )
    if not accepted:
        return found
    setting = {"auth_scheme": "bearer" if scheme else "none"}
    what = f"The platform does not accept the token {sent} 'Bearer', but {other} it."
    return Finding("TOKEN", Status.ERROR, what, f"Set it in the connection: {json.dumps(setting)}.", setting)


def of_version(basics: PartialResult) -> Finding:
    error = basics.error("version")
    if error is not None:
        return of_error("VERSION", error)
    version, domain = basics.value("version"), basics.value("base_domain")
    if not version:
        return Finding("VERSION", Status.UNKNOWN, "The platform does not show its version.")
    where = f" on the base domain {domain}" if domain else ""
    return Finding("VERSION", Status.OK, f"The platform is {NAME} {version}{where}.")


def of_proof(access: Access) -> tuple[Finding, ...]:
    """Return the findings on the rollback request, which was validated and not run."""
    code = "SCHEMA-ROLLBACK"
    if access.request_unknown:
        what = f"Whether the platform knows the rollback request is not known. {access.request_unknown}"
        return (Finding(code, Status.UNKNOWN, what),)
    if not access.request_refusals:
        return (Finding(code, Status.OK, "The platform knows the rollback request, which was not run."),)
    return tuple(Finding(code, Status.ERROR, item.reason, item.remedy) for item in access.request_refusals)


def of_deployment(read: Deployment | RollbackError) -> tuple[Finding, ...]:
    """Return the findings on a Deployment, or on the error of its read."""
    if isinstance(read, RollbackError):
        failed = of_error("DEPLOYMENT", read)
        return failed, *skip(("MECHANISM",), "the Deployment could not be read.")
    return doctor_checks.of_deployment(read), doctor_checks.of_mechanism(read)


def of_toggle(history: PartialResult, deployment: Deployment, flags: tuple[str, ...]) -> Finding:
    """Return the finding on a Deployment's own switch; it is unknown if the schema has no such field.

    :param flags: possible keys of the switch in the feature flags, which are merged for the Deployment.
    """
    error = history.error("toggle")
    if error is not None and not isinstance(error, UnknownField):
        return of_error("DEPLOYMENT-TOGGLE", error)
    toggle = history.value("toggle")
    if not isinstance(toggle, bool):
        _, toggle = read_flag(history.value("flags"), flags)
    return doctor_checks.of_toggle(toggle if isinstance(toggle, bool) else None, deployment)


def deployment_of(result: PartialResult, context: RequestContext) -> Deployment | RollbackError:
    """Return the Deployment of a result, or the error of its read."""
    error = result.error("result")
    if error is not None:
        return error
    values = result.value("result")
    if values is None:
        return DeploymentNotFound(
            f"There is no such {context.subject}, or the token may not read it.{context.hint}"
        )
    try:
        return read_deployment(values, context.operation)
    except RollbackError as unreadable:
        return unreadable.with_traceback(None)


def rollback_switches(flags: object) -> Iterator[str]:
    """Yield the paths of the truth values in the feature flags that contain ``rollback``."""
    yield from (path for path in _switches(flags) if "rollback" in path.lower())


def _switches(flags: object, above: str = "") -> Iterator[str]:
    if isinstance(flags, bool) and above:
        yield above
    for name, value in flags.items() if isinstance(flags, Mapping) else ():
        yield from _switches(value, f"{above}.{name}" if above else str(name))


def of_missing_schema(what: str) -> Finding:
    """Return the finding on a schema that cannot be read.

    :param what: the reason, as a sentence.
    """
    return Finding(
        "SCHEMA",
        Status.WARNING,
        what,
        "Without the schema, a name that differs causes an error only when a request is refused. The "
        "rollback request is never tried here. Compare the names with the Docs tab of the API, or have "
        "introspection switched on temporarily and run the doctor again.",
    )
