# SPDX-License-Identifier: Apache-2.0
"""Evaluates whether a deploy broke the Deployment, from the data of its Airflow alone.

Both verdicts, healthy and regressed, need evidence. Everything else is inconclusive.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from math import exp, log
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.summary import some_of
from airflow_rollback_provider.health.evidence import UNRELIABLE
from airflow_rollback_provider.health.verdict import (
    MOST_DAGS,
    MOST_FILES,
    MOST_NAMES,
    Evaluation,
    FileEvidence,
    Health,
    Reason,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_rollback_provider.domain.rejections import Rejection
    from airflow_rollback_provider.domain.runs import ImportProblem
    from airflow_rollback_provider.health.case import HealthCase
    from airflow_rollback_provider.health.evidence import Evidence

_OK = "healthy"
# A tenth of the evidence that a regression needs prevents the verdict healthy.
_DOUBT = 0.1


@dataclass(frozen=True)
class Observation:
    """The present state of the evaluated Deployment's Airflow.

    :param at: the moment.
    :param import_errors: files that cannot be read.
    :param components: each component with the health status that Airflow reports.
    """

    at: datetime
    import_errors: tuple[ImportProblem, ...] = ()
    components: Mapping[str, str] = field(default_factory=dict)


def evaluate(evidence: Evidence, observation: Observation) -> Evaluation:
    """Evaluate a deploy.

    :param evidence: the runs so far.
    :param observation: the state at this moment. If another deploy followed, only the runs count: the later
        deploy causes the rest. Import errors count after a few minutes: before that, files may still be in
        delivery.
    """
    case = evidence.case
    present = case.superseded_at is None
    files_count = present and observation.at >= case.settled_at
    files = tuple(_file(case, problem) for problem in observation.import_errors) if files_count else ()
    components = dict(observation.components) if present else {}
    verdict, reasons = _verdict(evidence, observation.at, files, components)
    ordered = sorted(files, key=lambda file: (not file.new, file.file))
    names = tuple(sorted(file.file for file in files))
    return Evaluation(
        verdict,
        reasons,
        case.landed_at,
        observation.at,
        case.deployment_id,
        case.deploy_id,
        evidence=exp(evidence.log_value()),
        evidence_needed=1 / case.rule.false_alarms,
        dags=evidence.relevant_dags(),
        silent=evidence.silent(observation.at)[:MOST_DAGS],
        import_errors=tuple(ordered[:MOST_FILES]),
        import_error_files=names if files_count and len(names) <= MOST_NAMES else None,
        components=components,
        left_out=evidence.left_out(),
        rejection=case.rejection,
    )


def _verdict(
    evidence: Evidence, now: datetime, files: Sequence[FileEvidence], components: Mapping[str, str]
) -> tuple[Health, tuple[Reason, ...]]:
    reasons = (*_failing_runs(evidence), *_failing_critical_dags(evidence), *_new_import_errors(files))
    if reasons:
        return Health.REGRESSED, reasons
    incomplete = tuple(_incomplete(evidence.case, now))
    doubts = (
        *_unhealthy_components(components),
        *_import_errors_of_unknown_age(evidence.case, files),
        *(() if incomplete else _no_results(evidence)),
        *_not_evaluated(evidence, now),
        *_worse_but_not_enough(evidence),
    )
    if doubts or (incomplete and not evidence.all_due_succeeded()):
        return Health.INCONCLUSIVE, (*incomplete, *doubts)
    return Health.HEALTHY, (_as_before(evidence),)


def _file(case: HealthCase, problem: ImportProblem) -> FileEvidence:
    if case.known_import_errors is not None:
        return FileEvidence(problem.file, problem.error, problem.file not in case.known_import_errors)
    begin = case.before.begin  # a file that last ran before that may have broken before the deploy
    trusted_from = max(begin, case.trusted_from or begin)
    new = problem.last_run is not None and problem.last_run >= trusted_from
    return FileEvidence(problem.file, problem.error, new)


def without_evidence(case: HealthCase, code: str, message: str, now: datetime) -> Evaluation:
    """Return the evaluation of a deploy whose data could not be read: inconclusive."""
    return Evaluation(
        Health.INCONCLUSIVE,
        (Reason(code, message),),
        case.landed_at,
        now,
        deployment_id=case.deployment_id,
        deploy_id=case.deploy_id,
        rejection=case.rejection,
    )


def rejected_release(case: HealthCase, rejection: Rejection, now: datetime) -> Evaluation:
    """Return the evaluation of a deploy that brings rejected content back: regressed, without evidence."""
    message = (
        f"{rejection.sentence(case.deploy_id or '')} Its runs are not evaluated. If the release is good now, "
        "accept it."
    )
    return replace(without_evidence(case, "REJECTED-RELEASE", message, now), verdict=Health.REGRESSED)


# Reasons for a regression


def _failing_runs(evidence: Evidence) -> Iterator[Reason]:
    broken, rule = evidence.alarming(), evidence.case.rule
    if broken:
        minutes = rule.outage_tolerance.total_seconds() / 60
        yield Reason(
            "RUNS-FAIL",
            f"{len(broken)} Dag(s) that worked before failed every run since the deploy, for more than "
            f"{minutes:.0f} minutes: {some_of(broken)}. {_figures(evidence)}",
        )


def _failing_critical_dags(evidence: Evidence) -> Iterator[Reason]:
    for dag_id, since in evidence.failing_critical_dags().items():
        known = dag_id in evidence.baseline.dags and not since.undecided
        if known and since.failed >= evidence.case.rule.critical_failures:
            yield Reason(
                "CRITICAL-DAG-FAILS",
                f"The critical Dag {dag_id} worked before, and all of its {since.failed} run(s) since the "
                "deploy failed.",
            )


def _new_import_errors(files: Sequence[FileEvidence]) -> Iterator[Reason]:
    new = [file.file for file in files if file.new]
    if new:
        yield Reason(
            "NEW-IMPORT-ERRORS",
            f"{len(new)} Dag file(s) cannot be imported since the deploy: {some_of(new)}.",
        )


# Reasons against the verdict healthy


def _incomplete(case: HealthCase, now: datetime) -> Iterator[Reason]:
    if case.superseded_at is not None and case.superseded_at < case.since.end:
        yield Reason(
            "ANOTHER-DEPLOY",
            f"Another deploy followed at {case.superseded_at:%Y-%m-%d %H:%M} UTC, before each Dag that was "
            "due had succeeded.",
        )
    elif now < case.since.end:
        yield Reason(
            "TOO-EARLY",
            f"Not each Dag that was due has succeeded. The verdict falls at {case.since.end:%Y-%m-%d %H:%M} "
            "UTC at the latest.",
        )


def _unhealthy_components(components: Mapping[str, str]) -> Iterator[Reason]:
    unhealthy = [f"{name} is {status}" for name, status in components.items() if status != _OK]
    if unhealthy:
        yield Reason("UNHEALTHY-COMPONENT", f"Airflow reports: {', '.join(unhealthy)}.")


def _import_errors_of_unknown_age(case: HealthCase, files: Sequence[FileEvidence]) -> Iterator[Reason]:
    if files and case.known_import_errors is None:
        yield Reason(
            "IMPORT-ERRORS-OF-UNKNOWN-AGE",
            f"{len(files)} Dag file(s) cannot be imported, and it is not known whether they could be before "
            f"the deploy: {some_of([file.file for file in files])}.",
        )


def _no_results(evidence: Evidence) -> Iterator[Reason]:
    past = evidence.baseline.dags
    if not any(dag.counts.runs for dag_id, dag in evidence.dags.items() if dag_id in past):
        yield Reason(
            "TOO-FEW-RUNS",
            f"No run counts of a Dag that ran before, too. {len(past)} Dag(s) ran before the deploy.",
        )
    missing = evidence.without_result()
    if missing:
        yield Reason(
            "NO-RESULTS",
            f"{len(missing)} Dag(s) that ran before have finished no run since, although one was due or has "
            f"begun: {some_of(missing)}.",
        )
    critical = evidence.critical_without_result()
    if critical:
        yield Reason("NO-RESULTS", f"No run of critical Dag(s) has finished since: {some_of(critical)}.")


def _not_evaluated(evidence: Evidence, now: datetime) -> Iterator[Reason]:
    stopped = evidence.stopped_upstream(now)
    if stopped:
        yield Reason(
            "UPSTREAM-STOPPED",
            f"{some_of(stopped)} ran before and has begun no run since the deploy, and other Dags fail "
            "because they wait.",
        )
    waited = evidence.only_waited()
    if waited:
        yield Reason(
            "ONLY-WAITED",
            f"{len(waited)} Dag(s) cannot be evaluated, since all their runs failed only because of other "
            f"Dags: {some_of(waited)}.",
        )
    uncounted = evidence.only_uncounted()
    if uncounted:
        yield Reason(
            "ONLY-UNCOUNTED",
            f"{len(uncounted)} Dags worked before and failed every run since, but none of these runs counts, "
            f"since other Dags started them: {some_of(uncounted)}. Add their type to run_types of the rule.",
        )


def _worse_but_not_enough(evidence: Evidence) -> Iterator[Reason]:
    failing = evidence.failing()
    if failing:
        yield Reason(
            "WORSE-BUT-NOT-ENOUGH",
            f"{some_of(failing)} worked before and failed every run since, but that is not enough for a "
            f"regression. {_figures(evidence)}",
        )
    elif max(evidence.log_value(), evidence.log_value(UNRELIABLE)) >= log(
        _DOUBT / evidence.case.rule.false_alarms
    ):
        yield Reason(
            "WORSE-BUT-NOT-ENOUGH",
            "More runs fail than the past of their Dags explains, but Dags that fail also succeed.",
        )
    critical = list(evidence.failing_critical_dags())
    if critical:
        yield Reason(
            "WORSE-BUT-NOT-ENOUGH",
            "Critical Dag(s) failed each run since the deploy, with too few runs before or after for a "
            f"verdict: {some_of(critical)}.",
        )


# Reason for the verdict healthy


def _as_before(evidence: Evidence) -> Reason:
    succeeded = sum(dag.works for dag in evidence.dags.values())
    return Reason("AS-BEFORE", f"{succeeded} Dag(s) have succeeded since the deploy. {_figures(evidence)}")


def _figures(evidence: Evidence) -> str:
    needed = 1 / evidence.case.rule.false_alarms
    value = exp(evidence.log_value())
    return f"The evidence against the deploy is {value:.2g}; a regression needs {needed:,.0f}."
