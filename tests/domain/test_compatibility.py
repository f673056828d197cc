# SPDX-License-Identifier: Apache-2.0
"""The compatibility table, compared with the published one written out again in other words."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_rollback_provider.domain.compatibility import (
    RULES,
    PlanWarning,
    Verdict,
    check,
    crosses_airflow_major,
    restricted_runtime,
)
from airflow_rollback_provider.domain.versions import RuntimeVersion, Versions

# Around every border of the table, in both styles.
BORDERS = [
    *["3.0.0", "3.0.4", "4.2.9", "4.99.99", "5.0.0", "5.0.1", "6.0.0", "9.9.9"],
    *["11.0.0", "11.99.0", "12.0.0", "12.1.0", "12.99.9", "13.0.0", "13.9.9", "14.0.0"],
    *["3.0-1", "3.0-4", "3.0-99", "3.1-1", "3.1-2", "3.1-12", "3.2-1", "3.3-2", "4.0-1"],
]
texts = st.one_of(
    st.sampled_from(BORDERS),
    st.builds("{}.{}.{}".format, st.integers(3, 15), st.integers(0, 30), st.integers(0, 30)),
    st.builds("{}.{}-{}".format, st.integers(3, 4), st.integers(0, 4), st.integers(1, 30)),
)


def published(source: str, target: str) -> bool:
    """The published table on texts alone: nothing of the package is used to read them."""
    sides = []
    for text in (source, target):
        hyphen = "-" in text
        sides.append((hyphen, *(int(number) for number in re.split(r"[.-]", text))))
    (new_from, *a), (new_to, *b) = sides
    for new, numbers in ((new_from, a), (new_to, b)):
        if new and numbers[0] == 3 and (numbers[1] == 0 or numbers[1:] == [1, 1]):
            return False
        if new and numbers[0] > 3:
            return False
    if new_from and new_to:
        return True
    if new_from:
        return b[0] == 12 or b[0] == 13
    if new_to:
        return False
    return a[0] >= 5 and b[0] >= 5


def test_the_table_holds_at_its_borders() -> None:
    """Every pair of versions next to a border is checked as published."""
    for source, target in itertools.product(BORDERS, BORDERS):
        verdict = check(Versions.read(source), Versions.read(target))
        assert verdict.allowed is published(source, target), (source, target)


@given(texts, texts)
@settings(max_examples=500)
def test_the_table_holds_anywhere(source: str, target: str) -> None:
    """Any pair is checked as published, with a reason that names both versions, and warnings only if
    allowed."""
    verdict = check(Versions.read(source), Versions.read(target))
    assert verdict.allowed is published(source, target)
    assert source in verdict.reason
    assert target in verdict.reason
    assert verdict.allowed == bool(verdict.warnings)
    assert "{" not in verdict.reason


def known(text: str) -> Versions:
    """Read `2.10.5af` as an Airflow version, `?` as nothing, everything else as a Runtime."""
    if text.endswith("af"):
        return Versions.read(None, text[:-2])
    return Versions.read(text)


@pytest.mark.parametrize(
    ("source", "target", "code"),
    [
        ("?", "12.1.0", "VERSION-NOT-KNOWN"),
        ("12.1.0", "?", "VERSION-NOT-KNOWN"),
        ("3.0-1", "3.1-2", "RUNTIME-3.0-1-TO-3.1-1"),
        ("3.1-2", "3.1-1", "RUNTIME-3.0-1-TO-3.1-1"),
        ("3.1-1", "12.1.0", "RUNTIME-3.0-1-TO-3.1-1"),
        ("3.0.6af", "12.1.0", "RUNTIME-3.0-1-TO-3.1-1"),
        ("3.2-1", "3.0.6af", "RUNTIME-3.0-1-TO-3.1-1"),
        ("3.1.0af", "13.0.0", "RUNTIME-REVISION-NOT-KNOWN"),
        ("3.2-1", "3.1.8af", "RUNTIME-REVISION-NOT-KNOWN"),
        ("12.1.0", "3.1-12", "AIRFLOW-2-TO-3"),
        ("2.10.5af", "3.1.0af", "AIRFLOW-2-TO-3"),
        ("3.1-12", "3.1-2", "AIRFLOW-3-TO-3"),
        ("3.1-2", "3.2-1", "AIRFLOW-3-TO-3"),
        ("3.3.0af", "3.2.0af", "AIRFLOW-3-TO-3"),
        ("3.1-2", "12.0.0", "AIRFLOW-3-TO-2"),
        ("3.2.0af", "2.10.0af", "AIRFLOW-3-TO-2"),
        ("3.2.0af", "2.11.2af", "AIRFLOW-3-TO-2"),
        ("3.1-2", "11.9.9", "AIRFLOW-3-TO-OLD-2"),
        ("3.1-2", "14.0.0", "AIRFLOW-3-TO-OLD-2"),
        ("3.2.0af", "2.9.3af", "AIRFLOW-3-TO-OLD-2"),
        ("12.1.0", "5.0.0", "AIRFLOW-2-TO-2"),
        ("2.3.0af", "2.3.4af", "AIRFLOW-2-TO-2"),
        ("2.10.5af", "5.0.0", "AIRFLOW-2-TO-2"),
        ("12.1.0", "4.2.9", "AIRFLOW-2-TOO-OLD"),
        ("3.0.4", "12.1.0", "AIRFLOW-2-TOO-OLD"),
        ("12.1.0", "2.2.5af", "AIRFLOW-2-TOO-OLD"),
        ("1.10.15af", "12.1.0", "PATH-NOT-LISTED"),
        ("4.0-1", "3.3-2", "PATH-NOT-LISTED"),
        ("3.3-2", "4.0-1", "PATH-NOT-LISTED"),
    ],
)
def test_each_rule_decides_its_cases(source: str, target: str, code: str) -> None:
    """The rule with this code decides, with the documented verdict."""
    verdict = check(known(source), known(target))
    rule = next(rule for rule in RULES if rule.code == code)
    assert (verdict.code, verdict.allowed, verdict.source) == (code, rule.allows, rule.origin)


def test_every_rule_has_a_case_and_a_code_of_its_own() -> None:
    """A rule that no example reaches, or two with one code, would go unnoticed."""
    mark = next(
        mark for mark in vars(test_each_rule_decides_its_cases)["pytestmark"] if mark.name == "parametrize"
    )
    codes = [rule.code for rule in RULES]
    assert len(set(codes)) == len(codes)
    assert {case[2] for case in mark.args[1]} == set(codes)


def test_a_verdict_needs_a_reason() -> None:
    """A blank one in JSON is refused."""
    verdict = check(Versions.read("3.1-12"), Versions.read("13.0.0"))
    with pytest.raises(ValueError, match="needs a code, a reason and a source"):
        Verdict.from_dict({**verdict.to_dict(), "reason": " "})


def codes_of(source: str, target: str) -> set[str]:
    """The codes of a verdict's warnings."""
    return {warning.code for warning in check(known(source), known(target)).warnings}


