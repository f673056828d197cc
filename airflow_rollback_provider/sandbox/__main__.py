# SPDX-License-Identifier: Apache-2.0
"""``python -m airflow_rollback_provider.sandbox``."""

from __future__ import annotations

import argparse
import sys

from airflow_rollback_provider.sandbox.server import add_arguments, run


def main() -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m airflow_rollback_provider.sandbox", description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
