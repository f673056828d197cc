# SPDX-License-Identifier: Apache-2.0
"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import math

from airflow_rollback_provider.domain.arguments import seconds
from airflow_rollback_provider.domain.deploys import Scope
from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.platforms.connection_types import PRIVATE_CLOUD

DEFAULT_CONN_ID = PRIVATE_CLOUD.default_conn_id

_MOST = 1_000_000

TARGET_HELP = """\
the deploy to go back to (--to):
  previous         the latest one that succeeded, is older than the running deploy and differs from it
  ID               exactly this one
  tag:TAG          the latest one that fits, with this image tag
  commit:DIGITS    the same by git commit, 7 hex digits or more
  runtime:VERSION  the same by Runtime: 12.1.0, or a series: 12, 3.1
  airflow:SERIES   the same by Airflow: 2.11
  before:TIME      the same, deployed before an ISO 8601 time with a zone"""


def add_deployment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("deployment", metavar="DEPLOYMENT", help="id or release name of the Deployment")


def add_connection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--conn-id",
        default=DEFAULT_CONN_ID,
        metavar="ID",
        help="Airflow connection to the platform (default: %(default)s)",
    )


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add the options for the deploy to go back to and for the scope."""
    parser.add_argument(
        "--to", metavar="TARGET", help="the deploy to go back to, see below (default: previous)"
    )
    parser.add_argument(
        "--scope",
        choices=[scope.value for scope in Scope],
        help="the part to bring back (default: the part that fits the Deployment's Dag deploy mechanism)",
    )


def positive_int(text: str) -> int:
    """Parse a whole number from 1 to a million.

    :raises argparse.ArgumentTypeError: for everything else.
    """
    number = int(text) if text.isdecimal() and len(text) < 20 else 0
    if not 1 <= number <= _MOST:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is not a whole number from 1 to {_MOST:,}")
    return number


def positive_seconds(text: str) -> float:
    """Parse a time in seconds, more than 0 and at most a week.

    :raises argparse.ArgumentTypeError: for everything else.
    """
    try:
        duration = seconds(text, "the time", least=0.001)
    except BadInput:
        duration = math.inf
    if duration > 7 * 86400.0:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is not a number of seconds, above 0, up to a week")
    return duration
