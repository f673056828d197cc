# SPDX-License-Identifier: Apache-2.0
"""Evaluates whether a deploy broke the Deployment, from the data of its Airflow alone.

Both verdicts, healthy and regressed, need evidence. Everything else is inconclusive.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from airflow_rollback_provider.health.evidence import Evidence, Observation, broken_in_all, count_before
from airflow_rollback_provider.health.verdict import MOST_FILES, MOST_NAMES, Evaluation, Health, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_rollback_provider.domain.runs import Tally
    from airflow_rollback_provider.health.case import HealthCase
    from airflow_rollback_provider.health.verdict import WindowEvidence

__all__ = ["Observation", "count_before", "evaluate", "without_evidence"]

_OK = "healthy"
_MOST_NAMES = 5


def evaluate(case: HealthCase, before: Tally, observation: Observation) -> Evaluation:
    """Evaluate a deploy.

    :param case: the deploy to evaluate.
    :param before: the runs before it, as :func:`count_before` counts them.
    :param observation: the data read now.
    """
    evidence = Evidence(case, before, observation)
    reasons = tuple(_regressions(evidence))
    if reasons:
        return _written(evidence, Health.REGRESSED, reasons)
    doubts = tuple(_doubts(evidence))
    if doubts:
        return _written(evidence, Health.INCONCLUSIVE, doubts)
    return _written(evidence, Health.HEALTHY, (_no_worse(evidence),))


def without_evidence(case: HealthCase, code: str, message: str, now: datetime) -> Evaluation:
    """Return the evaluation of a deploy whose data could not be read: inconclusive."""
    return Evaluation(
        Health.INCONCLUSIVE,
        (Reason(code, message),),
        case.landed_at,
        now,
        deployment_id=case.deployment_id,
        deploy_id=case.deploy_id,
    )


def _written(evidence: Evidence, verdict: Health, reasons: tuple[Reason, ...]) -> Evaluation:
    files = sorted(evidence.files, key=lambda file: (not file.new, file.file))
    return Evaluation(
        verdict,
        reasons,
        evidence.case.landed_at,
        evidence.observation.at,
        evidence.case.deployment_id,
        evidence.case.deploy_id,
        windows=evidence.windows,
        dags=evidence.relevant_dags(),
        silent=evidence.silent_dags(),
        import_errors=tuple(files[:MOST_FILES]),
        import_error_files=_all_names(evidence),
        components=evidence.components,
        left_out=evidence.left_out(),
    )


def _all_names(evidence: Evidence) -> tuple[str, ...] | None:
    if not evidence.knows_files or len(evidence.files) > MOST_NAMES:
        return None
    return tuple(sorted(file.file for file in evidence.files))


# Reasons for a regression


def _regressions(evidence: Evidence) -> Iterator[Reason]:
    yield from _failing_runs(evidence)
    yield from _failing_critical_dags(evidence)
    yield from _new_import_errors(evidence)


def _failing_runs(evidence: Evidence) -> Iterator[Reason]:
    rule = evidence.case.rule
    for first in range(len(evidence.windows) - rule.consecutive_windows + 1):
        row = evidence.windows[first : first + rule.consecutive_windows]
        broken = broken_in_all(row)
        if all(window.complete and window.significant for window in row) and len(broken) >= rule.broken_dags:
            yield Reason(
                "RUNS-FAIL",
                f"In {len(row)} windows in a row more runs failed than before ({_figures(row)}), and "
                f"{len(broken)} Dag(s) that worked before failed every run: {_names(broken)}.",
            )
            return


def _failing_critical_dags(evidence: Evidence) -> Iterator[Reason]:
    least = evidence.case.rule.critical_failures
    for dag_id, after in evidence.failing_critical_dags():
        decided = evidence.worked(dag_id) and not evidence.is_undecided(dag_id)
        if decided and after.failed >= least:
            yield Reason(
                "CRITICAL-DAG-FAILS",
                f"The critical Dag {dag_id} worked before, and all of its {after.failed} run(s) since the "
                "deploy failed.",
            )


def _new_import_errors(evidence: Evidence) -> Iterator[Reason]:
    new = [file.file for file in evidence.files if file.new]
    if new:
        yield Reason(
            "NEW-IMPORT-ERRORS",
            f"{len(new)} Dag file(s) cannot be imported since the deploy: {_names(new)}.",
        )


# Reasons against the verdict healthy


def _doubts(evidence: Evidence) -> Iterator[Reason]:
    yield from _incomplete(evidence)
    yield from _unhealthy_components(evidence)
    yield from _import_errors_of_unknown_age(evidence)
    yield from _too_few_runs(evidence)
    yield from _no_results(evidence)
    yield from _worse_but_not_enough(evidence)


def _incomplete(evidence: Evidence) -> Iterator[Reason]:
    case = evidence.case
    if evidence.complete:
        return
    if case.superseded_at is not None:
        yield Reason(
            "ANOTHER-DEPLOY",
            f"Another deploy followed at {case.superseded_at:%Y-%m-%d %H:%M} UTC, before the windows of this "
            "deploy ended.",
        )
    else:
        yield Reason("TOO-EARLY", f"The windows end at {case.verdict_at:%Y-%m-%d %H:%M} UTC.")


def _unhealthy_components(evidence: Evidence) -> Iterator[Reason]:
    unhealthy = [f"{name} is {status}" for name, status in evidence.components.items() if status != _OK]
    if unhealthy:
        yield Reason("UNHEALTHY-COMPONENT", f"Airflow reports: {', '.join(unhealthy)}.")


def _import_errors_of_unknown_age(evidence: Evidence) -> Iterator[Reason]:
    files = [file.file for file in evidence.files]
    if files and evidence.case.known_import_errors is None:
        yield Reason(
            "IMPORT-ERRORS-OF-UNKNOWN-AGE",
            f"{len(files)} Dag file(s) cannot be imported, and it is not known whether they could be before "
            f"the deploy: {_names(files)}.",
        )


def _too_few_runs(evidence: Evidence) -> Iterator[Reason]:
    least = evidence.case.rule.min_runs
    for number, window in enumerate(evidence.windows, start=1):
        if window.complete and min(window.before.runs, window.after.runs) < least:
            yield Reason(
                "TOO-FEW-RUNS",
                f"Of the Dags that ran before and after, {window.after.runs} run(s) in window {number} and "
                f"{window.before.runs} run(s) before count; {least} of each are needed.",
            )


def _no_results(evidence: Evidence) -> Iterator[Reason]:
    missing = evidence.without_result()
    if missing:
        yield Reason(
            "NO-RESULTS",
            f"{len(missing)} Dag(s) that ran before have finished no run since, although one was due or has "
            f"begun: {_names(missing)}.",
        )
    critical = evidence.critical_without_result()
    if critical:
        yield Reason("NO-RESULTS", f"No run of critical Dag(s) has finished since: {_names(critical)}.")


def _worse_but_not_enough(evidence: Evidence) -> Iterator[Reason]:
    """Yield problems among the runs that have ended, which unfinished runs must not hide."""
    rule, windows = evidence.case.rule, evidence.windows_of_ended_runs
    last, broken = windows[-1], broken_in_all(windows)
    if evidence.windows[-1].complete and last.significant:
        yield Reason(
            "WORSE-BUT-NOT-ENOUGH",
            f"More runs failed than before ({_figures([last])}), but not in {rule.consecutive_windows} "
            "windows in a row "
            f"with {rule.broken_dags} Dags that failed every run.",
        )
    elif broken and evidence.complete:
        yield Reason(
            "WORSE-BUT-NOT-ENOUGH",
            f"{_names(broken)} worked before and failed every run since, but chance explains the total of "
            "failed runs.",
        )
    failing = [dag_id for dag_id, _ in evidence.failing_critical_dags()]
    if failing:
        yield Reason(
            "WORSE-BUT-NOT-ENOUGH",
            "Critical Dag(s) failed each run since the deploy, with too few runs before or after for a "
            f"verdict: {_names(failing)}.",
        )


# Reason for the verdict healthy


def _no_worse(evidence: Evidence) -> Reason:
    return Reason("AS-BEFORE", f"No more runs failed than before ({_figures(evidence.windows)}).")


def _figures(windows: Sequence[WindowEvidence]) -> str:
    return "; ".join(f"{x.after}, before {x.before}, p = {x.p_value:.2g}" for x in windows)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
