# SPDX-License-Identifier: Apache-2.0
"""The doctor's findings, one for each check, and the report of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from airflow_rollback_provider.domain.jsonable import encode

FORMAT = 1
"""Version of the JSON form. It grows when a field changes its meaning."""

CHECKS: Mapping[str, str] = {
    "CONNECTION": "The connection's fields can be used.",
    "DNS": "The name of the platform, or of the proxy before it, resolves.",
    "TCP": "Something listens there and lets this machine in.",
    "PROXY": "The proxy, where there is one, connects to the platform.",
    "TLS": "The certificate is trusted, and by which authorities; it does not expire soon.",
    "API": "The server at the address is the platform.",
    "TOKEN": "The token is accepted, and its owner is known.",
    "VERSION": "The platform reports its version.",
    "INSTALLATION-FLAG": "Rollbacks are switched on on the installation.",
    "PERMISSION-HISTORY": "The token may read deploy histories.",
    "PERMISSION-IMAGE": "The token may roll the image back.",
    "PERMISSION-DAGS": "The token may roll Dags back.",
    "DEPLOYMENT": "The given Deployment is found.",
    "MECHANISM": "How Dags reach the Deployment is known and allows rollbacks.",
    "DEPLOYMENT-TOGGLE": "Rollbacks are switched on on the Deployment.",
    "CLOCK": "This machine's clock agrees with the platform's.",
    "HISTORY": "The deploy history can be read, and its values are known.",
    "SCHEMA": "The platform's schema can be read, and each request fits it.",
    "SCHEMA-ROLLBACK": "The platform knows the rollback request, which is not run.",
    "SCHEMA-DEPLOY-FIELDS": "The schema has the fields of a deploy with the names that the requests use.",
    "SCHEMA-OPERATION": "The schema has all fields that one operation requests.",
    "SCHEMA-SCOPES": "The schema has the values for the scopes of a rollback.",
}
"""Every code of a finding, in the order of the checks, with the condition that should hold.

Codes that begin with ``SCHEMA-`` are in a report only if something differs, some of them several times.
"""

_ALWAYS = tuple(code for code in CHECKS if not code.startswith("SCHEMA-"))
# The findings in the summary of a report without errors.
_HEADLINES = ("TOKEN", "INSTALLATION-FLAG", "PERMISSION-HISTORY")


class Status(str, Enum):
    """Status of a finding, the least severe first."""

    OK = "ok"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    WARNING = "warning"
    ERROR = "error"

    @property
    def weight(self) -> int:
        """Its severity as a number, to find the worst of several."""
        return list(Status).index(self)

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    :param code: stable name, part of the public interface, one of :data:`CHECKS`.
    :param what: the result in one or two sentences; for ``skipped`` the reason.
    :param remedy: what the user can do; empty if there is nothing to do.
    :param setting: value of the connection's extra that would fix it, complete for each key; None if no
        setting would.
    """

    code: str
    status: Status
    what: str
    remedy: str = ""
    setting: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()


@dataclass(frozen=True)
class Report:
    """All findings about one connection.

    :param platform: name of the platform; empty if the connection does not define it.
    :param address: address of the platform; empty if the connection does not define it.
    :param deployment: the Deployment as the user named it; None if none was given.
    :param findings: in the order of :data:`CHECKS`.
    """

    connection: str
    platform: str
    address: str
    deployment: str | None
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Status:
        """The most severe status of all findings."""
        return max((finding.status for finding in self.findings), key=lambda status: status.weight)

    @property
    def sound(self) -> bool:
        """Whether no finding is an error."""
        return self.worst is not Status.ERROR

    @property
    def setting(self) -> dict[str, Any] | None:
        """All suggested settings of the connection's extra in one; None if there is none."""
        settings = [finding.setting for finding in self.findings if finding.setting]
        return merge(*settings) if settings else None

    def of(self, status: Status) -> tuple[Finding, ...]:
        """Return the findings of one status."""
        return tuple(finding for finding in self.findings if finding.status is status)

    def summary(self) -> str:
        """Return one message: the first error, or else the headlines and every warning."""
        errors = self.of(Status.ERROR)
        if errors:
            return str(errors[0])
        holds = [finding.what for finding in self.findings if self._is_headline(finding)]
        warned = [f"Warning: {finding}" for finding in self.of(Status.WARNING)]
        return " ".join([*holds, *warned])

    def _is_headline(self, finding: Finding) -> bool:
        if finding.code == "PERMISSION-HISTORY" and finding.status is not Status.UNKNOWN:
            return False
        reported = finding.status is not Status.WARNING and finding.what != _not_reported(self.platform)
        return finding.code in _HEADLINES and reported

    def to_dict(self) -> dict[str, Any]:
        return {**encode(self), "worst": self.worst.value, "setting": self.setting, "format": FORMAT}


def complete(findings: Iterable[Finding], platform: str) -> tuple[Finding, ...]:
    """Put findings into the order of :data:`CHECKS`, and add one for each check that the platform lacks."""
    found = list(findings)
    codes = {finding.code for finding in found}
    found += [Finding(code, Status.UNKNOWN, _not_reported(platform)) for code in _ALWAYS if code not in codes]
    order = list(CHECKS)
    return tuple(sorted(found, key=lambda finding: order.index(finding.code)))


def _not_reported(platform: str) -> str:
    return f"Not reported by {platform}."


def skip(codes: Iterable[str], reason: str) -> tuple[Finding, ...]:
    """Return a skipped finding for each code.

    :param reason: the text after "Skipped: ".
    """
    return tuple(Finding(code, Status.SKIPPED, f"Skipped: {reason}") for code in codes)


def skip_from(code: str, reason: str) -> tuple[Finding, ...]:
    """Return skipped findings for a check and all checks after it."""
    return skip(_ALWAYS[_ALWAYS.index(code) :], reason)


def merge(*settings: Mapping[str, Any]) -> dict[str, Any]:
    """Merge JSON objects, and the objects inside them; later values replace earlier ones."""
    merged: dict[str, Any] = {}
    for setting in settings:
        for key, value in setting.items():
            earlier = merged.get(key)
            both = isinstance(earlier, Mapping) and isinstance(value, Mapping)
            merged[key] = merge(earlier, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return merged
