# SPDX-License-Identifier: Apache-2.0
"""Tests of versions, logins, pages and failures."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_rollback_provider.airflow_api import api
from airflow_rollback_provider.domain.errors import (
    MalformedAnswer,
    PermissionMissing,
    PlatformError,
    PlatformFailed,
    PlatformUnreachable,
    RateLimited,
    RollbackError,
    TokenExpired,
    TokenRefused,
    TooMuchToRead,
)
from tests.airflow_api.talking import Talker, connection, of_fake
from tests.support.fake_airflow import TOKEN, FakeAirflow, serving

NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def test_the_version_is_read_once(airflow: FakeAirflow) -> None:
    """The first request is to the newer API; later requests go to the API that answered."""
    talker = Talker(of_fake(airflow))
    version = talker.run(talker.api.version())
    assert (version.api, version.airflow) == (airflow.api.removeprefix("/api/"), airflow.version)
    assert version.airflow_series == tuple(int(part) for part in airflow.version.split(".")[:2])
    talker.run(talker.api.components())
    talker.run(talker.api.components())
    assert sum(line.endswith("/version") for line in airflow.requests) == (2 if version.api == "v1" else 1)


def test_a_given_version_is_not_detected(airflow: FakeAirflow) -> None:
    """If it is wrong, the error says so."""
    name = airflow.api.removeprefix("/api/")
    talker = Talker(of_fake(airflow, extra={"api_version": name}))
    talker.run(talker.api.version())
    assert airflow.requests == [f"GET {airflow.api}/version"]
    wrong = Talker(of_fake(airflow, extra={"api_version": "v1" if name == "v2" else "v2"}))
    with pytest.raises(PlatformFailed, match="No REST API of Airflow answers"):
        wrong.run(wrong.api.version())


@pytest.mark.parametrize(
    "fields",
    [{}, {"login": None, "password": TOKEN}],
    ids=["login", "token"],
)
def test_credentials(airflow: FakeAirflow, fields: dict[str, Any]) -> None:
    """Login and password, or a token: on Airflow 3 a login starts one session."""
    talker = Talker(of_fake(airflow, **fields))
    assert talker.run(talker.api.check()).startswith(f"Airflow {airflow.version} answers at {airflow.url} ")
    talker.run(talker.api.components())
    assert airflow.sessions == (1 if not fields and airflow.api == "/api/v2" else 0)


def test_a_token_without_a_prefix() -> None:
    """Some platforms require it."""
    with serving(FakeAirflow()) as airflow:
        talker = Talker(of_fake(airflow, login=None, password=TOKEN, extra={"auth_scheme": "none"}))
        talker.run(talker.api.components())


def test_a_session_that_has_ended() -> None:
    """A new session replaces it."""
    with serving(FakeAirflow()) as airflow:
        talker = Talker(of_fake(airflow))
        talker.run(talker.api.components())
        airflow.session = "another one"
        assert talker.run(talker.api.components())["scheduler"] == "healthy"
        assert airflow.sessions == 2


@pytest.mark.parametrize("fields", [{}, {"login": None}], ids=["login", "token"])
def test_a_wrong_password(airflow: FakeAirflow, fields: dict[str, Any]) -> None:
    """It is refused and not tried again, and the error does not contain it."""
    talker = Talker(of_fake(airflow, password="mi55taken", **fields))
    kind = PermissionMissing if airflow.api == "/api/v1" else TokenRefused  # as each Airflow answers
    with pytest.raises(kind, match="password") as caught:
        talker.run(talker.api.components())
    assert "mi55taken" not in str(caught.value)
    assert talker.pauses == []


def test_an_expired_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow 3 names it in its answer."""
    with serving(FakeAirflow()) as airflow:
        monkeypatch.setattr(airflow, "page", lambda *_: (401, {"detail": "Token Expired"}))
        talker = Talker(of_fake(airflow, login=None, password=TOKEN))
        with pytest.raises(TokenExpired, match="has expired"):
            talker.run(talker.api.components())


