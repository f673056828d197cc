# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback plan``: show what a rollback would do. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.arguments import TARGET_HELP, add_connection, add_deployment, add_target
from airflow_rollback_provider.cli.connecting import open_hook
from airflow_rollback_provider.cli.exits import Exit
from airflow_rollback_provider.domain.summary import explain

if TYPE_CHECKING:
    import argparse

    from airflow_rollback_provider.cli.console import Console

EPILOG = f"""\
{TARGET_HELP}

The output of --json can be carried out later: airflow-rollback roll-back DEPLOYMENT --plan FILE"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_deployment(parser)
    add_target(parser)
    add_connection(parser)
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Print the plan. A refused plan is exit code 1."""
    with open_hook(args.conn_id, debug=args.debug) as hook:
        plan = hook.plan(args.deployment, args.to or "previous", args.scope)
    if args.json:
        console.print_json(plan.to_dict())
    else:
        console.print(explain(plan))
    return Exit.DONE if plan.allowed else Exit.REFUSED
