# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the hook's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.sandbox.process import SandboxProcess

Connect = Callable[..., DeployHistoryHook]


@pytest.fixture
def connect(rollback_sandbox: SandboxProcess) -> Iterator[Connect]:
    """Return a function that makes a hook for the sandbox: token and fields of ``extra`` as arguments."""
    made: list[DeployHistoryHook] = []

    def make(token: str = "editor", **extra: Any) -> DeployHistoryHook:
        fields = {
            "conn_id": "apc",
            "schema": None,
            "port": None,
            **rollback_sandbox.connection(token, **extra),
        }
        hook = DeployHistoryHook("apc", connection=SimpleNamespace(**fields))
        hook.transport.sleep = lambda _seconds: None
        made.append(hook)
        return hook

    yield make
    for hook in made:
        hook.close()
