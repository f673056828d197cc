# SPDX-License-Identifier: Apache-2.0
"""``make page``: an Airflow with the Deploy History page, its Dag, and deploys to play with."""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow_rollback_provider.platforms.connection_types import PRIVATE_CLOUD
from demo.airflow_settings import airflow_major
from demo.story import CONNECTION, DAG_ID, example_dag, platform_with_slow_rollbacks, run_to_exit_code, step
from demo.web_airflow import User, WebAirflow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_rollback_provider.sandbox.process import SandboxProcess

CONN_ID = PRIVATE_CLOUD.default_conn_id
SETTING = "AIRFLOW__AIRFLOW_ROLLBACK__PAGE_CONNECTIONS"
_SECONDS_FOR_THE_PAGE = 120.0
_BILLING = (
    "Billing",
    "CI deployed release-45 again after a rollback from it; release-40 and -43 are no targets",
)
_SEEDED = {
    "dag-deploy-af3": ("Orders", "months of deploys, many of Dags alone"),
    "moved-to-af3": ("Moved to Airflow 3", "the release before runs Airflow 2"),
    "rollback-disabled": ("Rollbacks disabled", "the platform allows no rollback"),
}
_DAY = 86_400.0
_DEPLOYS: list[dict[str, Any]] = [
    {"age": 60 * _DAY, "tag": "release-38", "runtime": "12.7.1", "description": "Release 38"},
    {"age": 40 * _DAY, "tag": "release-39", "runtime": "13.2.0", "description": "Release 39"},
    {"age": 30 * _DAY, "tag": "release-40", "runtime": "3.0-4", "description": "Release 40: Airflow 3"},
    {"age": 20 * _DAY, "tag": "release-41", "runtime": "3.1-12", "description": "Release 41"},
    {"age": 5 * _DAY, "tag": "release-42", "author": "bo.lindqvist", "description": "Release 42"},
    {"age": 2 * _DAY, "tag": "release-43", "outcome": "FAILED", "reason": "image pull back-off"},
    {"age": _DAY, "tag": "release-44", "description": "Release 44"},
    {"age": 0.2 * _DAY, "tag": "release-45", "description": "Release 45: faster invoices"},
    {"age": 0.1 * _DAY, "rollback_to": 6, "author": "ana.silva", "description": "Invoices are doubled"},
    {"age": 0.01 * _DAY, "tag": "release-45", "description": "Release 45: faster invoices"},
]


def _run() -> int:
    with contextlib.ExitStack() as stack:
        sandbox = stack.enter_context(platform_with_slow_rollbacks())
        deployments = _deployments(sandbox)
        labels = {deployment_id: label for deployment_id, (label, _) in deployments.items()}
        environment = {
            CONNECTION: sandbox.connection_json(),
            SETTING: json.dumps({CONN_ID: {"deployments": labels}}),
        }
        user = User("admin", secrets.token_urlsafe(9), "admin")
        airflow = WebAirflow([example_dag()], environment, [user])
        stack.enter_context(step("Starting Airflow in a temporary directory", airflow))
        airflow.wait_for_dag(DAG_ID, _SECONDS_FOR_THE_PAGE)
        query = urlencode({"connection": CONN_ID, "deployment": next(iter(deployments))})
        airflow.wait_for_page(f"rollback/api/history?{query}", user, _SECONDS_FOR_THE_PAGE)
        _show(airflow.url, user, deployments.values())
        airflow.run()
    return 0


def _deployments(sandbox: SandboxProcess) -> dict[str, tuple[str, str]]:
    """Make *Billing*; return the label and the description of each Deployment of the page, by id."""
    billing = sandbox.add_deployment(
        "billing", label=_BILLING[0], release="amber-comet-4545", deploys=_DEPLOYS
    )
    seeded = {sandbox.deployment(key, rows=0)["id"]: texts for key, texts in _SEEDED.items()}
    return {billing["id"]: _BILLING, **seeded}


def _show(url: str, user: User, deployments: Iterable[tuple[str, str]]) -> None:
    path = "plugin/deploy-history" if airflow_major() >= 3 else "rollback/"
    print(f"\nThe page: {url}{path}\nLog in as {user.name} with the password {user.password}\n")
    for label, description in deployments:
        print(f"  {label:18}  {description}")
    print(
        f"\nThe page starts the Dag {DAG_ID}. Ctrl-C ends everything within some ten seconds.",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(run_to_exit_code(_run))
