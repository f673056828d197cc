# SPDX-License-Identifier: Apache-2.0
"""The one service of a server process, made when the page is first used."""

from __future__ import annotations

from functools import cache

from airflow_rollback_provider.ui.cache import Cache
from airflow_rollback_provider.ui.page_client import Platforms
from airflow_rollback_provider.ui.service import Service
from airflow_rollback_provider.ui.snapshot import Reader


@cache
def service() -> Service:
    """Return it."""
    return Service(Reader(Platforms(), Cache()))
