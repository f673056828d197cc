# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback doctor``: what is wrong with a connection, and how to mend it. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.arguments import DEFAULT_CONN_ID
from airflow_rollback_provider.cli.connecting import connected
from airflow_rollback_provider.cli.exits import Exit
from airflow_rollback_provider.cli.reports import explain_report
from airflow_rollback_provider.domain.findings import Status

if TYPE_CHECKING:
    import argparse

    from airflow_rollback_provider.cli.console import Console

EPILOG = """\
Every finding has a code and a status: ok, skipped (with the reason), unknown (the platform does not tell),
warning or error, and says what to do where something is to be done. The exit code is 1 if there is an error,
with --strict also if there is a warning, and 0 otherwise. A setting that is shown is a suggestion: read it
before you write it into the connection."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to a parser."""
    parser.add_argument(
        "conn_id",
        metavar="CONN_ID",
        nargs="?",
        default=DEFAULT_CONN_ID,
        help="Airflow connection to the platform, wherever Airflow finds it (default: %(default)s)",
    )
    parser.add_argument(
        "--deployment",
        metavar="ID",
        help="a Deployment to look at as well: its id or release name",
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 on warnings as well")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Print the report; an error in it is exit code 1."""
    with connected(args.conn_id, debug=args.debug, usable=False) as hook:
        report = hook.diagnose(args.deployment)
    if args.json:
        console.say_json(report.to_dict())
    else:
        console.say(explain_report(report, console.width))
    gravest = Status.WARNING if args.strict else Status.ERROR
    return Exit.REFUSED if report.worst.weight >= gravest.weight else Exit.DONE
