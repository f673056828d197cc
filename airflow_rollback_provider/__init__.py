# SPDX-License-Identifier: Apache-2.0
"""Roll an Airflow Deployment back to an earlier deploy, from a Dag, a shell or the Airflow UI."""

from __future__ import annotations

__version__ = "0.1.0"
