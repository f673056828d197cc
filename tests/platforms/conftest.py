# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the platforms' tests."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from airflow_rollback_provider.sandbox.client import PLATFORMS
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.platforms.talking import DRIVERS, Talk, Talker, talker


@pytest.fixture(params=list(product(PLATFORMS, DRIVERS)), ids="-".join)
def talk(request: pytest.FixtureRequest, rollback_sandbox: SandboxProcess) -> Talk:
    """Return a function that makes a talker to the sandbox: token and fields of ``extra`` as arguments.

    Whoever uses it runs for each platform over each transport.
    """
    platform, driver = request.param

    def make(token: str = "editor", **extra: Any) -> Talker:
        return talker(driver, rollback_sandbox.connection(token, platform, **extra))

    return make
