# SPDX-License-Identifier: Apache-2.0
"""A verdict with its evidence: small enough for an XCom, with a summary for a chat message."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.jsonable import encode
from airflow_rollback_provider.domain.summary import paragraph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_rollback_provider.domain.rejections import Rejection
    from airflow_rollback_provider.domain.runs import Counts

MOST_DAGS = 20
"""Maximum number of Dags in the evidence."""
MOST_FILES = 10
"""Maximum number of files with import errors that the evidence shows with their errors."""
MOST_NAMES = 200
"""Maximum number of file names with import errors; if there are more, none is stored."""


class Health(str, Enum):
    """Verdict on a deploy."""

    HEALTHY = "healthy"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Reason:
    """Reason for a verdict.

    :param code: stable name, part of the public interface.
    :param message: a sentence for a user.
    """

    code: str
    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class DagEvidence:
    """One Dag before the deploy and since.

    :param before: its runs before the deploy.
    :param since: its runs since the landing that ended.
    :param factor: its evidence: how much more likely these runs are if it is broken than by its past.
    :param broken: whether it worked up to the deploy and fails since then as it never did before.
    """

    dag_id: str
    before: Counts
    since: Counts
    factor: float
    broken: bool
    critical: bool

    def __str__(self) -> str:
        marks = (" BROKEN" if self.broken else "") + (" critical" if self.critical else "")
        return f"{self.dag_id}: before {self.before}, since {self.since}, factor {self.factor:.2g}{marks}"


@dataclass(frozen=True)
class FileEvidence:
    """A file that cannot be imported, and whether the error is known to be new."""

    file: str
    error: str
    new: bool

    def __str__(self) -> str:
        return f"{self.file}: {self.error}{'' if self.new else ' (not known to be new)'}"


@dataclass(frozen=True)
class Evaluation:
    """A verdict and its evidence.

    :param reasons: its reasons, gravest first.
    :param since: when the deploy had landed.
    :param evaluated_at: when it was evaluated.
    :param evidence: the evidence of all Dags against the deploy; 1 means none.
    :param evidence_needed: the evidence that a regression needs.
    :param dags: the most important Dags, at most :data:`MOST_DAGS`.
    :param silent: Dags that ran often before and have not run since, at most :data:`MOST_DAGS`.
    :param import_errors: files that cannot be imported, at most :data:`MOST_FILES`.
    :param import_error_files: names of all files that cannot be imported; None if they are not known or are
        more than :data:`MOST_NAMES`.
    :param components: Airflow's components with the health status that Airflow reports.
    :param left_out: reasons why runs do not count, with their numbers, before and after together.
    :param rejection: the rejection of the deploy, if it brings rejected content back.
    """

    verdict: Health
    reasons: tuple[Reason, ...]
    since: datetime
    evaluated_at: datetime
    deployment_id: str | None = None
    deploy_id: str | None = None
    evidence: float = 1.0
    evidence_needed: float | None = None
    dags: tuple[DagEvidence, ...] = ()
    silent: tuple[str, ...] = ()
    import_errors: tuple[FileEvidence, ...] = ()
    import_error_files: tuple[str, ...] | None = None
    components: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    rejection: Rejection | None = None

    @property
    def summary(self) -> str:
        """One paragraph for a chat message."""
        return _summary(self.deployment_id, self.deploy_id, self.since, self.verdict, self.reasons)

    def to_dict(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict.value,
            "deployment_id": self.deployment_id,
            "deploy_id": self.deploy_id,
            "since": self.since.isoformat(),
            "evaluated_at": self.evaluated_at.isoformat(),
            "summary": self.summary,
            "reasons": encode(self.reasons),
            "evidence": rounded(self.evidence),
            "evidence_needed": self.evidence_needed,
            "dags": [{**encode(dag), "factor": rounded(dag.factor)} for dag in self.dags],
            "silent": encode(self.silent),
            "import_errors": encode(self.import_errors),
            "import_error_files": encode(self.import_error_files),
            "components": dict(self.components),
            "left_out": dict(self.left_out),
            "rejected": encode(self.rejection),
        }


def rounded(number: float) -> float:
    """Return a number with three digits, for JSON."""
    return float(f"{number:.3g}")


def overruled(result: Mapping[str, Any], verdict: Health, reason: Reason) -> dict[str, Any]:
    """Return an output of :meth:`Evaluation.to_dict` with another verdict on the same evidence.

    The files with import errors are removed: they may come from a later deploy.
    """
    since = datetime.fromisoformat(result["since"])
    return {
        **result,
        "verdict": verdict.value,
        "reasons": [encode(reason)],
        "import_error_files": None,
        "summary": _summary(result["deployment_id"], result["deploy_id"], since, verdict, (reason,)),
    }


def _summary(
    deployment_id: str | None,
    deploy_id: str | None,
    since: datetime,
    verdict: Health,
    reasons: tuple[Reason, ...],
) -> str:
    what = f"Deploy {deploy_id}" if deploy_id else f"The deploy of {since:%Y-%m-%d %H:%M} UTC"
    of = f" of Deployment {deployment_id}" if deployment_id else ""
    return paragraph(f"{what}{of} is evaluated as {verdict}: {' '.join(map(str, reasons))}")


def explain(evaluation: Evaluation) -> str:
    """Return an evaluation as text for a log."""
    lines = [evaluation.summary]
    if evaluation.rejection is not None:
        lines.append(f"  rejected: {evaluation.rejection.sentence(evaluation.deploy_id or '')}")
    if evaluation.evidence_needed is not None:
        needed = f"{evaluation.evidence_needed:,.0f} is needed for a regression"
        lines.append(f"  evidence against the deploy: {evaluation.evidence:.2g}; {needed}")
    lines += [f"  Dag     {dag}" for dag in evaluation.dags]
    lines += [f"  silent  {dag_id}" for dag_id in evaluation.silent]
    lines += [f"  file    {file}" for file in evaluation.import_errors]
    lines += [f"  health  {name}: {status}" for name, status in evaluation.components.items()]
    if evaluation.left_out:
        counts = ", ".join(f"{number} {why}" for why, number in sorted(evaluation.left_out.items()))
        lines.append(f"  runs that do not count: {counts}")
    return "\n".join(lines)
