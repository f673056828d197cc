# SPDX-License-Identifier: Apache-2.0
"""The evaluation: regressed, healthy and inconclusive deploys."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
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
from tests.support.health_cases import LANDED, case, evaluated, run

# Twenty hourly Dags for a day, with a few failures; and one window of these Dags without failures.
USUAL = {f"dag_{number:02}": (23, 1) if number < 4 else (24, 0) for number in range(20)}
NO_FAILURES = dict.fromkeys(USUAL, (2, 0))
BROKEN = {"dag_10": (0, 2), "dag_11": (0, 2), "dag_12": (0, 2)}
WORSE = {**NO_FAILURES, **BROKEN}


def codes(evaluation: Evaluation) -> list[str]:
    """The reasons' codes."""
    return [reason.code for reason in evaluation.reasons]


def going(*dag_ids: str, times: int = 1, windows: tuple[int, ...] = (0, 1)) -> list[DagRun]:
    """Runs that began in some windows and have not ended."""
    periods = [case().windows[number] for number in windows for _ in range(times)]
    return [run(dag_id, period, state="running", ended_at=None) for dag_id in dag_ids for period in periods]


def only(number: int) -> dict[str, tuple[int, int]]:
    """A window in which only some of the usual Dags ran."""
    return dict(list(NO_FAILURES.items())[:number])


def test_all_as_before() -> None:
    """A deploy that changed nothing is healthy."""
    found = evaluated(case(), USUAL, NO_FAILURES, NO_FAILURES)
    assert (found.verdict, codes(found)) == (Health.HEALTHY, ["AS-BEFORE"])


def test_dags_that_fail_every_run_in_two_windows() -> None:
    """Two windows in a row are significant, and more than two Dags are broken in both."""
    found = evaluated(case(), USUAL, WORSE, WORSE)
    assert (found.verdict, codes(found)) == (Health.REGRESSED, ["RUNS-FAIL"])
    assert all(window.significant and window.broken == tuple(BROKEN) for window in found.windows)
    assert [dag.dag_id for dag in found.dags if dag.broken] == list(BROKEN)
    assert "dag_10, dag_11, dag_12" in found.summary


@pytest.mark.parametrize(
    ("windows", "verdict", "code"),
    [
        ((WORSE, NO_FAILURES), Health.HEALTHY, "AS-BEFORE"),
        ((NO_FAILURES, WORSE), Health.INCONCLUSIVE, "WORSE-BUT-NOT-ENOUGH"),
        ((WORSE, {**NO_FAILURES, "dag_10": (0, 9)}), Health.INCONCLUSIVE, "WORSE-BUT-NOT-ENOUGH"),
        (
            (WORSE, {**NO_FAILURES, **dict.fromkeys(BROKEN, (1, 3))}),
            Health.INCONCLUSIVE,
            "WORSE-BUT-NOT-ENOUGH",
        ),
        (({**NO_FAILURES, "dag_10": (0, 9)},) * 2, Health.INCONCLUSIVE, "WORSE-BUT-NOT-ENOUGH"),
        (({**NO_FAILURES, "dag_10": (0, 1)},) * 2, Health.INCONCLUSIVE, "WORSE-BUT-NOT-ENOUGH"),
    ],
    ids=[
        "an outage that passed",
        "only just begun",
        "one stays broken",
        "some succeed",
        "one Dag",
        "one, rarely",
    ],
)
def test_short_of_a_regression(windows: Any, verdict: Health, code: str) -> None:
    """One window, one Dag, or Dags that succeed now and then are not enough."""
    found = evaluated(case(), USUAL, *windows)
    assert (found.verdict, codes(found)) == (verdict, [code])


