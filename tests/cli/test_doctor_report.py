# SPDX-License-Identifier: Apache-2.0
"""A report of the doctor as text."""

from __future__ import annotations

import json

import pytest

from airflow_rollback_provider.cli.commands.doctor import explain_report
from airflow_rollback_provider.domain.findings import Finding, Report, Status

SETTING = {"assumptions": {"deploys": {"document": "query " + "x " * 80}}}
LONG = "It was found that this and that is not at all as it should be, for a reason that is long to write. "


def report(*findings: Finding) -> Report:
    """Return a report with these findings."""
    return Report("apc", "Some platform", "https://p/v1", None, findings)


def test_the_remedy_stands_below_the_finding() -> None:
    """Codes and statuses are columns; errors are in capitals."""
    text = explain_report(
        report(Finding("DNS", Status.OK, "Fine."), Finding("TLS", Status.ERROR, "Bad.", "Fix it."))
    )
    assert text.splitlines() == [
        "ok       DNS                   Fine.",
        "ERROR    TLS                   Bad.",
        "                             → Fix it.",
        "",
        "1 error, 1 ok.",
    ]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_lines_are_broken_for_a_terminal(width: int) -> None:
    """At blanks, below each other; no word is cut and none is lost."""
    text = explain_report(report(Finding("TLS", Status.WARNING, LONG * 2, LONG)), width)
    lines = text.splitlines()[:-2]
    assert max(map(len, lines)) <= width
    assert all(line.startswith(" " * 27) for line in lines[1:])
    assert " ".join(text.split()).count(" ".join(LONG.split())) >= 2


@pytest.mark.parametrize("width", [None, 20, 60])
def test_without_room_nothing_is_broken(width: int | None) -> None:
    """In a pipe and on a very narrow terminal."""
    text = explain_report(report(Finding("TLS", Status.WARNING, LONG * 2)), width)
    assert len(text.splitlines()) == 3


@pytest.mark.parametrize("width", [None, 100])
def test_settings_are_never_broken(width: int | None) -> None:
    """Users copy them."""
    text = explain_report(report(Finding("SCHEMA-OPERATION", Status.ERROR, "x", "y", SETTING)), width)
    assert json.loads(text.partition("(nothing was changed):\n")[2]) == SETTING


def test_control_characters_are_removed() -> None:
    """Every user who may deploy writes names."""
    text = explain_report(report(Finding("DEPLOYMENT", Status.OK, "Bill\x1b[2Jing\n\tis there.")))
    assert "\x1b" not in text
    assert "Bill [2Jing is there." in text
