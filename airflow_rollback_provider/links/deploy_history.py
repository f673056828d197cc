# SPDX-License-Identifier: Apache-2.0
"""The link from a task to the Deployment's deploy history."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow_rollback_provider.compat import Context

_log = logging.getLogger(__name__)

# Airflow 3 reads links from the XCom of this name. The task writes it, so that one way serves both lines.
_KEY = "_link_DeployHistoryLink"


class DeployHistoryLink(BaseOperatorLink):
    """The link to the Deployment's deploy history in the platform's UI, also for a task that failed."""

    name = "Deploy history"

    @property
    def xcom_key(self) -> str:
        """Name of the XCom that holds the address."""
        return _KEY

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address that the task stored, or an empty text."""
        return XCom.get_value(key=_KEY, ti_key=ti_key) or ""

    @staticmethod
    def store(context: Context, url: str | None) -> None:
        """Store the address for the running task instance, if it is known.

        If the address cannot be stored, that is logged: it must not fail a rollback.
        """
        if not url:
            return
        try:
            context["ti"].xcom_push(key=_KEY, value=url)
        except Exception as error:  # noqa: BLE001 - whatever it is, the rollback matters more
            _log.warning(
                "Could not store the link to the deploy history (%s: %s).", type(error).__name__, error
            )
