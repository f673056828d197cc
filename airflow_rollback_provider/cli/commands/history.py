# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback history``: the deploys of a Deployment."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.arguments import add_connection, add_deployment, positive_int
from airflow_rollback_provider.cli.connecting import open_hook
from airflow_rollback_provider.cli.exits import Exit
from airflow_rollback_provider.cli.tables import history_lines, noted
from airflow_rollback_provider.domain.jsonable import encode
from airflow_rollback_provider.domain.rejections import with_rejections

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from airflow_rollback_provider.cli.console import Console
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.rejections import Rejection

_FIRST_PAGE = 100

EPILOG = """\
"now" marks the deploy that runs. An arrow points from a rollback to the deploy that it went back to.
"(!) brings back" marks a deploy of what was rolled back from within the 80 deploys before it.
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
        read = hook.deploys(deployment.id)
        # The rest of the first page is read all the same: a rollback may be in it.
        source = read if limit is None else islice(read, max(limit, _FIRST_PAGE))
        lasts = timedelta(days=hook.capabilities.retention_days)
        deploys = islice(with_rejections(source, lasts), limit)
        shown = (noted(deploy, rejection) for deploy, rejection in deploys)
        for line in _json_rows(deploys) if args.json else history_lines(shown, console.width):
            if args.json:
                console.print_json(line, indent=None)
            else:
                console.print(str(line))
    return Exit.DONE


def _json_rows(deploys: Iterable[tuple[Deploy, Rejection | None]]) -> Iterator[dict[str, object]]:
    """Yield the deploys as JSON-ready values.

    ``runs_now`` is true for the running one. ``rejected`` is None, or the rollback from what it brings back.
    """
    running_found = False
    for deploy, rejection in deploys:
        runs_now = deploy.succeeded and not running_found
        yield {**deploy.to_dict(), "runs_now": runs_now, "rejected": encode(rejection)}
        running_found = running_found or deploy.succeeded
