# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback demo``: a real Airflow rolls a Deployment of the embedded platform back.

This module is imported to describe the command; what it takes to run it is imported when it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the demo's arguments to a parser."""
    parser.add_argument(
        "--deployment",
        default="image-af3",
        metavar="KEY",
        help="which Deployment of the embedded platform to roll back (default: %(default)s)",
    )
    parser.add_argument(
        "--target",
        default="previous",
        help="which deploy to go back to: previous, an id, or a selector (default: %(default)s)",
    )
    parser.add_argument("--verbose", action="store_true", help="show everything in the task's log")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="leave Airflow's home with its logs there afterwards, and say where",
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo and return an exit code: 0 when the Deployment was rolled back."""
    from airflow_rollback_provider.demo.story import tell

    return tell(args.deployment, args.target, verbose=args.verbose, keep=args.keep)
