# SPDX-License-Identifier: Apache-2.0
"""What the doctor found: one finding for each thing that it looked at, and what they come to together."""

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
    "API": "What answers at the address is the platform.",
    "TOKEN": "The token is accepted, and whose it is.",
    "VERSION": "The platform's version is told.",
    "INSTALLATION-FLAG": "Rollbacks are switched on on the installation.",
    "PERMISSION-HISTORY": "The token may read deploy histories.",
    "PERMISSION-IMAGE": "The token may roll the image back.",
    "PERMISSION-DAGS": "The token may roll Dags back.",
    "DEPLOYMENT": "The Deployment that was named is found.",
    "MECHANISM": "How Dags reach the Deployment is known and allows rollbacks.",
    "DEPLOYMENT-TOGGLE": "Rollbacks are switched on on the Deployment.",
    "CLOCK": "This machine's clock agrees with the platform's.",
    "HISTORY": "The deploy history can be read, and its words are known.",
    "SCHEMA": "The platform lets its schema be read, and each request fits it.",
    "SCHEMA-DEPLOY-FIELDS": "The schema has the fields of a deploy under the names that are used.",
    "SCHEMA-OPERATION": "The schema has what one operation asks for.",
    "SCHEMA-SCOPES": "The schema knows the words for what a rollback brings back.",
}
"""Every code that a finding can have, in the order in which things are looked at, and what should hold.

Those that begin with ``SCHEMA-`` stand in a report only where something differs, some several times.
"""

_ALWAYS = tuple(code for code in CHECKS if not code.startswith("SCHEMA-"))
# What the one sentence of a report without errors is made of.
_HEADLINES = ("TOKEN", "INSTALLATION-FLAG", "PERMISSION-HISTORY")


class Status(str, Enum):
    """How a finding is to be taken, the lightest first."""

    OK = "ok"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    WARNING = "warning"
    ERROR = "error"

    @property
    def weight(self) -> int:
        """Where it stands among the others, for the worst of several."""
        return list(Status).index(self)

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    :param code: stable name, part of the public interface, one of :data:`CHECKS`.
    :param status: how it is to be taken.
    :param what: what was found, in a sentence or two; for ``skipped`` why it was not looked at.
    :param remedy: what to do about it; empty where there is nothing to do.
    :param setting: value of the connection's extra that would mend it, whole for each key that it has; None
        where no setting would.
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

    :param connection: the connection's id.
    :param platform: name of the platform; empty where the connection does not tell.
    :param address: where the platform is asked; empty where the connection does not tell.
    :param deployment: the Deployment as it was named; None where none was.
    :param findings: in the order of :data:`CHECKS`.
    """

    connection: str
    platform: str
    address: str
    deployment: str | None
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Status:
        """The gravest status of all findings."""
        return max((finding.status for finding in self.findings), key=lambda status: status.weight)

    @property
    def sound(self) -> bool:
        """Whether no finding is an error."""
        return self.worst is not Status.ERROR

    @property
    def setting(self) -> dict[str, Any] | None:
        """All suggested settings of the connection's extra as one; None where there is none."""
        settings = [finding.setting for finding in self.findings if finding.setting]
        return merge(*settings) if settings else None

    def of(self, status: Status) -> tuple[Finding, ...]:
        """Return the findings of one status."""
        return tuple(finding for finding in self.findings if finding.status is status)

    def summary(self) -> str:
        """Say in one message how it stands: the first error, else what holds and every warning."""
        errors = self.of(Status.ERROR)
        if errors:
            return str(errors[0])
        holds = [finding.what for finding in self.findings if self._is_headline(finding)]
        warned = [f"Warning: {finding}" for finding in self.of(Status.WARNING)]
        return " ".join([*holds, *warned])

    def _is_headline(self, finding: Finding) -> bool:
        if finding.code == "PERMISSION-HISTORY" and finding.status is not Status.UNKNOWN:
            return False
        told = finding.status is not Status.WARNING and finding.what != _not_told(self.platform)
        return finding.code in _HEADLINES and told

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {**encode(self), "worst": self.worst.value, "setting": self.setting, "format": FORMAT}


def complete(findings: Iterable[Finding], platform: str) -> tuple[Finding, ...]:
    """Put findings into the order of :data:`CHECKS`; what the platform's part left out, it does not tell."""
    found = list(findings)
    codes = {finding.code for finding in found}
    found += [Finding(code, Status.UNKNOWN, _not_told(platform)) for code in _ALWAYS if code not in codes]
    order = list(CHECKS)
    return tuple(sorted(found, key=lambda finding: order.index(finding.code)))


def _not_told(platform: str) -> str:
    return f"Not told by {platform}."


def skip(codes: Iterable[str], reason: str) -> tuple[Finding, ...]:
    """Return a finding for each code that says why it was not looked at.

    :param reason: continues "Not looked at: …".
    """
    return tuple(Finding(code, Status.SKIPPED, f"Not looked at: {reason}") for code in codes)


def skip_from(code: str, reason: str) -> tuple[Finding, ...]:
    """Return such findings for a check and all that come after it."""
    return skip(_ALWAYS[_ALWAYS.index(code) :], reason)


def merge(*settings: Mapping[str, Any]) -> dict[str, Any]:
    """Lay JSON objects over one another, the later ones on top; objects inside them alike."""
    merged: dict[str, Any] = {}
    for setting in settings:
        for key, value in setting.items():
            below = merged.get(key)
            both = isinstance(below, Mapping) and isinstance(value, Mapping)
            merged[key] = merge(below, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return merged
