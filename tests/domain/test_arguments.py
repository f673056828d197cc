# SPDX-License-Identifier: Apache-2.0
"""Times are read alike on every Python."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_rollback_provider.domain.arguments import moment, names, read_time
from airflow_rollback_provider.domain.errors import BadInput

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-01T12:00:00Z",
        "2026-11-01T12:00:00+0000",
        "2026-11-01T12:00:00+00",
        "2026-11-01T12:00:00.000Z",
        "2026-11-01 13:00:00.000000000+01:00",
        " 2026-11-01T12:00z ",
        "2026-11-01T12:00:00,0 -0000",
        "20261101T120000Z",
        "1793534400000",
    ],
)
def test_every_form_of_a_time(written: str) -> None:
    """Python 3.10 alone reads but two of them."""
    assert read_time(written) == NOON
    assert moment(written, "since") == NOON


@pytest.mark.parametrize(
    "written",
    ["1793534400", "17121101", "2026-W44-1", "0001-01-01T00:00+14:00", "2026-11-31T00:00Z", "tomorrow", ""],
)
def test_what_is_no_time(written: str) -> None:
    """A long number is no year of the 18th century."""
    with pytest.raises(ValueError, match=r"."):
        read_time(written)


def test_a_time_may_be_native_and_needs_a_zone() -> None:
    """A native template renders a datetime as such."""
    assert moment(NOON, "since") == NOON
    assert moment(None, "since") is None
    for value in (NOON.replace(tzinfo=None), "2026-11-01"):
        with pytest.raises(BadInput, match=r"since is .* no zone"):
            moment(value, "since")


def test_one_number_is_one_name() -> None:
    """A native template renders a list of one Dag as its id."""
    assert names(123, "critical_dags") == ("123",)