def test_two_windows_in_a_row_of_three() -> None:
    """With more windows, any two in a row count; two with a good one between them do not."""
    three = case(rule={"windows": 3})
    assert evaluated(three, USUAL, NO_FAILURES, WORSE, WORSE).verdict is Health.REGRESSED
    assert evaluated(three, USUAL, WORSE, WORSE, NO_FAILURES).verdict is Health.REGRESSED
    assert evaluated(three, USUAL, WORSE, NO_FAILURES, WORSE).verdict is Health.INCONCLUSIVE


def test_dags_that_did_not_work_before() -> None:
    """The deploy does not cause failures of Dags that failed before it."""
    before = {**USUAL, **dict.fromkeys(BROKEN, (4, 20))}
    assert evaluated(case(), before, WORSE, WORSE).verdict is not Health.REGRESSED


def test_new_dags_are_not_compared() -> None:
    """Dags without a run before the deploy do not count."""
    found = evaluated(
        case(), USUAL, {**NO_FAILURES, "new_a": (0, 9), "new_b": (0, 9)}, {**NO_FAILURES, "new_a": (0, 9)}
    )
    assert found.verdict is Health.HEALTHY
    assert found.windows[0].after.failed == 0


def test_dags_that_run_at_other_times_are_not_compared() -> None:
    """A Dag that fails every night is no evidence for the hours after a deploy at noon."""
    found = evaluated(case(), {**USUAL, "nightly": (0, 500)}, WORSE, WORSE)
    assert found.windows[0].before.failed == 4
    assert found.verdict is Health.REGRESSED


# Critical Dags


def test_a_critical_dag_that_fails_its_runs() -> None:
    """It is a regression alone, and before the windows end."""
    what = case(critical=("dag_07",))
    found = evaluated(what, USUAL, {"dag_07": (0, 2)}, at=LANDED + timedelta(minutes=20))
    assert (found.verdict, codes(found)) == (Health.REGRESSED, ["CRITICAL-DAG-FAILS"])
    assert found.dags[0].critical


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((24, 0), (1, 9), Health.HEALTHY),
        ((24, 0), (0, 1), Health.INCONCLUSIVE),
        ((4, 20), (0, 9), Health.HEALTHY),
        ((0, 0), (0, 9), Health.INCONCLUSIVE),
        ((0, 0), (9, 0), Health.HEALTHY),
    ],
    ids=["one succeeded", "one failure", "failed before", "nothing before", "nothing before, and works"],
)
def test_a_critical_dag_that_does_not_count(before: Any, after: Any, verdict: Health) -> None:
    """It must have worked before and fail all of enough runs; if that is not known it is inconclusive."""
    what = case(critical=("vital",), rule={"significance": 1e-9})
    found = evaluated(what, {**USUAL, "vital": before}, {**NO_FAILURES, "vital": after}, NO_FAILURES)
    assert found.verdict is verdict


def test_critical_failures() -> None:
    """The rule sets the number of failures, for example for a daily Dag."""
    what = case(critical=("dag_07",), rule={"critical_failures": 1})
    assert evaluated(what, USUAL, {"dag_07": (0, 1)}).verdict is Health.REGRESSED


@pytest.mark.parametrize(("minutes", "code"), [(40, "TOO-EARLY"), (135, "WORSE-BUT-NOT-ENOUGH")])
def test_a_critical_dag_whose_other_runs_go_on(minutes: int, code: str) -> None:
    """Unfinished runs may succeed, and then not all of its runs have failed."""
    what, at = case(critical=("dag_10",)), LANDED + timedelta(minutes=minutes)
    found = evaluated(what, USUAL, {**NO_FAILURES, "dag_10": (0, 2)}, only(5), more=going("dag_10"), at=at)
    assert (found.verdict, codes(found)[0]) == (Health.INCONCLUSIVE, code)
    assert "Critical Dag(s) failed each run" in found.summary


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
    found = evaluated(what, USUAL, NO_FAILURES, NO_FAILURES, import_errors=[problem])
    assert found.verdict is verdict
    assert [(file.file, file.new) for file in found.import_errors] == [
        ("broken.py", verdict is Health.REGRESSED)
    ]


