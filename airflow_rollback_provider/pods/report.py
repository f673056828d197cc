# SPDX-License-Identifier: Apache-2.0
"""Results about the pods of a release: findings, the report of one read, and the outcome of the wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.errors import AccessDenied, BadInput, NoClusterAccess, RollbackError
from airflow_rollback_provider.domain.jsonable import decode, encode
from airflow_rollback_provider.domain.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

# Errors that no retry can cure, the special before the general.
_FINAL: tuple[type[RollbackError], ...] = (NoClusterAccess, BadInput, AccessDenied)


@dataclass(frozen=True)
class Finding:
    """Why something does not run as expected.

    :param code: ``OLD-IMAGE``, ``OLD-POD``, ``ROLLING-OUT``, ``IMAGE-PULL``, ``CRASH-LOOP``, ``CRASHED``,
        ``CANNOT-START``, ``INIT-RUNNING``, ``STARTING``, ``NOT-READY``, ``PENDING``, ``TOO-FEW-PODS``,
        ``NO-COMPONENT``, ``NOT-STABLE``.
    :param message: what is wrong, with Kubernetes' own message.
    :param pod: the pod, if the finding is about one.
    :param container: the container, if the finding is about one.
    :param events: the pod's latest events.
    :param log: the end of the container's log.
    """

    code: str
    component: str
    message: str
    pod: str | None = None
    container: str | None = None
    events: tuple[str, ...] = ()
    log: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.code}: {self.component}: {self.message}"]
        lines += [f"  event: {event}" for event in self.events]
        lines += [f"  log: {line}" for line in self.log]
        return "\n".join(lines)


@dataclass(frozen=True)
class Restarts:
    """A container that was restarted.

    :param count: number of restarts since the pod was created.
    :param ended: how it ended before the last restart, if known.
    """

    component: str
    pod: str
    container: str
    count: int
    ended: str


@dataclass(frozen=True)
class PodsReport:
    """The result of reading a release once.

    :param components: for each component, how many pods run the image and are ready, such as ``2/2``.
    :param findings: all that does not run as expected; empty when the release is ready.
    :param restarted: the containers of these pods that were restarted. Only the wait uses them, so
        :meth:`to_dict` leaves them out.
    """

    components: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    restarted: tuple[Restarts, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether every component runs the image and is ready."""
        return not self.findings

    @property
    def restarts(self) -> int:
        """Total number of restarts of these pods' containers."""
        return sum(one.count for one in self.restarted)

    def to_dict(self) -> dict[str, Any]:
        return {"components": dict(self.components), "findings": encode(self.findings)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PodsReport:
        findings = tuple(decode(Finding, one) for one in values["findings"])
        return cls(tuple(values["components"].items()), findings)


@dataclass(frozen=True)
class PodsOutcome:
    """The outcome of waiting for a release, small enough for a trigger's event.

    :param ready: whether the release is ready.
    :param report: result of the last read that succeeded; None if none did.
    :param problem: why the cluster could not be read at the end.
    :param refusal: class name of that error, if no retry can cure it.
    """

    ready: bool
    report: PodsReport | None
    problem: str | None = None
    refusal: str | None = None

    def refused(self) -> RollbackError | None:
        """Return the error that ended the wait, if no retry can cure it."""
        kind = next((one for one in _FINAL if one.__name__ == self.refusal), None)
        return kind(self.problem) if kind is not None else None

    def to_dict(self) -> dict[str, Any]:
        report = self.report.to_dict() if self.report is not None else None
        return {"ready": self.ready, "report": report, "problem": self.problem, "refusal": self.refusal}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PodsOutcome:
        report = PodsReport.from_dict(values["report"]) if values["report"] is not None else None
        return cls(values["ready"], report, values["problem"], values.get("refusal"))


def broken_off(error: Exception) -> PodsOutcome:
    """Return the outcome of a wait that an error ended.

    :param error: the error; one that no retry can cure keeps its class.
    """
    final = not getattr(error, "retryable", False)
    kind = next((one.__name__ for one in _FINAL if final and isinstance(error, one)), None)
    problem = str(error) if isinstance(error, RollbackError) else f"{type(error).__name__}: {error}"
    return PodsOutcome(ready=False, report=None, problem=redact(problem), refusal=kind)