@pytest.mark.parametrize(
    ("source", "target", "codes"),
    [
        (
            "3.1-12",
            "13.0.0",
            {
                "DAGS-DO-NOT-CARRY-OVER",
                "SCHEMA-MIGRATION",
                "DATA-ERASED",
                "RUNNING-TASKS-FAIL",
                "API-SERVER-REPLACED",
            },
        ),
        ("3.2-1", "3.1-12", {"DATA-ERASED", "RUNNING-TASKS-FAIL", "API-SERVER-REPLACED"}),
        ("3.1-12", "3.1-12", {"RUNNING-TASKS-GO-ON", "API-SERVER-REPLACED"}),
        ("3.1-12", "3.2-1", {"RUNNING-TASKS-GO-ON", "API-SERVER-REPLACED"}),
        ("13.0.0", "12.0.0", {"DATA-ERASED", "RUNNING-TASKS-FAIL"}),
        ("13.0.0", "13.0.0", {"RUNNING-TASKS-GO-ON"}),
        ("2.10.5af", "12.0.0", {"DATA-ERASED", "RUNNING-TASKS-FAIL"}),  # cannot be told: expect the worse
        ("2.10af", "2.10.9af", {"DATA-ERASED", "RUNNING-TASKS-FAIL"}),
        ("12.0.0", "3.1-12", set()),
    ],
)
def test_the_warnings_fit_the_path(source: str, target: str, codes: set[str]) -> None:
    """Loss and interruption are announced where they happen or may happen, and not elsewhere."""
    assert codes_of(source, target) == codes


@pytest.mark.parametrize(
    ("source", "target", "crosses"),
    [
        ("3.1-12", "13.0.0", True),
        ("3.2.0af", "2.11.0af", True),
        ("13.0.0", "3.1-12", False),
        ("3.1-12", "3.1-2", False),
        ("13.0.0", "12.0.0", False),
        ("3.1-12", "?", False),
        ("?", "13.0.0", False),
        ("4.0-1", "3.3-2", False),
    ],
)
def test_only_airflow_3_to_2_crosses(source: str, target: str, crosses: bool) -> None:
    """An upgrade or an unknown side is refused and needs no acknowledgement."""
    assert crosses_airflow_major(known(source), known(target)) is crosses


def test_a_restricted_target_is_warned_of() -> None:
    """By its version, whatever suffix the tag has; another version is not."""
    restricted = {RuntimeVersion.parse("12.3.0")}
    (warning,) = restricted_runtime(known("12.3.0-base"), restricted)
    assert (warning.code, warning.severe) == ("RESTRICTED-RUNTIME", True)
    assert "12.3.0" in warning.message
    for other in ("12.3.1", "2.10.5af", "?"):
        assert restricted_runtime(known(other), restricted) == ()
    assert isinstance(warning, PlanWarning)
