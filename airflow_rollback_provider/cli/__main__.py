# SPDX-License-Identifier: Apache-2.0
"""``python -m airflow_rollback_provider.cli``."""

from __future__ import annotations

import sys

from airflow_rollback_provider.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
