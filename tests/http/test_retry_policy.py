# SPDX-License-Identifier: Apache-2.0
"""Tests of retries and of the network policy."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest

from airflow_rollback_provider.domain.errors import PlatformUnreachable, TlsFailed
from airflow_rollback_provider.http.messages import Request, Response
from airflow_rollback_provider.http.retry_policy import Policy, RetryState, retry_after
from tests.support.builders import NOW

READ = Request("deploys", "POST", "https://h/v1")
WRITE = Request("roll_back", "POST", "https://h/v1", repeatable=False)


def answer(status: int, **headers: str) -> Response:
    """Return an answer with these headers."""
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"", NOW)


def pauses(request: Request, response: Response, policy: Policy | None = None) -> list[float]:
    """Return the pauses between tries that all get the same answer."""
    state = RetryState(policy or Policy(), request, lambda: 1.0)
    found = []
    while (pause := state.after_answer(response)) is not None:
        found.append(pause)
    return found


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_read_is_repeated_with_growing_pauses(status: int) -> None:
    """A temporary failure is tried four times in total."""
    assert pauses(READ, answer(status)) == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 501])
def test_a_permanent_answer_is_not_repeated(status: int) -> None:
    """A retry would not change it."""
    assert pauses(READ, answer(status)) == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_rollback_is_never_repeated(status: int) -> None:
    """A request that is not repeatable is sent once, whatever the answer."""
    assert pauses(WRITE, answer(status)) == []
    assert RetryState(Policy(), WRITE, lambda: 1.0).after_error(PlatformUnreachable("x")) is None


def test_retryable_errors_are_repeated() -> None:
    """A lost connection is tried again, an untrusted certificate is not."""
    state = RetryState(Policy(), READ, lambda: 1.0)
    assert state.after_error(PlatformUnreachable("x")) == 0.5
    assert state.after_error(TlsFailed("x")) is None


def test_jitter_shortens_a_pause_by_half_at_most() -> None:
    """Pauses of many requests spread over half of the pause."""
    assert RetryState(Policy(), READ, lambda: 0.0).after_answer(answer(503)) == 0.25


@pytest.mark.parametrize(
    ("after", "expected"),
    [("7", [7.0, 7.0, 7.0]), ("0", [0.5, 1.0, 2.0]), ("25", [25.0, 25.0]), ("3600", [])],
)
def test_retry_after_lengthens_a_pause(after: str, expected: list[float]) -> None:
    """It never shortens one, and all pauses of a request take a minute at most."""
    assert pauses(READ, answer(429, retry_after=after)) == expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "12"}, 12.0),
        ({"retry_after": " 12 "}, 12.0),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "²"}, None),
        ({"retry_after": "9" * 400}, 999_999_999.0),
        ({"retry_after": format_datetime(NOW + timedelta(seconds=30))}, 30.0),
        ({"retry_after": format_datetime(NOW - timedelta(seconds=30))}, 0.0),
        ({"retry_after": "Mon, 23 Nov 2026 12:00:30 -0000"}, 30.0),
        ({"retry_after": "1 Jan 1970 00:00:00"}, 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    """Both forms of the header are read; any other value counts as absent."""
    assert retry_after(answer(429, **headers)) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "Mon, 23 Nov 20260000000000000000 12:00:30 GMT",
        "Mon, 01 Jan 0200 00:00:00 GMT",
        "Mon, 01 Jan 0200 00:00:00 +1400",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Mon, 23 Nov 2026 99:99:99 GMT",
        "Mon, 23 Nov 2026 12:00:00 +99999999999999999999",
    ],
)
def test_a_date_that_is_none_is_as_good_as_none(text: str) -> None:
    """No header ends a request with an error of Python's."""
    assert answer(503, date=text).platform_time is None
    assert retry_after(answer(503, date=text, retry_after=text)) is None


def test_a_date_is_compared_with_the_platforms_clock() -> None:
    """The local clock's skew does not lengthen the pause."""
    platform = NOW + timedelta(hours=3)
    headers = {
        "date": format_datetime(platform),
        "retry_after": format_datetime(platform + timedelta(seconds=9)),
    }
    assert retry_after(answer(503, **headers)) == 9.0


def test_a_missing_ca_bundle_is_an_error_before_sending() -> None:
    """The error names the file and the field."""
    with pytest.raises(TlsFailed, match=r"file '/no/such\.pem'.*CA bundle"):
        _ = Policy(ca_bundle="/no/such.pem").trust
