# SPDX-License-Identifier: Apache-2.0
"""What happens to a test that lacks a program."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def do_without(what: str) -> NoReturn:
    """Skip a test for want of something; in CI, which installs all of it, that is a failure."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)
