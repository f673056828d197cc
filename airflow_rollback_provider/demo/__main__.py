# SPDX-License-Identifier: Apache-2.0
"""``python -m airflow_rollback_provider.demo``."""

from __future__ import annotations

import argparse
import sys

from airflow_rollback_provider.demo import add_arguments, run

parser = argparse.ArgumentParser(prog="python -m airflow_rollback_provider.demo", description=__doc__)
add_arguments(parser)
sys.exit(run(parser.parse_args()))
