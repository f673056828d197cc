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

    from airflow_rollback_provider.domain.runs import Counts, Period

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
class WindowEvidence:
    """One window after the deploy and the time before, both with the Dags that have runs in both.

    :param period: the window.
    :param complete: whether it is over and its runs have had time to end.
    :param unfinished: number of runs that started in it and have not ended.
    :param p_value: probability of so many more failures by chance, if all unfinished runs succeed.
    :param significant: whether the p-value is small enough.
    :param broken: Dags that worked before and failed every run in it, without an unfinished run that may
        succeed.
    """

    period: Period
    complete: bool
    before: Counts
    after: Counts
    unfinished: int
    p_value: float
    significant: bool
    broken: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "begin": self.period.begin.isoformat(),
            "end": self.period.end.isoformat(),
            "complete": self.complete,
            "before": encode(self.before),
            "after": encode(self.after),
            "unfinished": self.unfinished,
            "p_value": float(f"{self.p_value:.3g}"),
            "significant": self.significant,
            "broken": list(self.broken[:MOST_DAGS]),
        }

    def __str__(self) -> str:
        state = "significant" if self.significant else "not significant"
        return (
            f"{self.period} UTC{'' if self.complete else ' (not over)'}: {self.after}, before {self.before}, "
            f"p = {self.p_value:.2g}, {state}, {len(self.broken)} broken Dag(s)"
        )


@dataclass(frozen=True)
class DagEvidence:
    """One Dag before the deploy and in each window after it."""

    dag_id: str
    before: Counts
    after: tuple[Counts, ...]
    broken: bool
    critical: bool

    @property
    def failed(self) -> int:
        """Failed runs after the deploy."""
        return sum(counts.failed for counts in self.after)

    def __str__(self) -> str:
        after = ", then ".join(str(counts) for counts in self.after)
        marks = (" BROKEN" if self.broken else "") + (" critical" if self.critical else "")
        return f"{self.dag_id}: before {self.before}, after {after}{marks}"


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

    :param verdict: the verdict.
    :param reasons: its reasons, gravest first.
    :param since: when the deploy had landed.
    :param evaluated_at: when it was evaluated.
    :param windows: the windows.
    :param dags: the most important Dags, at most :data:`MOST_DAGS`.
    :param silent: Dags that ran often before and did not run after.
    :param import_errors: files that cannot be imported, at most :data:`MOST_FILES`.
    :param import_error_files: names of all files that cannot be imported; None if they are not known or are
        more than :data:`MOST_NAMES`.
    :param components: Airflow's components with the health status that Airflow reports.
    :param left_out: reasons why runs do not count, with their numbers, before and after together.
    """

    verdict: Health
    reasons: tuple[Reason, ...]
    since: datetime
    evaluated_at: datetime
    deployment_id: str | None = None
    deploy_id: str | None = None
    windows: tuple[WindowEvidence, ...] = ()
    dags: tuple[DagEvidence, ...] = ()
    silent: tuple[str, ...] = ()
    import_errors: tuple[FileEvidence, ...] = ()
    import_error_files: tuple[str, ...] | None = None
    components: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """One paragraph for a chat message."""
        return _summary(self.deployment_id, self.deploy_id, self.since, self.verdict, self.reasons)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "verdict": self.verdict.value,
            "deployment_id": self.deployment_id,
            "deploy_id": self.deploy_id,
            "since": self.since.isoformat(),
            "evaluated_at": self.evaluated_at.isoformat(),
            "summary": self.summary,
            "reasons": encode(self.reasons),
            "windows": [window.to_dict() for window in self.windows],
            "dags": encode(self.dags),
            "silent": encode(self.silent),
            "import_errors": encode(self.import_errors),
            "import_error_files": encode(self.import_error_files),
            "components": dict(self.components),
            "left_out": dict(self.left_out),
        }


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
    lines += [f"  window  {window}" for window in evaluation.windows]
    lines += [f"  Dag     {dag}" for dag in evaluation.dags]
    lines += [f"  silent  {dag_id}" for dag_id in evaluation.silent]
    lines += [f"  file    {file}" for file in evaluation.import_errors]
    lines += [f"  health  {name}: {status}" for name, status in evaluation.components.items()]
    if evaluation.left_out:
        counts = ", ".join(f"{number} {why}" for why, number in sorted(evaluation.left_out.items()))
        lines.append(f"  runs that do not count: {counts}")
    return "\n".join(lines)
