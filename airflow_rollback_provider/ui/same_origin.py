# SPDX-License-Identifier: Apache-2.0
"""Whether a request comes from Airflow's own pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.ui.problems import cross_site

if TYPE_CHECKING:
    from collections.abc import Mapping


def require_same_origin(headers: Mapping[str, str]) -> None:
    """Do nothing for a request of Airflow's own pages, or of a program that is no browser.

    Every browser of today says where a request comes from, and no page can change what it says.

    :raises Problem: for a request that another site made, or the address bar.
    """
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise cross_site()
