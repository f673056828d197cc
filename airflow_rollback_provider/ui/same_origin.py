# SPDX-License-Identifier: Apache-2.0
"""The check that a request comes from Airflow's own pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.ui.problems import cross_site

if TYPE_CHECKING:
    from collections.abc import Mapping


def require_same_origin(headers: Mapping[str, str]) -> None:
    """Accept a request from Airflow's own pages, or from a program that is not a browser.

    Every current browser sends the origin of a request in this header, and no page can change it.

    :raises Problem: for a request from another site or from the address bar.
    """
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise cross_site()
