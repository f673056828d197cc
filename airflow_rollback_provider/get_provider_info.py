# SPDX-License-Identifier: Apache-2.0
"""The provider's metadata: connection types with their forms, hooks, operators, sensors, triggers, link."""

from __future__ import annotations

from typing import Any

from airflow_rollback_provider import __version__
from airflow_rollback_provider.hooks import form
from airflow_rollback_provider.platforms.connection_types import ASTRO, PRIVATE_CLOUD

_NAME = "Astro deploy rollbacks"
_PACKAGE = "airflow_rollback_provider"
_HOOKS = f"{_PACKAGE}.hooks.deploy_history"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata, for the entry point ``apache_airflow_provider``.

    It names modules and does not import them: Airflow calls this function whenever it starts.
    """
    return {
        "package-name": "airflow-rollback-provider",
        "name": _NAME,
        "description": "Roll an Astro Deployment back to an earlier deploy from a Dag.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _NAME,
                "external-doc-url": "https://www.astronomer.io/docs",
                "tags": ["service"],
            }
        ],
        "hooks": [_modules("hooks.airflow_api", "hooks.deploy_history")],
        "operators": [
            _modules(
                "operators.decide",
                "operators.deploy_health",
                "operators.drain",
                "operators.fleet",
                "operators.rollback",
                "operators.verify",
            )
        ],
        "sensors": [_modules("sensors.deploys")],
        "triggers": [
            _modules(
                "triggers.deploy_health",
                "triggers.deploys",
                "triggers.drain",
                "triggers.pods",
                "triggers.rollback",
            )
        ],
        "extra-links": [f"{_PACKAGE}.links.deploy_history.DeployHistoryLink"],
        "connection-types": [
            form.provider_connection_type(PRIVATE_CLOUD, f"{_HOOKS}.DeployHistoryHook"),
            form.provider_connection_type(ASTRO, f"{_HOOKS}.AstroDeployHistoryHook"),
            {
                "connection-type": "airflow_api",
                "hook-class-name": f"{_PACKAGE}.hooks.airflow_api.AirflowApiHook",
                "hook-name": "Airflow REST API",
                "ui-field-behaviour": form.with_dashes(form.airflow_api_behaviour()),
            },
        ],
        "config": {"airflow_rollback": _config()},
    }


def _config() -> dict[str, Any]:
    return {
        "description": "Rollbacks of Astro Deployments.",
        "options": {
            "this_deployment": _option(
                "Id or release name of the Deployment that this Airflow runs in, where the environment does "
                "not show it. A task that waits in this Deployment may not downgrade it.",
                "stellar-orbit-4821",
            ),
            "page_connections": _option(
                "The connections and Deployments of the page Deploy History, as JSON with ids or release "
                "names. The page gives no access to others.",
                '{"astro_private_cloud_default": ["stellar-orbit-4821"]}',
            ),
        },
    }


def _option(description: str, example: str) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": "string",
        "example": example,
        "default": "",
    }


def _modules(*names: str) -> dict[str, Any]:
    return {"integration-name": _NAME, "python-modules": [f"{_PACKAGE}.{name}" for name in names]}
