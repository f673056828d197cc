# SPDX-License-Identifier: Apache-2.0
"""Tests of the doctor's findings and reports."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.findings import (
    CHECKS,
    FORMAT,
    Finding,
    Report,
    Status,
    complete,
    merge,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(st.sampled_from("abc"), inside, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


def report(*findings: Finding) -> Report:
    """Return a report with these findings."""
    return Report("apc", "Some platform", "https://p/v1", None, findings)


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        ("ok", "ok"),
        ("ok skipped", "skipped"),
        ("skipped unknown ok", "unknown"),
        ("warning unknown ok", "warning"),
        ("ok error warning", "error"),
    ],
)
def test_the_worst_finding_counts(statuses: str, worst: str) -> None:
    """From ok over skipped, unknown and warning to error."""
    found = report(*(Finding("DNS", Status(status), "x") for status in statuses.split()))
    assert found.worst.value == worst
    assert found.sound is (worst != "error")
    assert [str(finding.status) for finding in found.of(Status(worst))] == [worst]


def test_findings_are_put_into_the_order_of_the_checks() -> None:
    """The order of the input does not matter; findings with one code keep their order."""
    given = [
        Finding("SCHEMA-OPERATION", Status.ERROR, "first"),
        Finding("TOKEN", Status.OK, "x"),
        Finding("SCHEMA-OPERATION", Status.ERROR, "second"),
        Finding("DNS", Status.OK, "x"),
    ]
    found = complete(given, "Some platform")
    codes = [finding.code for finding in found]
    assert codes == sorted(codes, key=list(CHECKS).index)
    assert [item.what for item in found if item.code == "SCHEMA-OPERATION"] == ["first", "second"]


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ([("TOKEN", "error", "It expired.", "Renew it."), ("TLS", "error", "x")], "It expired. Renew it."),
        (
            [("TLS", "warning", "Soon over.", "Renew."), ("TOKEN", "ok", "Accepted.")],
            "Accepted. Warning: Soon over. Renew.",
        ),
        (
            [("TOKEN", "ok", "Accepted."), ("INSTALLATION-FLAG", "unknown", "Who knows.")],
            "Accepted. Who knows.",
        ),
        ([("TOKEN", "ok", "Accepted."), ("PERMISSION-HISTORY", "ok", "May read.")], "Accepted."),
        (
            [("TOKEN", "ok", "Accepted."), ("PERMISSION-HISTORY", "unknown", "Who knows.")],
            "Accepted. Who knows.",
        ),
        (
            [
                ("TOKEN", "ok", "Accepted."),
                ("INSTALLATION-FLAG", "unknown", "Not reported by Some platform."),
            ],
            "Accepted.",
        ),
        ([("TOKEN", "warning", "Hm.", "Do.")], "Warning: Hm. Do."),
    ],
)
def test_the_summary_is_one_message(findings: list[tuple[Any, ...]], words: str) -> None:
    """It has the first error, or else the headlines and every warning once."""
    made = [Finding(code, Status(status), *texts) for code, status, *texts in findings]
    assert report(*made).summary() == words


def test_suggested_settings_become_one() -> None:
    """Objects are merged; without a setting the result is None."""
    first = Finding("SCHEMA-OPERATION", Status.ERROR, "x", "", {"assumptions": {"a": {"x": None}, "b": 1}})
    second = Finding("SCHEMA-SCOPES", Status.ERROR, "x", "", {"assumptions": {"a": {"y": 2}, "b": [3]}})
    assert report(first, second).setting == {"assumptions": {"a": {"x": None, "y": 2}, "b": [3]}}
    assert report(Finding("DNS", Status.OK, "x")).setting is None


@given(OBJECTS, OBJECTS, OBJECTS)
def test_merging_has_the_last_word_last(one: Any, two: Any, three: Any) -> None:
    """The steps do not matter, merging twice changes nothing, and the inputs stay unchanged."""
    before = json.dumps([one, two, three])
    assert merge(merge(one, two), three) == merge(one, two, three)
    assert merge(one, one) == one
    assert merge(one, {}) == merge({}, one) == one
    for key, value in two.items():
        if not isinstance(value, dict):
            assert merge(one, two)[key] == value
    assert json.dumps([one, two, three]) == before


def test_the_json_form() -> None:
    """Its keys and values are part of the public interface."""
    finding = Finding("TLS", Status.WARNING, "Soon over.", "Renew.", {"verify": True})
    values = report(finding).to_dict()
    assert json.loads(json.dumps(values)) == values
    assert values == {
        "connection": "apc",
        "platform": "Some platform",
        "address": "https://p/v1",
        "deployment": None,
        "findings": [
            {
                "code": "TLS",
                "status": "warning",
                "what": "Soon over.",
                "remedy": "Renew.",
                "setting": {"verify": True},
            }
        ],
        "worst": "warning",
        "setting": {"verify": True},
        "format": FORMAT,
    }
