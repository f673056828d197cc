# SPDX-License-Identifier: Apache-2.0
"""The evaluation: regressed, healthy and inconclusive deploys."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.runs import DagRun, ImportProblem
from airflow_rollback_provider.health.evaluate import without_evidence
from airflow_rollback_provider.health.verdict import (
    MOST_DAGS,
    MOST_FILES,
    MOST_NAMES,
    Evaluation,
    Health,
    Reason,
    explain,
    overruled,
)
from tests.support.health_cases import LANDED, before, case, evaluated, going, hourly, run, usual

BAD = (10, 11, 12)


def codes(evaluation: Evaluation) -> list[str]:
    """The reasons' codes."""
    return [reason.code for reason in evaluation.reasons]


def at(minutes: float) -> datetime:
    """A time after the landing."""
    return LANDED + timedelta(minutes=minutes)


def waiting(dag_id: str, *upstream: str) -> list[DagRun]:
    """Runs that failed because they waited for another Dag."""
    return [
        run(dag_id, minute, state="failed", upstream=True, waited_for=upstream) for minute in (9, 39, 69, 99)
    ]


# Healthy


def test_every_dag_that_was_due_has_succeeded() -> None:
    """The deploy is healthy as soon as the last of them has, long before the horizon."""
    rows = [run(f"dag_{number:02}", 6 + number) for number in range(20)]
    found = evaluated(case(), usual(), rows, at=at(30))
    assert (found.verdict, codes(found)) == (Health.HEALTHY, ["AS-BEFORE"])
    found = evaluated(case(), usual(), rows[:-1], at=at(30))
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["TOO-EARLY"])
    found = evaluated(case(), usual(), [*rows[:-1], run("dag_19", 3)], at=at(30))
    assert codes(found) == ["TOO-EARLY"]  # the content before may have run it


def test_a_dag_that_was_not_due_is_not_waited_for() -> None:
    """A daily Dag delays no verdict, unless it has begun or is critical; a new Dag never does."""
    rows = [run(f"dag_{number:02}", 6) for number in range(20)]
    past = [*usual(), *before("daily", "+")]
    assert evaluated(case(), past, rows, at=at(30)).verdict is Health.HEALTHY
    assert codes(evaluated(case(), past, [*rows, going("daily", 9)], at=at(30))) == ["TOO-EARLY"]
    assert codes(evaluated(case(critical=("daily",)), past, rows, at=at(30))) == ["TOO-EARLY"]
    assert evaluated(case(), past, [*rows, going("new", 9)], at=at(30)).verdict is Health.HEALTHY


def test_at_the_horizon_a_few_dags_may_be_missing() -> None:
    """One Dag may be slow, or removed on purpose."""
    for rows in (hourly(19), [*hourly(19), going("dag_19", 9)]):
        found = evaluated(case(), usual(), rows)
        assert (found.verdict, codes(found)) == (Health.HEALTHY, ["AS-BEFORE"])
    assert evaluated(case(), usual(), hourly(19)).silent == ("dag_19",)


def test_failures_that_are_as_before() -> None:
    """A Dag that fails as it did before prevents no verdict."""
    past = [*usual(19), *before("dag_19", "+" * 20 + "--" + "++")]
    assert evaluated(case(), past, hourly(failed=[19])).verdict is Health.HEALTHY


def test_a_deploy_that_repairs_dags() -> None:
    """Dags that failed before and succeed now are no evidence against it."""
    repaired = ("dag_18", "dag_19")
    past = [*usual(18), *(row for dag_id in repaired for row in before(dag_id, "-" * 96))]
    rows = [*hourly(18), *(run(dag_id, 6 + 15 * turn) for dag_id in repaired for turn in range(8))]
    found = evaluated(case(), past, rows)
    assert (found.verdict, codes(found)) == (Health.HEALTHY, ["AS-BEFORE"])


# Regressed


def test_dags_that_fail_every_run() -> None:
    """The deploy is a regression before the horizon; the summary names the Dags and the evidence."""
    found = evaluated(case(), usual(), hourly(failed=BAD), at=at(80))
    assert (found.verdict, codes(found)) == (Health.REGRESSED, ["RUNS-FAIL"])
    assert [dag.dag_id for dag in found.dags if dag.broken] == ["dag_10", "dag_11", "dag_12"]
    assert "for more than 30 minutes: dag_10, dag_11, dag_12. The evidence against" in found.summary
    assert found.evidence >= found.evidence_needed == 1000  # type: ignore[operator]


