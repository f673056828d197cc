# SPDX-License-Identifier: Apache-2.0
"""Skips or fails a test that lacks a program."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def do_without(what: str) -> NoReturn:
    """Skip a test that lacks a program; in CI, which installs all of them, fail it."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)
