# SPDX-License-Identifier: Apache-2.0
"""Tasks keep their state in a dictionary here."""

from __future__ import annotations

from tests.support.store import store  # noqa: F401 - an autouse fixture