def test_an_import_error_that_may_be_old_or_new() -> None:
    """The result is inconclusive; ``known_import_errors`` can decide."""
    problem = ImportProblem("new.py", "ModuleNotFoundError")
    found = evaluated(case(), USUAL, NO_FAILURES, NO_FAILURES, import_errors=[problem])
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["IMPORT-ERRORS-OF-UNKNOWN-AGE"])
    assert "new.py" in found.summary


def test_all_import_errors_are_known_to_the_next_health_check() -> None:
    """The result names more files than it shows with their errors."""
    problems = [ImportProblem(f"old_{number:02}.py", "E") for number in range(MOST_FILES + 2)]
    first = evaluated(case(), USUAL, NO_FAILURES, NO_FAILURES, import_errors=problems).to_dict()
    known = first["import_error_files"]
    assert (len(first["import_errors"]), len(known)) == (MOST_FILES, len(problems))
    again = case(known_import_errors=tuple(known))
    assert evaluated(again, USUAL, NO_FAILURES, NO_FAILURES, import_errors=problems).verdict is Health.HEALTHY
    problems.append(ImportProblem("new.py", "E"))
    assert (
        evaluated(again, USUAL, NO_FAILURES, NO_FAILURES, import_errors=problems).verdict is Health.REGRESSED
    )


def test_incomplete_file_names_are_left_out() -> None:
    """Too many files, files of another deploy, or files not read: unknown files must not count as new."""
    problems = [ImportProblem(f"{number}.py", "E") for number in range(MOST_NAMES + 1)]
    full = evaluated(case(), USUAL, NO_FAILURES, NO_FAILURES, import_errors=problems[1:])
    assert len(full.to_dict()["import_error_files"]) == MOST_NAMES
    assert evaluated(case(), {}, import_errors=problems).import_error_files is None
    assert evaluated(case(), {}, at=LANDED, import_errors=problems[:1]).import_error_files is None
    assert evaluated(case(superseded_at=LANDED), {}, import_errors=problems[:1]).import_error_files is None
    assert without_evidence(case(), "API-ERROR", "No answer.", LANDED).import_error_files is None
    later = overruled(full.to_dict(), Health.INCONCLUSIVE, Reason("ANOTHER-DEPLOY", "One came."))
    assert later["import_error_files"] is None


def test_a_new_import_error_needs_no_windows() -> None:
    """It is reported at once."""
    problem = ImportProblem("broken.py", "SyntaxError", LANDED - timedelta(minutes=9))
    found = evaluated(case(), {}, at=LANDED + timedelta(minutes=6), import_errors=[problem])
    assert (found.verdict, codes(found)) == (Health.REGRESSED, ["NEW-IMPORT-ERRORS"])


def test_an_import_error_during_the_delivery_of_files() -> None:
    """Before the first window begins, it does not count."""
    problem = ImportProblem("broken.py", "SyntaxError", LANDED - timedelta(minutes=9))
    found = evaluated(case(), {}, at=LANDED + timedelta(minutes=4), import_errors=[problem])
    assert codes(found) == ["TOO-EARLY"]


# Inconclusive


@pytest.mark.parametrize("status", ["unhealthy", "unknown"])
def test_a_component_that_is_not_healthy(status: str) -> None:
    """The deploy is not healthy, and not regressed for this reason alone."""
    found = evaluated(
        case(), USUAL, NO_FAILURES, NO_FAILURES, components={"scheduler": status, "triggerer": "healthy"}
    )
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["UNHEALTHY-COMPONENT"])
    assert f"scheduler is {status}" in found.summary


def test_too_early() -> None:
    """Before the windows end, no deploy is healthy, and failing runs are no regression."""
    found = evaluated(case(), USUAL, WORSE, WORSE, at=LANDED + timedelta(hours=1, minutes=30))
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["TOO-EARLY"])
    assert [window.complete for window in found.windows] == [True, False]