def test_fewer_false_alarms_need_more_evidence() -> None:
    """The parameter is the probability of a false alarm."""
    rule = {"false_alarms": 1e-12}
    found = evaluated(case(rule=rule), usual(), hourly(failed=BAD[:2]))
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["WORSE-BUT-NOT-ENOUGH"])


# Critical Dags


def test_a_critical_dag_that_fails_its_runs() -> None:
    """It is a regression alone, and at once."""
    rows = [run("dag_07", minute, state="failed") for minute in (6, 16)]
    found = evaluated(case(critical=("dag_07",)), usual(), rows, at=at(20))
    assert (found.verdict, codes(found)) == (Health.REGRESSED, ["CRITICAL-DAG-FAILS"])
    assert found.dags[0].critical


@pytest.mark.parametrize(
    ("past", "outcomes", "verdict"),
    [
        ("+" * 24, "++-", Health.HEALTHY),
        ("+" * 24, "-", Health.INCONCLUSIVE),
        ("+" * 4 + "-" * 20, "----", Health.HEALTHY),
        ("", "----", Health.INCONCLUSIVE),
        ("", "++", Health.HEALTHY),
    ],
    ids=["one succeeded", "one failure", "failed before", "nothing before", "nothing before, and works"],
)
def test_a_critical_dag_that_does_not_count(past: str, outcomes: str, verdict: Health) -> None:
    """It must have worked before and fail all of enough runs; if that is not known it is inconclusive."""
    rows = [
        run("vital", 6 + number, state="success" if outcome == "+" else "failed")
        for number, outcome in enumerate(outcomes)
    ]
    found = evaluated(case(critical=("vital",)), [*usual(), *before("vital", past)], [*hourly(), *rows])
    assert found.verdict is verdict


def test_critical_failures() -> None:
    """The rule sets the number of failures, for example for a daily Dag."""
    what = case(critical=("dag_07",), rule={"critical_failures": 1})
    assert evaluated(what, usual(), [run("dag_07", state="failed")]).verdict is Health.REGRESSED


def test_a_critical_dag_whose_other_runs_go_on() -> None:
    """Unfinished runs may succeed, and then not all of its runs have failed."""
    rows = [*hourly(failed=[10]), going("dag_10", 6)]
    found = evaluated(case(critical=("dag_10",)), usual(), rows)
    assert (found.verdict, codes(found)[-1]) == (Health.INCONCLUSIVE, "WORSE-BUT-NOT-ENOUGH")
    assert "Critical Dag(s) failed each run" in found.summary


@pytest.mark.parametrize("more", [[], [going("dag_19", 9)]], ids=["silent", "hangs"])
@pytest.mark.parametrize("past", ["+" * 24, "+"], ids=["often", "seldom"])
def test_a_critical_dag_that_has_finished_nothing_since(past: str, more: list[DagRun]) -> None:
    """Without a run it is not known whether it works, even if it runs rarely."""
    rows = [*hourly(19), *more]
    found = evaluated(case(critical=("dag_19",)), [*usual(19), *before("dag_19", past)], rows)
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["NO-RESULTS"])
    assert "critical" in found.summary


# Import errors


@pytest.mark.parametrize(
    ("last_run", "known", "trusted", "verdict"),
    [
        (LANDED - timedelta(hours=1), None, None, Health.REGRESSED),
        (None, None, None, Health.INCONCLUSIVE),
        (LANDED - timedelta(hours=30), None, None, Health.INCONCLUSIVE),
        (LANDED - timedelta(hours=20), None, LANDED - timedelta(hours=40), Health.REGRESSED),
        (LANDED - timedelta(hours=30), None, LANDED - timedelta(hours=40), Health.INCONCLUSIVE),
        (LANDED - timedelta(hours=1), None, LANDED - timedelta(minutes=5), Health.INCONCLUSIVE),
        (None, (), None, Health.REGRESSED),
        (LANDED - timedelta(hours=1), ("broken.py",), None, Health.HEALTHY),
    ],
    ids=[
        "its Dag ran before",
        "its Dags never ran",
        "its Dag ran long ago",
        "its Dag ran under the last deploy",
        "its Dag ran under the last deploy, but long ago",
        "its Dag ran under an older deploy",
        "not among those that are known",
        "among those that are known",
    ],
)
def test_import_errors(last_run: Any, known: Any, trusted: Any, verdict: Health) -> None:
    """A file is new if its Dags ran just before the deploy, or if it is not among the known errors."""
    what = case(known_import_errors=known, trusted_from=trusted)
    problem = ImportProblem("broken.py", "SyntaxError: invalid syntax", last_run)
    found = evaluated(what, usual(), hourly(), import_errors=[problem])
    assert found.verdict is verdict
    assert [(file.file, file.new) for file in found.import_errors] == [
        ("broken.py", verdict is Health.REGRESSED)
    ]


