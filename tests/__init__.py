# SPDX-License-Identifier: Apache-2.0
"""The tests mirror the package. Only folders whose fixtures end with the folder are packages."""

from __future__ import annotations

import os

# SQLAlchemy reads it when it is imported. Airflow 2 is bound to SQLAlchemy 1.4.
os.environ["SQLALCHEMY_SILENCE_UBER_WARNING"] = "1"