@pytest.mark.parametrize(("minutes", "complete"), [(1, False), (11, True)])
def test_runs_that_still_go_on_keep_a_window_open(minutes: int, complete: bool) -> None:
    """They have ``settling_time`` to end."""
    what = case()
    going = run("dag_05", what.windows[1], state="running", ended_at=None)
    found = evaluated(
        what,
        USUAL,
        NO_FAILURES,
        NO_FAILURES,
        more=[going],
        at=what.windows[1].end + timedelta(minutes=minutes),
    )
    assert found.windows[1].complete is complete
    assert found.windows[1].unfinished == 1
    assert found.verdict is (Health.HEALTHY if complete else Health.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("before", "windows", "reasons"),
    [
        ({"a": (4, 0), "b": (4, 0)}, ({"a": (9, 0), "b": (9, 0)},) * 2, 2),
        (USUAL, ({"dag_01": (9, 0)}, NO_FAILURES), 1),
        ({}, (NO_FAILURES, NO_FAILURES), 2),
        (USUAL, ({}, {}), 2),
    ],
    ids=["few before", "few in one window", "none before", "none after"],
)
def test_too_few_runs(before: Any, windows: Any, reasons: int) -> None:
    """A lack of evidence is never healthy."""
    found = evaluated(case(), before, *windows)
    assert (found.verdict, codes(found)[:reasons]) == (Health.INCONCLUSIVE, ["TOO-FEW-RUNS"] * reasons)


@pytest.mark.parametrize(
    ("window", "more", "verdict"),
    [
        (only(6), going(*list(USUAL)[6:], times=2), Health.INCONCLUSIVE),
        (only(6), [], Health.INCONCLUSIVE),
        (only(18), going("dag_18"), Health.INCONCLUSIVE),
        (only(19), going("dag_19"), Health.HEALTHY),
        (only(19), [], Health.HEALTHY),
    ],
    ids=["many hang", "many are silent", "one hangs and one is silent", "one hangs", "one is silent"],
)
def test_dags_that_have_finished_nothing_since(window: Any, more: Any, verdict: Health) -> None:
    """Runs that never end or never begin are no evidence of health; one Dag alone may be slow."""
    found = evaluated(case(), USUAL, window, window, more=more)
    expected = ["AS-BEFORE"] if verdict is Health.HEALTHY else ["NO-RESULTS"]
    assert (found.verdict, codes(found)) == (verdict, expected)


def test_few_dags_of_many_that_have_finished_nothing_since() -> None:
    """Less than a tenth of the due Dags may be removed or slow."""
    many = {f"dag_{number:02}": (24, 0) for number in range(40)}
    window = dict.fromkeys(list(many)[:37], (2, 0))
    assert evaluated(case(), many, window, window).verdict is Health.HEALTHY
    rare = {f"nightly_{number}": (1, 0) for number in range(40)}
    window.popitem()
    assert codes(evaluated(case(), {**many, **rare}, window, window)) == ["NO-RESULTS"]


def test_dags_that_only_wait_for_others_are_not_silent() -> None:
    """They ran, and failed because of the Dag that they waited for."""
    what = case()
    waiting = [
        run(dag_id, period, state="failed", upstream=True)
        for dag_id in list(USUAL)[10:]
        for period in what.windows
    ]
    found = evaluated(what, USUAL, only(10), only(10), more=waiting)
    assert (codes(found), found.silent) == (["AS-BEFORE"], ())


@pytest.mark.parametrize("more", [[], going("dag_19")], ids=["silent", "hangs"])
@pytest.mark.parametrize("before", [USUAL, {**USUAL, "dag_19": (1, 0)}], ids=["often", "seldom"])
def test_a_critical_dag_that_has_finished_nothing_since(before: Any, more: Any) -> None:
    """Without a run it is not known whether it works, even if it runs rarely."""
    found = evaluated(case(critical=("dag_19",)), before, only(19), only(19), more=more)
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["NO-RESULTS"])
    assert "critical" in found.summary