def test_an_import_error_that_may_be_old_or_new() -> None:
    """The result is inconclusive; ``known_import_errors`` can decide."""
    problem = ImportProblem("new.py", "ModuleNotFoundError")
    found = evaluated(case(), usual(), hourly(), import_errors=[problem])
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["IMPORT-ERRORS-OF-UNKNOWN-AGE"])
    assert "new.py" in found.summary


def test_all_import_errors_are_known_to_the_next_health_check() -> None:
    """The result names more files than it shows with their errors."""
    problems = [ImportProblem(f"old_{number:02}.py", "E") for number in range(MOST_FILES + 2)]
    first = evaluated(case(), usual(), hourly(), import_errors=problems).to_dict()
    known = first["import_error_files"]
    assert (len(first["import_errors"]), len(known)) == (MOST_FILES, len(problems))
    again = case(known_import_errors=tuple(known))
    assert evaluated(again, usual(), hourly(), import_errors=problems).verdict is Health.HEALTHY
    problems.append(ImportProblem("new.py", "E"))
    assert evaluated(again, usual(), hourly(), import_errors=problems).verdict is Health.REGRESSED


def test_incomplete_file_names_are_left_out() -> None:
    """Too many files, files of another deploy, or files not read: unknown files must not count as new."""
    problems = [ImportProblem(f"{number}.py", "E") for number in range(MOST_NAMES + 1)]
    full = evaluated(case(), usual(), hourly(), import_errors=problems[1:])
    assert len(full.to_dict()["import_error_files"]) == MOST_NAMES
    assert evaluated(case(), [], [], import_errors=problems).import_error_files is None
    assert evaluated(case(), [], [], at=LANDED, import_errors=problems[:1]).import_error_files is None
    assert (
        evaluated(case(superseded_at=LANDED), [], [], import_errors=problems[:1]).import_error_files is None
    )
    assert without_evidence(case(), "API-ERROR", "No answer.", LANDED).import_error_files is None
    later = overruled(full.to_dict(), Health.INCONCLUSIVE, Reason("ANOTHER-DEPLOY", "One came."))
    assert later["import_error_files"] is None


def test_a_new_import_error_needs_no_runs() -> None:
    """It is reported at once, but not while files are still delivered."""
    problem = ImportProblem("broken.py", "SyntaxError", LANDED - timedelta(minutes=9))
    found = evaluated(case(), usual(), [], at=LANDED + timedelta(minutes=6), import_errors=[problem])
    assert (found.verdict, codes(found)) == (Health.REGRESSED, ["NEW-IMPORT-ERRORS"])
    found = evaluated(case(), usual(), [], at=LANDED + timedelta(minutes=4), import_errors=[problem])
    assert codes(found) == ["TOO-EARLY"]


# Inconclusive


@pytest.mark.parametrize("status", ["unhealthy", "unknown"])
def test_a_component_that_is_not_healthy(status: str) -> None:
    """The deploy is not healthy, and not regressed for this reason alone."""
    found = evaluated(case(), usual(), hourly(), components={"scheduler": status, "triggerer": "healthy"})
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["UNHEALTHY-COMPONENT"])
    assert f"scheduler is {status}" in found.summary


@pytest.mark.parametrize(
    ("past", "rows"),
    [([], hourly()), (usual(1), []), (before("daily", "+"), [])],
    ids=["none before", "none after", "none due"],
)
def test_too_few_runs(past: list[DagRun], rows: list[DagRun]) -> None:
    """A lack of evidence is never healthy."""
    found = evaluated(case(), past, rows)
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["TOO-FEW-RUNS"])


@pytest.mark.parametrize(
    "rows",
    [
        [*hourly(6), *(going(f"dag_{number:02}", 9) for number in range(6, 20))],
        hourly(6),
        [*hourly(18), going("dag_18", 9)],
    ],
    ids=["many hang", "many are silent", "one hangs and one is silent"],
)
def test_dags_that_have_finished_nothing_since(rows: list[DagRun]) -> None:
    """Runs that never end or never begin are no evidence of health."""
    found = evaluated(case(), usual(), rows)
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["NO-RESULTS"])