@pytest.mark.parametrize(
    ("status", "kind", "tries"),
    [
        (400, MalformedAnswer, 1),
        (403, PermissionMissing, 1),
        (404, PlatformFailed, 1),
        (422, MalformedAnswer, 1),
        (429, RateLimited, 4),
        (500, PlatformFailed, 4),
        (503, PlatformFailed, 4),
    ],
)
def test_failures(airflow: FakeAirflow, status: int, kind: type[RollbackError], tries: int) -> None:
    """Temporary failures are retried; the error has the address, status and message, and no secret."""
    talker = Talker(of_fake(airflow, password=TOKEN, login=None))
    talker.run(talker.api.version())
    before = len(airflow.requests)
    airflow.faults += [status] * tries
    with pytest.raises(kind, match=f"{airflow.url}.*HTTP {status}.*injected by") as caught:
        talker.run(talker.api.components())
    assert len(airflow.requests) - before == tries
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("after", ["3.3.2", "2.11.2"])
def test_another_version_takes_over(airflow: FakeAirflow, after: str) -> None:
    """After an HTTP 404, the next request reads the version again and logs in."""
    talker = Talker(of_fake(airflow))
    airflow.add_dag("a")
    assert talker.run(talker.api.dags())
    if airflow.version == after:
        airflow.faults.append(405)
    airflow.change_to(after)
    airflow.session = ""
    with pytest.raises(PlatformError):
        talker.run(talker.api.dags())
    before = len(airflow.requests)
    assert [dag.dag_id for dag in talker.run(talker.api.dags())] == ["a"]
    assert talker.run(talker.api.version()).airflow == after
    assert airflow.requests[before] == "GET /api/v2/version"
    assert talker.pauses == []


def test_a_session_that_ends_as_another_version_takes_over() -> None:
    """If the login fails with HTTP 404, the next request reads the version again as well."""
    with serving(FakeAirflow()) as airflow:
        talker = Talker(of_fake(airflow))
        talker.run(talker.api.version())
        airflow.change_to("2.11.2")
        with pytest.raises(PlatformFailed, match="'log in'"):
            talker.run(talker.api.dags())
        assert talker.run(talker.api.dags()) == ()


def test_a_missing_page_is_requested_once(airflow: FakeAirflow) -> None:
    """The method fails after one request, and reading the version again takes few."""
    talker = Talker(of_fake(airflow))
    for _ in range(3):
        before = len(airflow.requests)
        with pytest.raises(PlatformFailed, match="HTTP 404"):
            talker.run(talker.api.set_paused("gone", True))
        assert len(airflow.requests) - before == 3  # version twice, or version and login


def test_an_unreachable_airflow() -> None:
    """The error names the Airflow, not the platform."""
    talker = Talker(connection(host="http://127.0.0.1:9"))
    with pytest.raises(PlatformUnreachable, match=r"to the Airflow at 127\.0\.0\.1:9 failed"):
        talker.run(talker.api.components())


def test_pages(airflow: FakeAirflow) -> None:
    """All pages of a list are read, each row once."""
    airflow.add_runs("a", [NOW + timedelta(seconds=number) for number in range(250)])
    talker = Talker(of_fake(airflow))
    runs = talker.run(talker.api.runs(NOW, NOW + DAY))
    assert len({run.run_id for run in runs}) == 250
    assert sum("/dagRuns?" in line for line in airflow.requests) == 3


def test_a_list_that_is_too_long(airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit protects the memory and the Airflow."""
    monkeypatch.setattr(api, "MOST_ROWS", 150)
    airflow.add_runs("a", [NOW] * 201)
    talker = Talker(of_fake(airflow))
    with pytest.raises(TooMuchToRead, match="201 rows"):
        talker.run(talker.api.runs(NOW, NOW + DAY))


def test_another_server_answers(airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer without the expected rows is malformed."""
    talker = Talker(of_fake(airflow))
    talker.run(talker.api.version())
    monkeypatch.setattr(airflow, "page", lambda *_: (200, {"html": "Welcome"}))
    for flow in (talker.api.runs(NOW, NOW + DAY), talker.api.dags(), talker.api.import_errors()):
        with pytest.raises(MalformedAnswer, match="check the connection's host"):
            talker.run(flow)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"dag_id": "a"}, "dag_run_id"),
        (
            {"dag_id": "a", "dag_run_id": "r", "run_type": "scheduled", "state": "s", "start_date": "x"},
            "start_date",
        ),
    ],
)
def test_malformed_rows(airflow: FakeAirflow, row: dict[str, Any], problem: str) -> None:
    """The error names the field."""
    talker = Talker(of_fake(airflow))
    airflow.find_runs = lambda wanted: [row]  # type: ignore[method-assign]
    with pytest.raises(MalformedAnswer, match=problem):
        talker.run(talker.api.runs(NOW, NOW + DAY))
