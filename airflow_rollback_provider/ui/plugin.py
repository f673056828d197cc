# SPDX-License-Identifier: Apache-2.0
"""The Airflow plugin of the page. Every Airflow process imports it, so it imports almost nothing.

The parts for a web server are created when that server reads them.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow import __version__ as airflow_version
from airflow.plugins_manager import AirflowPlugin

NAME = "Deploy History"
URL_PREFIX = "/rollback"
URL_ROUTE = "deploy-history"
BUNDLE = "deploy-history.js"

AIRFLOW = tuple(int(number) for number in airflow_version.split(".")[:2])


class DeployHistoryPlugin(AirflowPlugin):
    """The Deploy History page: a React app since Airflow 3.1, a page of its own in Airflow 2."""

    name = "deploy_history"

    @cached_property
    def react_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The page in Airflow 3."""
        if AIRFLOW < (3, 1):
            return []
        from airflow_rollback_provider.ui.fastapi_app import base_path

        return [
            {
                "name": NAME,
                # Airflow 3.1 uses this address unchanged, so it has to begin at the root.
                "bundle_url": f"{base_path()}{URL_PREFIX.strip('/')}/static/{BUNDLE}",
                "url_route": URL_ROUTE,
                "destination": "nav",
                "category": "browse",
            }
        ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The page's server side in Airflow 3."""
        if AIRFLOW < (3, 1):
            return []
        from airflow_rollback_provider.ui.fastapi_app import make_app

        return [{"name": NAME, "app": make_app(), "url_prefix": URL_PREFIX}]

    @cached_property
    def flask_blueprints(self) -> list[Any]:  # type: ignore[override]
        """The templates of the page in Airflow 2. Airflow 3 may fail to start with a blueprint."""
        if AIRFLOW >= (3, 0):
            return []
        from airflow_rollback_provider.ui.flask_views import templates

        return [templates()]

    @cached_property
    def appbuilder_views(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The page and its server side in Airflow 2."""
        if AIRFLOW >= (3, 0):
            return []
        from airflow_rollback_provider.ui.flask_views import DeployHistoryView

        return [{"name": NAME, "category": "Browse", "view": DeployHistoryView()}]
