# SPDX-License-Identifier: Apache-2.0
"""Hooks for the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.talking import connection

# Names of the requests where they arrive: those of a plan, the last check, the rollback.
OPERATIONS = {
    "astro_private_cloud": {
        "survey": ("SurveyContext", "SurveyHistory"),
        "look": "Deploys",
        "roll_back": "RollBack",
    },
    "astro": {
        "survey": ("GetDeployment", "ListDeploys"),
        "look": "ListDeploys",
        "roll_back": "DeployRollback",
    },
}


class Connect:
    """Makes hooks for the sandbox as one platform: token and fields of ``extra`` as arguments."""

    def __init__(self, sandbox: SandboxProcess, platform: str) -> None:
        self.sandbox = sandbox
        self.platform = platform
        self.made: list[DeployHistoryHook] = []

    @property
    def operations(self) -> dict[str, Any]:
        """The names of the requests on this platform."""
        return OPERATIONS[self.platform]

    def __call__(self, token: str = "editor", **extra: Any) -> DeployHistoryHook:
        """Make a hook that does not wait between polls."""
        values = self.sandbox.connection(token, self.platform, **extra)
        hook = DeployHistoryHook("apc", connection=connection(**values))
        hook.transport.sleep = lambda _seconds: None
        self.made.append(hook)
        return hook

    def json(self, token: str = "editor", **extra: Any) -> str:
        """Return the connection as Airflow reads it from the environment."""
        return self.sandbox.connection_json(token, self.platform, **extra)

    def sent(self) -> int:
        """Count the rollback requests that arrived."""
        name = self.operations["roll_back"]
        return sum(request["operation"] == name for request in self.sandbox.requests())


def need(offered: bool, what: str) -> None:
    """Leave a case out that is about something which the platform does not offer and says so."""
    if not offered:
        pytest.skip(f"the platform says that it does not offer {what}")