# Runs that have not ended


def test_runs_that_go_on_may_yet_succeed() -> None:
    """A Dag with such a run is not broken, and not healthy; the run does not count as a failure."""
    found = evaluated(case(), USUAL, WORSE, WORSE, more=going(*BROKEN))
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["WORSE-BUT-NOT-ENOUGH"])
    assert found.windows[0].broken == ()
    alone = evaluated(case(), USUAL, WORSE, WORSE)
    assert found.windows[0].p_value > alone.windows[0].p_value


def test_runs_that_have_only_just_begun() -> None:
    """Frequent Dags always have an unfinished run. It does not count if it began after the last failure."""
    what, often = case(critical=("dag_10",)), dict.fromkeys(BROKEN, (0, 9))
    later = [
        run(dag_id, period, state="running", ended_at=None, started_at=period.end - timedelta(seconds=1))
        for dag_id in BROKEN
        for period in what.windows
    ]
    found = evaluated(what, USUAL, {**NO_FAILURES, **often}, {**NO_FAILURES, **often}, more=later)
    assert codes(found) == ["RUNS-FAIL", "CRITICAL-DAG-FAILS"]
    assert found.windows[1].broken == tuple(BROKEN)


def test_long_runs_of_which_only_the_failures_are_known() -> None:
    """Dags look worse than they are if good runs take hours and bad runs end at once."""
    before = {f"dag_{number:02}": (22, 2) for number in range(40)}
    failed = {"dag_00": (0, 1), "dag_01": (0, 1), "dag_02": (0, 1), "dag_03": (0, 1)}
    found = evaluated(case(), before, failed, failed, more=going(*list(before)[4:]))
    assert found.verdict is Health.INCONCLUSIVE
    assert not any(window.significant for window in found.windows)


def test_another_deploy_came_too_early() -> None:
    """Runs, errors and components of the later deploy do not count; windows that ended before it do."""
    what = case(superseded_at=LANDED + timedelta(minutes=90))
    problem = ImportProblem("broken.py", "SyntaxError", LANDED - timedelta(minutes=9))
    found = evaluated(what, USUAL, WORSE, {}, import_errors=[problem], components={"scheduler": "unhealthy"})
    assert found.verdict is Health.INCONCLUSIVE
    assert codes(found)[0] == "ANOTHER-DEPLOY"
    assert found.import_errors == ()
    late = replace(what, superseded_at=LANDED + timedelta(hours=5))
    assert evaluated(late, USUAL, WORSE, WORSE).verdict is Health.REGRESSED


def test_the_summary_is_one_paragraph() -> None:
    """This holds for any error that it quotes."""
    found = without_evidence(case(), "API-ERROR", "No answer.\n- one\n" + "more " * 1000, LANDED)
    assert len(found.summary.splitlines()) == 1
    assert len(found.summary) <= 1200
    assert "No answer. - one more" in found.to_dict()["summary"]


def test_without_evidence() -> None:
    """The evaluation is inconclusive and names the error."""
    found = without_evidence(case(deploy_id="d1"), "API-ERROR", "Airflow does not answer.", LANDED)
    assert (found.verdict, codes(found)) == (Health.INCONCLUSIVE, ["API-ERROR"])
    assert found.summary == "Deploy d1 is evaluated as inconclusive: Airflow does not answer."


# Properties

COUNTS = st.tuples(st.integers(0, 30), st.integers(0, 30))
WINDOW = st.dictionaries(st.sampled_from("abcdef"), COUNTS)