def test_few_dags_of_many_that_have_finished_nothing_since() -> None:
    """Less than a tenth of the due Dags may be removed or slow; Dags that were not due do not count."""
    nightly = [row for number in range(40) for row in before(f"nightly_{number}", "+")]
    assert evaluated(case(), [*usual(40), *nightly], hourly(37)).verdict is Health.HEALTHY
    assert codes(evaluated(case(), [*usual(40), *nightly], hourly(36))) == ["NO-RESULTS"]


@pytest.mark.parametrize("named", [(), ("dag_00",)], ids=["not named", "named by the sensors"])
def test_an_upstream_that_stopped(named: tuple[str, ...]) -> None:
    """One Dag does not run since the deploy, and most others wait for it: it is named."""
    rows = [row for number in range(10, 20) for row in waiting(f"dag_{number:02}", *named)]
    found = evaluated(case(), usual(), [*hourly(10, first=1), *rows])
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["UPSTREAM-STOPPED", "ONLY-WAITED"])
    assert "dag_00 ran before and has begun no run since" in found.summary
    assert "10 Dag(s) cannot be evaluated" in found.summary


def test_dags_that_only_wait_for_others() -> None:
    """They are not silent, but their own health is unknown, even if only one of them waits."""
    found = evaluated(case(), usual(), [*hourly(19), *waiting("dag_19", "dag_00")])
    assert (found.verdict, codes(found), found.silent) == (Health.INCONCLUSIVE, ["ONLY-WAITED"], ())
    assert found.left_out == {"upstream failed": 4}
    once = [*hourly(), *waiting("dag_19", "dag_00")]
    assert evaluated(case(), usual(), once).verdict is Health.HEALTHY


@pytest.mark.parametrize("kind", ["asset_triggered", "dataset_triggered"])
def test_dags_that_others_start_are_not_called_healthy(kind: str) -> None:
    """Their runs do not count, but two that worked before and fail each run since are named."""
    past = [*usual(), *(run(dag_id, -60, run_type=kind) for dag_id in ("fed_1", "fed_2"))]
    one = [*hourly(), run("fed_1", 9, run_type=kind, state="failed")]
    assert evaluated(case(), past, one).verdict is Health.HEALTHY
    two = [*one, run("fed_2", 9, run_type=kind, state="failed")]
    found = evaluated(case(), past, two)
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["ONLY-UNCOUNTED"])
    assert "fed_1, fed_2" in found.summary
    again = [*two, run("fed_2", 19, run_type=kind)]
    assert evaluated(case(), past, again).verdict is Health.HEALTHY
    assert evaluated(case(), usual(), two).verdict is Health.HEALTHY
    manual = [run(row.dag_id, 9, run_type="manual", state="failed") for row in two[-2:]]
    assert evaluated(case(), past, [*hourly(), *manual]).verdict is Health.HEALTHY


def test_a_silent_dag_is_no_upstream_if_the_sensors_name_another() -> None:
    """It may have been removed on purpose."""
    rows = [*hourly(19, first=1), *waiting("dag_19", "dag_01")]
    assert codes(evaluated(case(), usual(), rows)) == ["ONLY-WAITED"]


def test_one_dag_that_fails_every_run() -> None:
    """It is no regression without a second one, but not healthy."""
    found = evaluated(case(), usual(), hourly(failed=[10]))
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["WORSE-BUT-NOT-ENOUGH"])
    assert "dag_10 worked before" in found.summary


def test_dags_that_fail_every_other_run() -> None:
    """They are not broken, but the deploy is not healthy, early or late."""
    rows = [
        run(f"dag_{number:02}", 6 + 10 * turn, state="failed" if number < 10 and turn % 2 else "success")
        for number in range(20)
        for turn in range(6)
    ]
    for moment in (at(70), None):
        found = evaluated(case(), usual(), rows, at=moment)
        assert codes(found)[-1] == "WORSE-BUT-NOT-ENOUGH"
        assert "also succeed" in found.summary


def test_another_deploy_came_too_early() -> None:
    """Runs, errors and components of the later deploy do not count; what was proved before it does."""
    problem = ImportProblem("broken.py", "SyntaxError", LANDED - timedelta(minutes=9))
    found = evaluated(
        case(superseded_at=at(30)),
        usual(),
        hourly(failed=BAD),
        import_errors=[problem],
        components={"scheduler": "unhealthy"},
    )
    assert (found.verdict, codes(found)[0]) == (Health.INCONCLUSIVE, "ANOTHER-DEPLOY")
    assert found.import_errors == ()
    late = evaluated(case(superseded_at=at(100)), usual(), hourly(failed=BAD))
    assert late.verdict is Health.REGRESSED


