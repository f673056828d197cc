# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback history``: the deploys of a Deployment."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.arguments import add_connection, add_deployment, positive_int
from airflow_rollback_provider.cli.connecting import open_hook
from airflow_rollback_provider.cli.exits import Exit
from airflow_rollback_provider.cli.tables import history_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from airflow_rollback_provider.cli.console import Console
    from airflow_rollback_provider.domain.deploys import Deploy

EPILOG = """\
"now" marks the deploy that runs. An arrow points from a rollback to the deploy that it went back to.
--json prints JSON Lines, one deploy a line, while the pages are read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to a parser."""
    add_deployment(parser)
    add_connection(parser)
    parser.add_argument(
        "--limit",
        type=positive_int,
        default=20,
        metavar="N",
        help="number of deploys, newest first (default: %(default)s)",
    )
    parser.add_argument("--all", action="store_true", help="print the whole history, page by page")
    parser.add_argument("--json", action="store_true", help="print JSON Lines")


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Print the history. Read only the pages that are needed."""
    limit = None if args.all else args.limit
    console.stop_early = True
    with open_hook(args.conn_id, debug=args.debug) as hook:
        deployment = hook.get_deployment(args.deployment)
        deploys = islice(hook.deploys(deployment.id), limit)
        for line in _json_rows(deploys) if args.json else history_lines(deploys, console.width):
            if args.json:
                console.print_json(line, indent=None)
            else:
                console.print(str(line))
    return Exit.DONE


def _json_rows(deploys: Iterable[Deploy]) -> Iterator[dict[str, object]]:
    """Yield the deploys as JSON-ready values; ``runs_now`` is true for the running one."""
    running_found = False
    for deploy in deploys:
        yield {**deploy.to_dict(), "runs_now": deploy.succeeded and not running_found}
        running_found = running_found or deploy.succeeded
