# SPDX-License-Identifier: Apache-2.0
"""The embedded platform under a short name."""

from __future__ import annotations

import pytest

from airflow_rollback_provider.sandbox.process import SandboxProcess


@pytest.fixture
def sandbox(rollback_sandbox: SandboxProcess) -> SandboxProcess:
    """The embedded platform."""
    return rollback_sandbox
