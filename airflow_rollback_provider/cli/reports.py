# SPDX-License-Identifier: Apache-2.0
"""A report of the doctor as a person reads it in a terminal."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.text import clean
from airflow_rollback_provider.domain.findings import CHECKS, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_rollback_provider.domain.findings import Finding, Report

_MARKS = {status: status.value.upper() if status is Status.ERROR else status.value for status in Status}
_TAG_WIDTH = max(map(len, _MARKS.values()))
_CODE_WIDTH = max(map(len, CHECKS))
_INDENT = _TAG_WIDTH + _CODE_WIDTH + 4
_LEAST_WIDTH = 40


def explain_report(report: Report, width: int | None = None) -> str:
    """Write a report: a line for each finding, what to do below it, and at the end all settings as one.

    :param width: columns of the terminal; None breaks no line.
    """
    return "\n".join(_lines(report, width))


def _lines(report: Report, width: int | None) -> Iterator[str]:
    for finding in report.findings:
        yield from _finding(finding, width)
    yield ""
    yield _counted(report)
    if report.setting:
        yield ""
        yield "All suggested settings, as the connection's extra would hold them (nothing was changed):"
        yield json.dumps(report.setting, indent=2)


def _finding(finding: Finding, width: int | None) -> Iterator[str]:
    head = f"{_MARKS[finding.status]:<{_TAG_WIDTH}}  {finding.code:<{_CODE_WIDTH}}  "
    yield from _wrapped(head, clean(finding.what), width)
    if finding.remedy:
        yield from _wrapped(f"{'':{_INDENT - 2}}→ ", clean(finding.remedy), width)


def _wrapped(head: str, text: str, width: int | None) -> Iterator[str]:
    """Break a text at blanks; a setting that is longer than a line stays in one piece to be copied."""
    if width is None or width - _INDENT < _LEAST_WIDTH:
        yield f"{head}{text}".rstrip()
        return
    lines = textwrap.wrap(text, width - _INDENT, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines or [""]):
        yield f"{head if number == 0 else ' ' * _INDENT}{line}".rstrip()


def _counted(report: Report) -> str:
    counts = [(len(report.of(status)), status) for status in reversed(Status)]
    told = ", ".join(f"{count} {status}" for count, status in counts if count)
    return f"{told}."
