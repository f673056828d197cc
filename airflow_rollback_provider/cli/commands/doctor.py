# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback doctor``: find what is wrong with a connection and how to fix it. Changes nothing."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.arguments import DEFAULT_CONN_ID
from airflow_rollback_provider.cli.connecting import open_hook
from airflow_rollback_provider.cli.exits import Exit
from airflow_rollback_provider.domain.findings import CHECKS, Status
from airflow_rollback_provider.domain.redaction import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from airflow_rollback_provider.cli.console import Console
    from airflow_rollback_provider.domain.findings import Finding, Report

EPILOG = """\
Every finding has a code and a status: ok, skipped (with the reason), unknown (the platform does not report
it), warning or error. If something has to be done, the finding says what. The exit code is 1 if there is an
error, with --strict also if there is a warning, and 0 otherwise. A setting in the report is a suggestion:
read it before you write it into the connection."""

_MARKS = {status: status.value.upper() if status is Status.ERROR else status.value for status in Status}
_TAG_WIDTH = max(map(len, _MARKS.values()))
_CODE_WIDTH = max(map(len, CHECKS))
_INDENT = _TAG_WIDTH + _CODE_WIDTH + 4
_LEAST_WIDTH = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "conn_id",
        metavar="CONN_ID",
        nargs="?",
        default=DEFAULT_CONN_ID,
        help="Airflow connection to the platform (default: %(default)s)",
    )
    parser.add_argument(
        "--deployment",
        metavar="ID",
        help="id or release name of a Deployment to check as well",
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 on warnings as well")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Print the report. An error in it is exit code 1."""
    with open_hook(args.conn_id, debug=args.debug, validate=False) as hook:
        report = hook.diagnose(args.deployment)
    if args.json:
        console.print_json(report.to_dict())
    else:
        console.print(explain_report(report, console.width))
    failing = Status.WARNING if args.strict else Status.ERROR
    return Exit.REFUSED if report.worst.weight >= failing.weight else Exit.DONE


def explain_report(report: Report, width: int | None = None) -> str:
    """Format a report: a line for each finding, its remedy below it, and all suggested settings at the end.

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
        yield "All suggested settings, in the form of the connection's extra (nothing was changed):"
        yield json.dumps(report.setting, indent=2)


def _finding(finding: Finding, width: int | None) -> Iterator[str]:
    head = f"{_MARKS[finding.status]:<{_TAG_WIDTH}}  {finding.code:<{_CODE_WIDTH}}  "
    yield from _wrapped(head, one_line(finding.what), width)
    if finding.remedy:
        yield from _wrapped(f"{'':{_INDENT - 2}}→ ", one_line(finding.remedy), width)


def _wrapped(head: str, text: str, width: int | None) -> Iterator[str]:
    """Break a text at blanks. A setting that is longer than a line stays whole, so that it can be copied."""
    if width is None or width - _INDENT < _LEAST_WIDTH:
        yield f"{head}{text}".rstrip()
        return
    lines = textwrap.wrap(text, width - _INDENT, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines or [""]):
        yield f"{head if number == 0 else ' ' * _INDENT}{line}".rstrip()


def _counted(report: Report) -> str:
    counts = [(len(report.of(status)), status) for status in reversed(Status)]
    text = ", ".join(f"{count} {status}" for count, status in counts if count)
    return f"{text}."
