# SPDX-License-Identifier: Apache-2.0
"""A sandbox and a hook for it, for the benchmarks that count requests."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.sandbox.process import SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTION = "benchmark"


@contextmanager
def sandbox_and_hook() -> Iterator[tuple[SandboxProcess, DeployHistoryHook]]:
    """Start a sandbox and name a connection to it in the environment."""
    with SandboxProcess() as sandbox:
        os.environ[f"AIRFLOW_CONN_{CONNECTION.upper()}"] = sandbox.connection_json("editor")
        sandbox.settings(rollback_seconds=0)
        yield sandbox, DeployHistoryHook(CONNECTION)