@given(WINDOW, WINDOW, WINDOW)
def test_a_deploy_without_a_failure_is_never_a_regression(before: Any, first: Any, second: Any) -> None:
    """This holds for any runs before."""
    first, second = ({dag_id: (ok, 0) for dag_id, (ok, _) in x.items()} for x in (first, second))
    assert evaluated(case(), before, first, second).verdict is not Health.REGRESSED


@given(WINDOW, WINDOW, WINDOW)
def test_a_regression_fulfils_the_rule(before: Any, first: Any, second: Any) -> None:
    """Both windows are significant, and two Dags that worked before have only failures in both."""
    found = evaluated(case(), before, first, second)
    broken = [
        dag_id
        for dag_id in "abcdef"
        if before.get(dag_id, (0, 0))[0] >= max(1, before.get(dag_id, (0, 0))[1])
        and all(window.get(dag_id, (1, 0))[0] == 0 < window[dag_id][1] for window in (first, second))
    ]
    expected = len(broken) >= 2 and all(window.p_value <= 0.01 for window in found.windows)
    assert (found.verdict is Health.REGRESSED) is expected


@given(WINDOW, WINDOW, WINDOW, st.lists(st.sampled_from("abcdef")))
def test_runs_that_go_on_only_add_doubt(before: Any, first: Any, second: Any, unfinished: Any) -> None:
    """Unfinished runs never turn a verdict into regressed or healthy."""
    critical = case(critical=("a", "b"))
    without = evaluated(critical, before, first, second).verdict
    found = evaluated(critical, before, first, second, more=going(*unfinished)).verdict
    assert found in (without, Health.INCONCLUSIVE)


@given(WINDOW, WINDOW, WINDOW)
def test_healthy_needs_evidence(before: Any, first: Any, second: Any) -> None:
    """Enough runs on both sides, the last window not significant, and no Dag broken in all windows."""
    found = evaluated(case(), before, first, second)
    if found.verdict is Health.HEALTHY:
        assert min(min(x.before.runs, x.after.runs) for x in found.windows) >= 10
        assert not found.windows[-1].significant
        assert not any(dag.broken for dag in found.dags)


# The evidence


def test_the_evidence_is_small_and_json() -> None:
    """A thousand broken Dags and files fit an XCom."""
    many = {f"a_rather_long_name_of_a_dag_{number:04}": (24, 0) for number in range(1000)}
    errors = [ImportProblem(f"{name}.py", "E" * 200, LANDED - timedelta(hours=1)) for name in many]
    window = dict.fromkeys(many, (0, 1))
    found = evaluated(case(critical=tuple(many)[:3]), many, window, window, import_errors=errors)
    text = json.dumps(found.to_dict())
    assert len(text) < 20_000
    assert (len(found.dags), len(found.import_errors)) == (MOST_DAGS, MOST_FILES)
    few = evaluated(case(), {}, import_errors=errors[:MOST_NAMES])
    assert len(json.dumps(few.to_dict())) < 20_000
    assert len(found.summary) < 2_000


def test_the_evidence_as_text() -> None:
    """The text contains each part of the evidence."""
    problem = ImportProblem("old.py", "SyntaxError: here")
    manual = run("dag_03", case().windows[0], run_type="manual")
    what = case(critical=("dag_02",))
    found = evaluated(what, {**USUAL, "gone": (48, 0)}, WORSE, WORSE, import_errors=[problem], more=[manual])
    text = explain(found)
    for part in (
        "is evaluated as regressed: In 2 windows in a row",
        "window  2026-11-01 12:05 to 13:05 UTC: 6 of 40 failed, before 4 of 480 failed, p = ",
        "dag_10: before 0 of 24 failed, after 2 of 2 failed, then 2 of 2 failed BROKEN",
        "dag_02: before 1 of 24 failed, after 0 of 2 failed, then 0 of 2 failed critical",
        "silent  gone",
        "old.py: SyntaxError: here (not known to be new)",
        "scheduler: healthy",
        "runs that do not count: 1 manual",
    ):
        assert part in text
