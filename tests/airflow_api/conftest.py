# SPDX-License-Identifier: Apache-2.0
"""An Airflow to ask, on either line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fake_airflow import FakeAirflow, serving


@pytest.fixture(params=["2.11.2", "3.3.2"])
def airflow(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    """Airflow 2 behind v1, Airflow 3 behind v2."""
    with serving(FakeAirflow(request.param)) as fake:
        yield fake