def test_without_evidence() -> None:
    """The evaluation is inconclusive and names any error in one paragraph."""
    found = without_evidence(case(deploy_id="d1"), "API-ERROR", "Airflow does not answer.", LANDED)
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["API-ERROR"])
    assert found.summary == "Deploy d1 is evaluated as inconclusive: Airflow does not answer."
    found = without_evidence(case(), "API-ERROR", "No answer.\n- one\n" + "more " * 1000, LANDED)
    assert len(found.summary.splitlines()) == 1
    assert len(found.summary) <= 1200
    assert "No answer. - one more" in found.to_dict()["summary"]


# Properties

OUTCOMES = st.dictionaries(st.sampled_from("abcdef"), st.text("+-", min_size=1, max_size=26))


def since(outcomes: dict[str, str]) -> list[DagRun]:
    """Runs after the landing, one every four minutes."""
    return [
        run(dag_id, 4 * number, state="success" if outcome == "+" else "failed")
        for dag_id, text in outcomes.items()
        for number, outcome in enumerate(text)
    ]


def past(outcomes: dict[str, str]) -> list[DagRun]:
    """Runs before the deploy."""
    return [row for dag_id, text in outcomes.items() for row in before(dag_id, text)]


@given(OUTCOMES, OUTCOMES)
def test_a_deploy_without_a_failure_is_never_a_regression(old: Any, new: Any) -> None:
    """This holds for any runs before."""
    good = {dag_id: "+" * len(text) for dag_id, text in new.items()}
    assert evaluated(case(), past(old), since(good)).verdict is not Health.REGRESSED


@given(OUTCOMES, OUTCOMES, st.lists(st.sampled_from("abcdef")))
def test_runs_that_go_on_only_add_doubt(old: Any, new: Any, unfinished: Any) -> None:
    """Unfinished runs never turn a verdict into regressed or healthy."""
    what = case(critical=("a", "b"))
    without = evaluated(what, past(old), since(new)).verdict
    more = [going(dag_id, 7) for dag_id in unfinished]
    assert evaluated(what, past(old), [*since(new), *more]).verdict in (without, Health.INCONCLUSIVE)


@given(OUTCOMES, OUTCOMES, st.integers(0, 130))
def test_healthy_needs_evidence(old: Any, new: Any, minutes: int) -> None:
    """A Dag that ran before has run, and no Dag that worked fails every run, at any time."""
    found = evaluated(case(), past(old), since(new), at=at(minutes))
    if found.verdict is Health.HEALTHY:
        assert any(new.get(dag_id) for dag_id in old)
        assert found.evidence < 100
        assert not [dag for dag in found.dags if dag.broken and not dag.since.succeeded]


# The evidence


def test_the_evidence_is_small_and_json() -> None:
    """A thousand broken Dags and files fit an XCom."""
    names = [f"a_rather_long_name_of_a_dag_{number:04}" for number in range(1000)]
    errors = [ImportProblem(f"{name}.py", "E" * 200, LANDED - timedelta(hours=1)) for name in names]
    old, new = past(dict.fromkeys(names, "+" * 9)), since(dict.fromkeys(names, "-" * 20))
    found = evaluated(case(critical=tuple(names[:3])), old, new, import_errors=errors)
    assert len(json.dumps(found.to_dict(), allow_nan=False)) < 20_000
    assert (len(found.dags), len(found.import_errors)) == (MOST_DAGS, MOST_FILES)
    few = evaluated(case(), [], [], import_errors=errors[:MOST_NAMES])
    assert len(json.dumps(few.to_dict())) < 20_000
    assert len(found.summary) < 2_000


def test_the_evidence_as_text() -> None:
    """The text contains each part of the evidence."""
    problem = ImportProblem("old.py", "SyntaxError: here")
    rows = [*hourly(failed=BAD), run("dag_03", 9, run_type="manual")]
    what = case(critical=("dag_02",))
    found = evaluated(what, [*usual(), *before("gone", "+" * 48)], rows, import_errors=[problem])
    text = explain(found)
    for part in (
        "is evaluated as regressed: 3 Dag(s) that worked before failed every run",
        "evidence against the deploy: ",
        "1,000 is needed for a regression",
        "dag_10: before 0 of 24 failed, since 2 of 2 failed, factor 1.1e+03 BROKEN",
        "dag_02: before 0 of 24 failed, since 0 of 2 failed, factor 0.0026 critical",
        "silent  gone",
        "old.py: SyntaxError: here (not known to be new)",
        "scheduler: healthy",
        "runs that do not count: 1 manual",
    ):
        assert part in text
