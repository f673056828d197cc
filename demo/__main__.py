# SPDX-License-Identifier: Apache-2.0
"""``make demo``: a real Airflow rolls a Deployment of the embedded platform back."""

from __future__ import annotations

import argparse
import sys

from demo.story import run

parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
parser.add_argument(
    "--deployment",
    default="image-af3",
    metavar="KEY",
    help="the Deployment of the embedded platform to roll back (default: %(default)s)",
)
parser.add_argument(
    "--target",
    default="previous",
    help="the deploy to go back to: previous, an id, or a selector (default: %(default)s)",
)
parser.add_argument("--verbose", action="store_true", help="show everything in the task's log")
parser.add_argument(
    "--keep", action="store_true", help="keep Airflow's home and its logs, and print where they are"
)
args = parser.parse_args()
sys.exit(run(args.deployment, args.target, verbose=args.verbose, keep=args.keep))
